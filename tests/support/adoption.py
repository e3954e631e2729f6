"""A cluster on its way into a stack: what each `up` may cost."""

from __future__ import annotations

from pathlib import Path

from lab.lab import Lab
from lab.stack import Stack
from tests.support.authorities import authorities
from tests.support.etcd import Client
from tests.support.hosts import NAMES, start_times
from tests.support.unharmed import UP, unharmed

PROGRAMS = ("etcd", "kubelet", "containerd")


def processes(lab: Lab) -> dict[str, dict[str, str]]:
    """When each program started on each host."""
    running = {}
    for program in PROGRAMS:
        if lab.ssh("etcd01", f"pgrep -x {program}", check=False).returncode == 0:
            running[program] = start_times(lab, program)
    return running


def adopted_untouched(stack: Stack, client: Client) -> None:
    """The first `up`, while the client writes: nothing was restarted, and no write failed."""
    before = processes(stack.lab)
    assert {"etcd", "kubelet"} <= set(before)
    with unharmed(client) as writer:
        text = stack.pulumi(*UP).text
    assert "takes over the cluster" in text
    assert processes(stack.lab) == before
    assert writer.failed == []
    assert stack.outputs()["clusterId"] == stack.config["adopt"]


def rolled(stack: Stack, client: Client) -> None:
    """One `up` that restarts every member once, while the client writes."""
    before, term = start_times(stack.lab, "etcd"), client.term()
    with unharmed(client) as writer:
        stack.up()
    after = start_times(stack.lab, "etcd")
    assert all(after[name] != before[name] for name in NAMES)
    moves = client.term() - term
    print(
        f"rolled: {len(writer.acknowledged)} writes, failed {writer.failed}, longest gap "
        f"{writer.longest_gap:.2f} s, the leadership moved {moves} times"
    )
    assert len(writer.failed) <= moves


def is_clean(stack: Stack, client: Client) -> None:
    """All members serve, and neither the preview nor the next `up` has anything to do."""
    assert client.healthy() == len(NAMES)
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi(*UP, "--expect-no-changes")


def another_ca_takes_over(stack: Stack, client: Client, folder: Path) -> Client:
    """From `[0, 1]` without the key of 0 to `[1]`, as the runbook has it; a client of the end.

    client: one of the CA 0, which follows with the CAs that it trusts alone.
    """
    client.files["cacert"].write_text(stack.outputs()["caCertificate"])
    authorities(stack, [1, 0])
    before = start_times(stack.lab, "etcd")
    with unharmed(client) as writer:
        stack.up()
    assert writer.failed == []
    assert start_times(stack.lab, "etcd") == before
    is_clean(stack, client)
    own = Client(folder, stack.outputs())
    authorities(stack, [1])
    rolled(stack, own)
    own = Client(folder, stack.outputs())
    is_clean(stack, own)
    assert client.healthy() == 0
    return own
