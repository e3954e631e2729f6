"""A member's machine was copied: the copy takes neither its entry nor its address, and joins anew
once it was abandoned."""

from __future__ import annotations

import subprocess

import pytest

from lab.errors import LabError
from lab.lab import Lab
from tests.support.hosts import NAMES, wait_until
from tests.support.membership import FIVE, Membership, entries

HOSTS = FIVE  # three hosts for the members, and two that are to come

pytestmark = [pytest.mark.matrix, pytest.mark.long]

REFUSED = 4
OURS = (
    "etc/kubernetes etc/systemd/system/kubelet.service.d usr/local/sbin/etcd-host "
    "var/lib/etcd var/lib/etcd-host var/lib/kubelet/etcd-service-manager.yaml"
)
# sshd takes connections, and answers nobody for this long; the others' etcd is not affected.
DEAF = (
    "systemd-run --collect sh -c "
    "'sleep 2; pid=$(pgrep -o -x sshd); kill -STOP $pid; sleep 150; kill -CONT $pid'"
)


def copied(lab: Lab, name: str, to: str) -> None:
    """What is this stack's on a member's machine, on another one. (Its etcd writes meanwhile.)"""
    packed = lab.ssh(name, f"tar -C / -cz {OURS} | base64; test ${{PIPESTATUS[0]}} -lt 2").stdout
    lab.ssh(to, "base64 -d | tar -C / -xz --numeric-owner", input=packed)


def hears(lab: Lab, name: str) -> bool:
    """Whether its sshd answers by now."""
    try:
        return lab.ssh(name, "true", check=False, timeout=5).returncode == 0
    except (LabError, subprocess.TimeoutExpired):
        return False


def test_a_copy_of_a_member_becomes_no_other_member_and_does_not_remove_it(
    membership: Membership, hosts: Lab
) -> None:
    """Refused in the plan; by the host, where its entry is dropped again; then it joins anew."""
    membership.starts_as(*NAMES)
    before = membership.client().ids()
    copied(hosts, "etcd01", "etcd04")
    done = membership.refused(members=entries(hosts, *FIVE))
    original, copy = (f"{name} ({hosts.address(name)})" for name in ("etcd01", "etcd04"))
    both = f"both have the identity of the member {before['etcd01']}"
    assert f"{original}, {copy}: {both}" in done.text
    assert f"Run `sudo etcd-host abandon` on {copy}" in done.text
    gone = hosts.ssh("etcd04", "etcd-host uninstall etcd etcd01 -", check=False)
    assert gone.returncode == REFUSED, gone.stderr
    assert "this host is a copy of another" in gone.stderr
    assert membership.client().ids() == before
    hosts.ssh("etcd04", "etcd-host abandon")
    assert membership.client().ids() == before
    membership.becomes(entries(hosts, *FIVE))
    after = membership.client().ids()
    assert {name: after[name] for name in NAMES} == before
    membership.becomes(entries(hosts, *NAMES), *FIVE[3:])


def test_a_member_does_not_move_to_a_copy_while_its_etcd_serves(
    membership: Membership, hosts: Lab
) -> None:
    """Its own machine does not answer SSH, so that the plan takes this for a move."""
    hosts.fresh(FIVE[3:])
    membership.starts_as(*NAMES)
    before = membership.client().ids()
    copied(hosts, "etcd02", "etcd04")
    moved = entries(hosts, "etcd01", "etcd02@etcd04", "etcd03")
    hosts.ssh("etcd02", DEAF)
    done = membership.refused(members=moved)
    url = f"https://{hosts.address('etcd02')}:2379"
    assert f"copy of another: it has the identity of the member {before['etcd02']}" in done.text
    assert f"the etcd at {url} answers as that member, while none here does" in done.text
    assert membership.client().ids() == before
    wait_until(lambda: hears(hosts, "etcd02"), 180)
    hosts.ssh("etcd04", "etcd-host abandon")
    membership.stack.config["members"] = moved
    with membership.written("etcd02"):
        text = membership.stack.up()
    assert "etcd-etcd02-former-host" in text
    membership.stack.up()  # forgets that it was done
    membership.is_whole()
    after = membership.client().ids()
    assert after["etcd02"] != before["etcd02"]
    assert {name: after[name] for name in ("etcd01", "etcd03")} == {
        name: before[name] for name in ("etcd01", "etcd03")
    }
