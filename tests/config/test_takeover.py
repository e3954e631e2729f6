"""The section takeOver."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.config.settings import load
from etcd_cluster.errors import ConfigurationError
from tests.support.samples import raw

SECTION = {"cluster": "cdf818194e3a8c32", "endpoints": ["https://10.30.0.11:2379"]}
LEAVING = {**SECTION, "formerMembers": "leave"}
KEYED = {"authority": {"certificateFile": "ca.crt", "privateKeyFile": "ca.key"}, "authorities": [0]}


def fault(section: dict[str, Any], certificates: dict[str, Any]) -> str:
    """What is wrong with it."""
    with pytest.raises(ConfigurationError) as caught:
        load(raw(takeOver=section, certificates=certificates))
    return str(caught.value)


@pytest.mark.parametrize(
    "other",
    [
        {"adopt": "cdf818194e3a8c32"},
        {"restore": {"snapshot": "/root/s.db", "replaces": "cdf818194e3a8c32"}},
    ],
)
def test_one_way_to_a_cluster_is_taken_at_a_time(other: dict[str, Any]) -> None:
    """Each of them says where the members come from."""
    with pytest.raises(ConfigurationError, match="remove one of them"):
        load(raw(takeOver=SECTION, certificates=KEYED, **other))


def test_a_section_with_its_ca_is_taken() -> None:
    """The former members stay unless that is said."""
    found = load(raw(takeOver=SECTION, certificates=KEYED))
    assert found.take_over is not None
    assert found.take_over.former_members == "stay"


def test_another_ca_may_follow_once_the_former_members_leave() -> None:
    """Nobody is left who trusts the given one alone."""
    later = {**KEYED, "authorities": [0, 1]}
    assert load(raw(takeOver=LEAVING, certificates=later)).take_over


@pytest.mark.parametrize("url", ["https://[fd00::11]:2379", "https://etcd1.example.com:2379/"])
def test_client_urls_may_have_names_and_other_addresses(url: str) -> None:
    """As `etcdctl member list` has them."""
    assert load(raw(takeOver={**SECTION, "endpoints": [url]}, certificates=KEYED)).take_over


@pytest.mark.parametrize(
    ("section", "certificates", "said"),
    [
        (SECTION, {}, "requires the CA that the former members trust, with its private key"),
        (SECTION, {"authorities": [1]}, "set certificates.authority"),
        (SECTION, {**KEYED, "authorities": [0, 1]}, "certificates.authorities: [0]"),
        (
            SECTION,
            {"authority": {"certificateFile": "ca.crt"}, "authorities": [0, 1]},
            "with its private key",
        ),
        ({**SECTION, "endpoints": []}, KEYED, "expected the client URLs of the members"),
        ({**SECTION, "endpoints": ["http://10.30.0.11:2379"]}, KEYED, "with https"),
        ({**SECTION, "endpoints": ["https://10.30.0.11"]}, KEYED, "and a port"),
        ({**SECTION, "endpoints": ["https://[fd00::1]"]}, KEYED, "and a port"),
        ({**SECTION, "endpoints": ["https://fd00::1:2379"]}, KEYED, "and a port"),
        ({**SECTION, "endpoints": ["https://10.30.0.11:2379/v3"]}, KEYED, "without a path"),
        ({**SECTION, "endpoints": ["https://a,b:2379"]}, KEYED, "and a port"),
        ({**SECTION, "endpoints": ["https://10.30.0.11:237900"]}, KEYED, "and a port"),
        ({**SECTION, "endpoints": ["https://10.30.0.11:99999"]}, KEYED, "and a port"),
        ({**SECTION, "endpoints": ["https://10.30.0.256:2379"]}, KEYED, "client URLs"),
        (LEAVING, {}, "keep certificates.authority, and 0 in certificates.authorities"),
        (LEAVING, {**KEYED, "authorities": [1]}, "remove takeOver first"),
        ({**SECTION, "endpoints": ["10.30.0.11"]}, KEYED, "is not a supported URL"),
        ({**SECTION, "cluster": "the old one"}, KEYED, "takeOver.cluster"),
        ({**SECTION, "formerMembers": "go"}, KEYED, "takeOver.formerMembers"),
        ({"endpoints": SECTION["endpoints"]}, KEYED, "takeOver.cluster: required"),
    ],
)
def test_what_cannot_be_taken_over_is_refused(
    section: dict[str, Any], certificates: dict[str, Any], said: str
) -> None:
    """By key, with what is expected."""
    assert said in fault(section, certificates)
