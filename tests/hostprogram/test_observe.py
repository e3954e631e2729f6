"""What `observe` asks of a host, and when."""

from __future__ import annotations

import time

import pytest

from .bash import run

# What `observe` asks of a host is played; what it asks, and when, is not.
OBSERVED = """
systemctl() { :; }; versions() { :; }; serial() { echo 7; }
has_data() { false; }; member_healthy() { false; }
check_host() { echo "asked: $*"; }
for area in packages registry host pki member client; do
  eval "${area}_drift() { :; }"
done
"""


def observed(formed: str, *arguments: str) -> list[str]:
    """What `observe` says, where this cluster is remembered."""
    remembered = f"recall() {{ [[ $1 != formed ]] || printf '%s' '{formed}'; }}; "
    done = run(f"{OBSERVED} {remembered} verb_observe {' '.join(arguments)}")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_clock_is_told_first_and_last_when_a_host_is_observed() -> None:
    """Whoever hears it knows when it was read, however long all the rest took."""
    facts = observed("", "containerd", "/run/c.sock", "192.0.2.1")
    first, last = facts[0].partition(": "), facts[-1].partition(": ")
    assert (first[0], last[0]) == ("clock-begin", "clock-end")
    assert time.time() - 60 < float(first[2]) <= float(last[2]) <= time.time()


def test_host_is_checked_with_the_others_addresses_when_it_is_no_member_yet() -> None:
    """They come behind the runtime's unit and socket."""
    facts = observed("", "containerd", "/run/c.sock", "192.0.2.1", "2001:db8::2")
    assert "asked: 192.0.2.1 2001:db8::2" in facts


@pytest.mark.parametrize(
    ("formed", "arguments"),
    [("cafe", ("containerd", "/run/c.sock", "192.0.2.1")), ("", ())],
    ids=["a member", "asked by hand"],
)
def test_host_is_not_checked_when_it_is_a_member_or_nothing_is_wanted(
    formed: str, arguments: tuple[str, ...]
) -> None:
    """A member's ports are in use, by itself; and its disk is not written to at each preview."""
    assert not [fact for fact in observed(formed, *arguments) if fact.startswith("asked")]
