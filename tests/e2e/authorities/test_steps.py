"""A new CA takes over, one reviewed edit a step, while clients write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.authorities import authorities, chain_of, goes
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, powered_off, reboot_all
from tests.support.secrets import holding, readable, sampled
from tests.support.terminal import faults, one_error
from tests.support.unharmed import UP, unharmed
from tests.support.untouched import untouched

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1200)]
GUIDE = "docs/runbooks/rotate-ca.md"


def refused(stack: Stack, wanted: Sequence[int], *words: str) -> None:
    """Neither a preview nor an `up` goes there, and the text says which step comes first."""
    certificates = {"authorities": list(wanted)}
    with untouched(stack.lab), configured(stack, certificates=certificates):
        for command in (("preview",), UP):
            (line,) = faults(one_error(stack.pulumi(*command, check=False)))
            assert f"certificates.authorities {list(wanted)} skips a step" in line
            assert all(word in line for word in (*words, GUIDE, *NAMES)), line


def test_the_first_step_makes_every_member_trust_both(
    formed: Stack, hosts: Lab, first: Client
) -> None:
    """One restart each."""
    refused(formed, [2], "First set authorities to [1, 2]")
    refused(formed, [2, 1], "First set authorities to [1, 2]", "trusts authority 1 alone")
    authorities(formed, [1, 2])
    text = formed.preview()
    assert len(re.findall(r'\+ trusted +: "1-2"', text)) == len(NAMES), text
    assert "replace" not in text
    goes(formed, first, [1, 2], restarts=1)
    refused(formed, [2], "certificates of authority 1", "First set authorities to [2, 1]")
    with unharmed(first):
        reboot_all(hosts)


def test_the_second_step_needs_every_member(formed: Stack, hosts: Lab) -> None:
    """Of a host that does not answer nobody knows which CAs its etcd trusts."""
    authorities(formed, [1, 2])
    with powered_off(hosts, "etcd03"), configured(formed, certificates={"authorities": [2, 1]}):
        with untouched(hosts, "etcd01", "etcd02"):
            error = one_error(formed.pulumi(*UP, check=False))
        assert "etcd03" in error
        assert "needs every member to take part" in error
    formed.up()


def test_the_second_step_gives_out_certificates_of_the_new_one(
    formed: Stack, hosts: Lab, first: Client, tmp_path: Path
) -> None:
    """Without a restart; those who trust only the first CA go on, and so do its certificates."""
    goes(formed, first, [2, 1], restarts=0)
    for name in NAMES:
        assert chain_of(hosts, name, "server") == ["etcd-ca-2", "etcd-ca"]
    refused(formed, [1], "certificates of authority 2", "First set authorities to [1, 2]")
    followed = Client(tmp_path / "followed", formed.outputs())
    with unharmed(first), unharmed(followed):
        reboot_all(hosts)


def test_the_last_step_ends_the_first_one(
    formed: Stack, hosts: Lab, first: Client, tmp_path: Path
) -> None:
    """Its certificates are refused, and it is not accepted."""
    followed = Client(tmp_path / "followed", formed.outputs())
    goes(formed, followed, [2], restarts=1)
    assert first.healthy() == 0
    newest = Client(tmp_path / "newest", formed.outputs())
    assert newest.healthy() == followed.healthy() == len(NAMES)
    refused(formed, [1], "First set authorities to [2, 1]")
    refused(formed, [1, 2], "First set authorities to [2, 1]")
    with unharmed(newest):
        reboot_all(hosts)


def test_no_key_of_an_authority_gets_anywhere(formed: Stack, hosts: Lab) -> None:
    """They are in the state alone, encrypted. A step shows those of the first and of the second one
    neither on the terminal nor in a process list, and leaves them in no file and no journal.
    """
    authorities(formed, [2, 1])
    with sampled() as seen:
        text = formed.pulumi("up", "--yes", "--diff").text
    keys = formed.private_keys()
    assert {"etcd-ca-key", "etcd-ca-2-key"} <= keys.keys()
    assert "etcd-etcd01-pki" in text
    assert any(b"/usr/local/sbin/etcd-host\0pki" in each for each in seen)
    journals = [
        hosts.ssh(name, "journalctl --sync; journalctl --all --output=export --no-pager").stdout
        for name in NAMES
    ]
    state = formed.state_file.read_bytes()
    assert readable(keys, text, b"\0\0".join(seen), state, *journals) == set()
    for name in NAMES:
        assert holding(hosts, name, [keys["etcd-ca-key"], keys["etcd-ca-2-key"]]) == []
