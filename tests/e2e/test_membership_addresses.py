"""All members get other addresses in one `up`, one after the other, while a client writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.lab import Lab
from tests.support.hosts import NAMES
from tests.support.membership import Membership, entries

pytestmark = pytest.mark.matrix


def second_addresses(hosts: Lab, first: int) -> Mapping[str, str]:
    """Each host gets one more address, beside the one that it has."""
    found = {}
    for number, name in enumerate(NAMES, first):
        found[name] = f"{hosts.address(name).rpartition('.')[0]}.{number}"
        hosts.ssh(name, f"ip addr add {found[name]}/24 dev eth0")
    return found


def test_all_members_move_to_other_addresses_in_one_up(membership: Membership, hosts: Lab) -> None:
    """SSH stays where it was; each keeps its data and its id, and is known by its new address."""
    before, new = membership.client().ids(), second_addresses(hosts, 101)
    moved = entries(hosts, *NAMES)
    for entry in moved:
        entry |= {"address": new[entry["name"]], "sshHost": entry["address"]}
    membership.becomes(moved)
    assert membership.client().ids() == before
    for name, row in membership.client().members().items():
        assert row[3:5] == [f"https://{new[name]}:2380", f"https://{new[name]}:2379"]


@pytest.mark.long
def test_all_members_move_when_ssh_moves_with_them(
    membership: Membership, hosts: Lab, tmp_path: Path
) -> None:
    """The host at the former SSH address is the member's own: nothing is cleared there."""
    before, new = membership.client().ids(), second_addresses(hosts, 121)
    known = Path(membership.stack.config["ssh"]["knownHostsFile"]).read_text()
    lines = known.splitlines()
    for name in NAMES:
        own = hosts.address(name)
        lines += [line.replace(own, new[name], 1) for line in lines if line.startswith(f"{own} ")]
    both = tmp_path / "known_hosts"
    both.write_text("\n".join(lines) + "\n")
    membership.stack.config["ssh"]["knownHostsFile"] = str(both)
    text = membership.becomes([{"name": name, "address": new[name]} for name in NAMES])
    assert "former host" not in text
    assert "former-host" not in text
    assert membership.client().ids() == before
