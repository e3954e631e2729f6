"""Instances do not meet."""

from __future__ import annotations

import pytest

from lab.errors import LabError
from lab.instance import HOSTS, INSTANCES, STORE, Instance


def test_no_two_instances_share_a_name_or_an_address() -> None:
    """Tests and a developer's lab run beside each other; link names fit Linux's 15 characters."""
    labs = [Instance(number) for number in range(INSTANCES)]
    names = (*HOSTS, STORE)
    links = [lab.link(name) for lab in labs for name in names]
    addresses = [lab.address(name) for lab in labs for name in names]
    assert len(set(links)) == len(set(addresses)) == INSTANCES * len(names)
    assert max(map(len, links)) <= 15
    assert str(labs[0].address("etcd01")) == "10.107.88.15"
    assert str(labs[0].address("master01")) == "10.107.88.14"


@pytest.mark.parametrize("given", ["x", "10", "-1"])
def test_an_instance_that_is_none_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what was given and what is allowed."""
    monkeypatch.setenv("ETCD_LAB_INSTANCE", given)
    with pytest.raises(LabError, match=rf'"{given}".*give 0 to 9'):
        Instance.from_environment()
