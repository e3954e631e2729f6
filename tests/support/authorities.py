"""Steps on the way from one CA to another, and what each of them costs."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.unharmed import unharmed
from tests.support.upgrades import DROPPED, starts

PKI = "/etc/kubernetes/pki/etcd"


def authorities(stack: Stack, wanted: Sequence[int]) -> None:
    """Have the next `up` take this step."""
    stack.config["certificates"] = {
        **stack.config.get("certificates", {}),
        "authorities": list(wanted),
    }


@dataclass(frozen=True, kw_only=True)
class Step:
    """One `up` to other authorities, under a client that wrote all the time."""

    wanted: Sequence[int]
    seconds: float
    acknowledged: int
    failed: Sequence[str]
    longest_gap: float
    moves: int
    starts: Mapping[str, int]

    def __str__(self) -> str:
        """One line for who reads the run's record."""
        return (
            f"authorities {list(self.wanted)}: {self.seconds:.1f} s; starts of etcd "
            f"{'/'.join(map(str, self.starts.values()))}; moves {self.moves}; {self.acknowledged} "
            f"writes, {len(self.failed)} failed {list(self.failed)}, longest gap "
            f"{self.longest_gap:.2f} s"
        )


def step(stack: Stack, client: Client, wanted: Sequence[int]) -> Step:
    """Take it. No acknowledged write is lost, and it is the same cluster."""
    authorities(stack, wanted)
    before, term = starts(stack.lab)["etcd"], client.term()
    with unharmed(client) as writer:
        began = time.monotonic()
        stack.up()
        seconds = time.monotonic() - began
    now = starts(stack.lab)["etcd"]
    return Step(
        wanted=wanted,
        seconds=seconds,
        acknowledged=len(writer.acknowledged),
        failed=writer.failed,
        longest_gap=writer.longest_gap,
        moves=client.term() - term,
        starts={name: now[name] - before[name] for name in NAMES},
    )


def assert_gentle(done: Step, restarts: int) -> None:
    """Each member was restarted this often, the leadership moved once at most, and clients noticed
    no more than a write that was in flight at that move, or at a member that went away.
    """
    assert set(done.starts.values()) == {restarts}, done
    assert done.moves <= restarts, done
    assert len(done.failed) <= restarts * len(NAMES), done
    assert all(re.search(DROPPED, said) for said in done.failed), done


def goes(stack: Stack, client: Client, wanted: Sequence[int], *, restarts: int) -> None:
    """One step: gentle, whole, and nothing is left to do after it."""
    done = step(stack, client, wanted)
    print(done)
    assert_gentle(done, restarts)
    stack.pulumi("preview", "--expect-no-changes")
    listed = stack.outputs()["certificateAuthorities"]
    assert [each["authority"] for each in listed] == list(wanted)
    assert [each["role"] for each in listed] == ["issues", "is trusted"][: len(wanted)]


def chain_of(lab: Lab, name: str, leaf: str) -> list[str]:
    """Who issued each certificate in this file of a host, by common name."""
    text = lab.ssh(name, f"cat {PKI}/{leaf}.crt").stdout
    return [
        str(each.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        for each in x509.load_pem_x509_certificates(text.encode())
    ]
