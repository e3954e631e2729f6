"""The CAs of a cluster in the graph: who issues, who is trusted, and what stays."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import yaml

from etcd_cluster.plan.memory import KnownAuthority, StackMemory
from tests.support.mocks import Graph, open_secret

from .declared import CA_CERTIFICATE, CA_KEY, LEAF, NAMES, PRIVATE_KEY, REQUEST, declare

SECOND_KEY = (PRIVATE_KEY, "etcd-ca-2-key")
SECOND = ("tls:index/selfSignedCert:SelfSignedCert", "etcd-ca-2-certificate")
CROSS = "etcd-ca-2-cross"


def graph(listed: Sequence[int], *known: int, ended: int = 0) -> Graph:
    """The graph of a formed cluster with these authorities, and those that the state has."""
    ends = {each: "2021-01-01T00:00:00Z" if each == ended else "" for each in known}
    memory = StackMemory(
        stack="organization/etcd-cluster/test",
        authorities={
            each: KnownAuthority(fingerprint=str(each) * 64, expiry=end)
            for each, end in ends.items()
        },
    )
    return declare(formed=True, memory=memory, certificates={"authorities": list(listed)})


def output(found: Graph, resource: tuple[str, str], key: str) -> str:
    """What a provider computed."""
    return str(open_secret(found.get(*resource).outputs[key]))


def files(found: Graph, name: str) -> dict[str, str]:
    """What is pushed to a host, by file, still in base64."""
    stdin = open_secret(found.command(f"etcd-{name}-pki").inputs["stdin"])
    return {str(key): str(value) for key, value in yaml.safe_load(stdin).items()}


@pytest.mark.parametrize(
    ("listed", "issuer"),
    [([1], CA_KEY), ([1, 2], CA_KEY), ([2, 1], SECOND_KEY), ([2], SECOND_KEY)],
)
def test_the_first_in_the_list_issues_every_certificate(
    listed: list[int], issuer: tuple[str, str]
) -> None:
    """Of members and of clients alike."""
    found = graph(listed, 1)
    leaves = [each for each in found.of_type(LEAF) if each.name != CROSS]
    assert len(leaves) == 3 * len(NAMES) + 1
    assert {each.text("caPrivateKeyPem") for each in leaves} == {
        output(found, issuer, "privateKeyPem")
    }


def test_every_authority_has_a_name_of_its_own() -> None:
    """Two roots of one name and two keys are what bundles trip over."""
    found = graph([1, 2])
    assert found.get(*CA_CERTIFICATE).value("subject") == {"commonName": "etcd-ca"}
    assert found.get(*SECOND).value("subject") == {"commonName": "etcd-ca-2"}


@pytest.mark.parametrize(("listed", "names"), [([1], ""), ([1, 2], "1-2"), ([2], "2")])
def test_a_member_is_told_which_it_trusts(listed: list[int], names: str) -> None:
    """In the name of a file, and nothing where that is as it always was."""
    found = graph(listed, 1)
    for name in NAMES:
        told = yaml.safe_load(found.command(f"etcd-{name}-member").text("stdin"))
        assert told.get("trusted", "") == names
        assert (f"trusted-{names}.crt" in files(found, name)) == bool(names)


def test_the_second_step_leaves_what_etcd_trusts_as_it_is() -> None:
    """Nobody restarts for it; ca.crt alone has the other order."""
    before, after = graph([1, 2], 1, 2), graph([2, 1], 1, 2)
    for name in NAMES:
        told = [each.command(f"etcd-{name}-member").text("stdin") for each in (before, after)]
        assert told[0] == told[1]
        assert files(before, name)["trusted-1-2.crt"] == files(after, name)["trusted-1-2.crt"]
        assert files(before, name)["ca.crt"] != files(after, name)["ca.crt"]


def test_certificates_bring_along_the_new_authority_by_the_old_one() -> None:
    """In that step alone: before it there is no need, and after it nobody trusts the old one."""
    found = graph([2, 1], 1, 2)
    cross = found.get(LEAF, CROSS)
    assert cross.text("caPrivateKeyPem") == output(found, CA_KEY, "privateKeyPem")
    assert cross.value("isCaCertificate") is True
    request = found.get(REQUEST, "etcd-ca-2-cross-request")
    assert request.text("privateKeyPem") == output(found, SECOND_KEY, "privateKeyPem")
    assert request.value("subject") == {"commonName": "etcd-ca-2"}
    chain = str(found.stack_output("clientCertificate"))
    assert chain.endswith(output(found, (LEAF, CROSS), "certPem"))
    assert chain.count("BEGIN CERTIFICATE") == 2
    for listed in ([1], [1, 2], [2]):
        assert CROSS not in graph(listed, 1, 2).names(LEAF)


@pytest.mark.parametrize("listed", [[1], [1, 2], [2, 1], [2]])
def test_outputs_say_who_is_trusted_and_who_issues(listed: list[int]) -> None:
    """The bundle in the order of the list, and an entry for each."""
    found = graph(listed, 1, 2)
    texts = {1: output(found, CA_CERTIFICATE, "certPem"), 2: output(found, SECOND, "certPem")}
    assert found.stack_output("caCertificate") == "".join(texts[each] for each in listed)
    entries = found.stack_output("certificateAuthorities")
    assert [each["authority"] for each in entries] == listed
    assert [each["role"] for each in entries] == ["issues", "is trusted"][: len(listed)]
    assert all(each["expiry"] and len(each["fingerprint"]) == 64 for each in entries)


def test_an_authority_that_is_trusted_no_more_stays_in_the_state() -> None:
    """So that the last step can be taken back, with the very CA that clients have."""
    assert {"etcd-ca-key", "etcd-ca-2-key"} <= graph([2], 1, 2).names(PRIVATE_KEY)
    assert "etcd-ca-2-key" in graph([1], 1, 2).names(PRIVATE_KEY)
    assert "etcd-ca-2-key" not in graph([1], 1).names(PRIVATE_KEY)


@pytest.mark.parametrize("listed", [[2], [2, 1]])
def test_a_certificate_that_ended_can_be_replaced_and_its_key_cannot(listed: list[int]) -> None:
    """The provider replaces it in the first run after its end, and would fail if it was protected:
    in the very run that lets a new CA take over, and in each one after that.
    """
    found = graph(listed, 1, 2, ended=1)
    assert not found.get(*CA_CERTIFICATE).protect
    assert found.get(*CA_KEY).protect
    assert found.get(*SECOND).protect
    assert all(graph(listed, 1, 2).get(*each).protect for each in (CA_CERTIFICATE, SECOND))


@pytest.mark.parametrize("listed", [[2], [2, 1]])
def test_hosts_are_told_of_the_certificate_that_was_replaced(listed: list[int]) -> None:
    """They have it until the new one has come."""
    for name in NAMES:
        line = graph(listed, 1, 2, ended=1).command(f"etcd-{name}-pki").text("update")
        assert "1" * 64 in line.partition("known=")[2].split(",")
