"""Commands as the host program would take them: its verbs, and the keys that each one reads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from etcd_cluster import hostprogram

from .graph import contains_unknown, open_secret

# The example's own program: what its verbs take is kubeadm's to say.
_EXAMPLES_PROGRAM = re.compile(
    r"(sudo -n )?(rm -f )?/usr/local/sbin/kubernetes-control-plane"
    r"( (apply|kubeconfig|reset|client \S+ [0-9a-f]{64}|forget-client \S+)( #.*)?)?"
)


def refusals(inputs: Mapping[str, Any]) -> list[str]:
    """Why the host program would refuse a command: its verbs, and what they are told on stdin."""
    found: list[str] = []
    for key in ("create", "update", "delete"):
        line = open_secret(inputs.get(key, ""))
        if not line or contains_unknown(line) or "sha256sum -c" in line:
            continue
        if _EXAMPLES_PROGRAM.fullmatch(line):
            continue
        verb = verb_of(line)
        if f"\nverb_{verb.replace('-', '_')}() {{" not in hostprogram.text():
            found.append(f"{line}: the host program has no such verb")
        elif not contains_unknown(open_secret(inputs.get("stdin", ""))):
            stdin = str(open_secret(inputs["stdin"])) if "stdin" in inputs else ""
            found += _refused_keys(verb, stdin)
    return found


def _refused_keys(verb: str, stdin: str) -> list[str]:
    wanted = reads(verb)
    state = (yaml.safe_load(stdin) if wanted else None) or {}
    known = [each.rstrip("?") for each in wanted]
    return [
        f"{verb}: {key} is no key of its state; it takes {wanted}"
        for key in state
        if key not in known and not key.startswith(tuple(e[:-1] for e in known if e[-1] == "*"))
    ] + [
        f"{verb}: its state lacks {each}"
        for each in wanted
        if each[-1] not in "?*" and not state.get(each)
    ]


@cache
def reads(verb: str) -> tuple[str, ...]:
    """The keys that a verb's `read_state` names, as the host program has them now.

    `name`, `name?` for one that may be left out, `prefix*`; nothing for a verb that reads no stdin.
    """
    text = hostprogram.text().replace("\\\n", " ")
    body = re.search(rf"^verb_{verb.replace('-', '_')}\(\) {{(.*?)^}}", text, re.M | re.S)
    called = re.search(r"^ *read_state (.+)$", body[1], re.M) if body else None
    return tuple(_words(called[1], text) if called else ())


def _words(line: str, text: str) -> Iterator[str]:
    """The words of a shell's line; those of an array for its name, and of arrays in that."""
    for word in shlex.split(line):
        array = re.fullmatch(r"\$\{(\w+)\[@\]\}", word)
        if array:
            listed = re.search(rf"^(?:readonly )?{array[1]}=\((.*?)\)", text, re.M | re.S)
            yield from _words(listed[1], text) if listed else ()
        else:
            yield word


def verb_of(line: str) -> str:
    """`leave` of `sudo -n /usr/local/sbin/etcd-host leave # why`; nothing for the installation."""
    return line.partition("/etcd-host ")[2].partition(" ")[0]
