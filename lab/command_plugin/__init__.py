"""A stand-in for Pulumi's command plugin, where Pulumi's downloads are out of reach.

It speaks Pulumi's plugin protocol and serves two types of pulumi-command 1.2.1,
`command:remote:Command` and `command:local:Command`, with that version's inputs, outputs, rules
and error text, so that a program cannot tell which of the two it runs on.
tests/contract runs the same cases against either.

    server.py      the gRPC service, and what ends a running operation
    checks.py      Check: required values, types, defaults, secrets
    diffs.py       Diff: property by property
    operations.py  Create, Update, Delete, and what a preview knows of their outputs
    remote.py      one command over SSH       dial.py   reaching the host, with retries
    local.py       one command on this machine
    engine.py      the engine's log           lifetime.py  noticing that the engine died
    values.py      property values            errors.py    the errors that a user reads
"""

VERSION = "1.2.1"
"""The version of pulumi-command whose behaviour this follows."""
