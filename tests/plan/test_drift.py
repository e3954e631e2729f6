"""Which commands run again because the hosts differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.decide import Plan
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from etcd_cluster.state.text import digest_of
from tests.support.samples import PASSWORD, hosts, ready, settings

from .decided import DIGEST, FORMED, decided, known, remembered, settled

PACKAGES = {"install": "packages"}
LOGIN = {"registry": {"username": "puller", "password": PASSWORD}}


@pytest.mark.parametrize("area", ["host", "pki", "member"])
def test_drift_line_has_serial_and_reason_when_a_host_drifted(area: Any) -> None:
    """The serial keeps the same drift of another day from looking like nothing new."""
    seen = ready(**FORMED, **{f"drift-{area}": "etcd.yaml edited, kubelet stopped"})
    plan = decided(settings(), settled(etcd02=seen), preview=True)
    assert plan.drift == {("etcd02", area): "drift after 3: etcd.yaml edited, kubelet stopped"}
    assert plan.why("etcd02", area) == "drift after 3: etcd.yaml edited, kubelet stopped"


@pytest.mark.parametrize(
    ("program", "reason"), [("absent", "etcd-host missing"), ("e" * 64, "etcd-host differs")]
)
def test_host_program_drifted_when_the_host_has_another_or_none(program: str, reason: str) -> None:
    """Without it, no other command on that host can run."""
    for at in ("2026-01-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"):
        # (To install it raises no serial: with that the second time would be no new line.)
        seen = replace(ready(**(FORMED | {"program": program})), at=at)
        plan = decided(settings(), settled(etcd02=seen), preview=True, memory=remembered())
        assert plan.drift == {("etcd02", "host-program"): f"new at {at}: {reason}"}
    seen = replace(ready(**FORMED), at=at)
    assert decided(settings(), settled(etcd02=seen), preview=True).drift == {}


def test_host_without_a_past_is_another_finding_each_time_when_it_is_empty() -> None:
    """It may be a member's host that was made anew, twice: a stale line would hide the second."""
    lines = set()
    for at in ("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"):
        new = replace(ready(drift_member="no member here"), at=at)
        plan = decided(settings(), settled(etcd02=new), preview=True)
        assert plan.why("etcd02", "member") == f"new at {at}: no member here"
        assert plan.why("etcd02", "host-program") == f"new at {at}: etcd-host missing"
        lines.add(plan.why("etcd02", "member"))
    assert len(lines) == 2


def test_runtime_that_stopped_is_no_fault_when_the_host_has_a_member() -> None:
    """It is drift, which the next `up` repairs; other hosts are not held up by it."""
    seen = ready(**(FORMED | {"socket": "absent"}), drift_host="containerd stopped")
    plan = decided(settings(), settled(etcd02=seen), preview=False)
    assert plan.why("etcd02", "host") == "drift after 3: containerd stopped"


def test_drift_line_is_another_when_the_same_drift_comes_back() -> None:
    """Each convergence raises the serial."""
    lines = {
        decided(
            settings(),
            hosts(etcd02=ready(**(FORMED | {"serial": serial}), drift_member="etcd.yaml edited")),
            preview=True,
        ).why("etcd02", "member")
        for serial in ("3", "4")
    }
    assert len(lines) == 2


@pytest.mark.parametrize("area", ["host", "member"])
def test_drift_line_is_another_when_a_machine_is_put_back_twice(area: str) -> None:
    """To the same snapshot: its serial is as it was, and the stack has seen more of it since."""
    ago = known("10.107.88.16", serial=15, held={"host": "f" * 64})
    memory = remembered(members={**remembered().members, "etcd02": ago})
    facts = FORMED | {"serial": "13", f"held-{area}": f"{DIGEST} {'e' * 64}"}
    if area == "member":
        facts["drift-member"] = "etcd.yaml edited"
    lines = set()
    for at in ("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"):
        back = replace(ready(**facts), at=at)
        plan = decided(settings(), settled(etcd02=back), preview=True, memory=memory)
        assert plan.why("etcd02", area).startswith(f"new at {at}: ")
        lines.add(plan.why("etcd02", area))
    assert len(lines) == 2


def test_drift_is_kept_apart_when_several_hosts_and_areas_drifted() -> None:
    """Each command gets its own reason."""
    plan = decided(
        settings(),
        hosts(
            etcd01=ready(
                serial="1", program=DIGEST, drift_host="kubelet stopped", drift_pki="ca.crt missing"
            ),
            etcd02=ready(serial="2", program=DIGEST),
            etcd03=ready(serial="5", program=DIGEST, drift_member="etcd not running"),
        ),
        preview=False,
    )
    assert plan.drift == {
        ("etcd01", "host"): "drift after 1: kubelet stopped",
        ("etcd01", "pki"): "drift after 1: ca.crt missing",
        ("etcd03", "member"): "drift after 5: etcd not running",
    }


def test_no_drift_is_shown_when_it_is_off_by_configuration() -> None:
    """The hosts may be read for the bootstrapping all the same."""
    plan = decided(
        settings(driftDetection="false"),
        hosts(etcd02=ready(**FORMED, drift_member="etcd.yaml edited")),
        preview=False,
    )
    assert (plan.formed, plan.drift) == (True, {})


def test_no_drift_is_shown_when_the_hosts_are_clean() -> None:
    """A preview of an unchanged cluster is empty."""
    clean = ready(**FORMED)
    seen = {"etcd01": clean, "etcd02": clean, "etcd03": clean}
    plan = decided(settings(), seen, preview=True, memory=remembered())
    assert (plan.formed, plan.drift, plan.warnings) == (True, {}, ())


def test_reason_is_empty_when_nothing_drifted() -> None:
    """Asked for any command."""
    assert Plan(formed=True, drift={}).why("etcd01", "member") == ""


def in_area(area: str, **changes: Any) -> Mapping[tuple[str, Any], str]:
    """What is planned where a member's host reports drift in this area."""
    seen = ready(**FORMED, **{f"drift-{area}": "it was edited"})
    return decided(settings(**changes), settled(etcd02=seen), preview=True).drift


@pytest.mark.parametrize(
    ("area", "changes"),
    [
        ("packages", PACKAGES),
        ("registry", LOGIN),
        ("registry", PACKAGES | LOGIN),
        ("registry", {"registry": {"caFile": "ca.pem"}}),
    ],
    ids=["packages", "login", "login on bare hosts", "CA"],
)
def test_packages_and_registry_drift_when_they_are_configured(
    area: str, changes: dict[str, Any]
) -> None:
    """As every other area does."""
    assert in_area(area, **changes) == {("etcd02", area): "drift after 3: it was edited"}


@pytest.mark.parametrize(
    ("area", "changes"),
    [("packages", {}), ("packages", LOGIN), ("registry", {}), ("registry", PACKAGES)],
    ids=["packages", "packages with a login", "registry", "registry on bare hosts"],
)
def test_packages_and_registry_never_drift_when_they_are_not_configured(
    area: str, changes: dict[str, Any]
) -> None:
    """No command of theirs is there; hosts say `packages not installed` all the same."""
    assert in_area(area, **changes) == {}


HELD = digest_of("name: value\n")


def holding(**facts: str) -> Observation:
    """A member's host that says by which program, and from which state, its area was made."""
    return ready(**FORMED | {key.replace("_", "-"): value for key, value in facts.items()})


def why(seen: Observation, memory: StackMemory, area: Any = "member", **changes: Any) -> str:
    """The reason why this area's command of etcd02 runs again."""
    plan = decided(settings(**changes), settled(etcd02=seen), preview=True, memory=memory)
    assert set(plan.drift) <= {("etcd02", area)}
    return plan.why("etcd02", area)


def told(area: str, digest: str) -> StackMemory:
    """The stack last had this state carried out on etcd02."""
    known_members = dict(remembered().members)
    known_members["etcd02"] = known("10.107.88.16", held={area: digest})
    return remembered(members=known_members)


@pytest.mark.parametrize("area", ["host", "pki", "member"])
def test_area_drifted_when_an_older_program_made_it(area: str) -> None:
    """Its own word that it is as it was left counts for the program that left it so."""
    seen = holding(**{f"held-{area}": f"{'e' * 64} {HELD}"})
    assert why(seen, remembered(), area) == (
        "drift after 3: converged by another version of etcd-host"
    )


@pytest.mark.parametrize("area", ["host", "pki", "member"])
def test_area_drifted_when_the_host_holds_another_state_than_the_stack(area: str) -> None:
    """Two runs have overtaken each other, or the machine was restored from a snapshot."""
    seen = holding(**{f"held-{area}": f"{DIGEST} {'0' * 64}"})
    assert why(seen, told(area, HELD), area) == (
        "drift after 3: holds another desired state than this stack's"
    )


@pytest.mark.parametrize(
    ("held", "memory"),
    [
        (f"{DIGEST} {HELD}", told("member", HELD)),
        (f"{DIGEST} {HELD}", remembered()),
        ("", told("member", HELD)),
    ],
    ids=["the same", "the stack does not say", "the host does not say"],
)
def test_area_is_as_it_should_be_when_nothing_speaks_against_it(
    held: str, memory: StackMemory
) -> None:
    """A host converged by a program from before this was noted says nothing."""
    assert why(holding(held_member=held), memory) == ""


def test_reason_of_the_host_comes_first_when_there_is_one() -> None:
    """What was edited says more than that something differs."""
    seen = holding(held_member=f"{'e' * 64} {HELD}", drift_member="etcd.yaml edited")
    assert why(seen, remembered()) == "drift after 3: etcd.yaml edited"


def test_packages_made_by_an_older_program_are_no_drift_when_an_image_has_them() -> None:
    """There is no command to run again."""
    seen = holding(held_packages=f"{'e' * 64} {HELD}")
    assert why(seen, remembered(), "packages") == ""


def test_member_has_its_turn_when_its_kubelet_is_to_restart() -> None:
    """The kubelet's restart is felt by its etcd, and only the member's turn asks the quorum."""
    seen = holding(drift_host="kubelet runs with other settings")
    plan = decided(settings(), settled(etcd02=seen), preview=True, memory=remembered())
    assert plan.drift == {
        ("etcd02", "host"): "drift after 3: kubelet runs with other settings",
        ("etcd02", "member"): "drift after 3: its kubelet is to restart",
    }


def test_member_has_its_turn_when_it_is_out_of_space() -> None:
    """Nothing on disk differs; its turn is what defragments and clears the alarm."""
    seen = holding(health="false ALARM NOSPACE", healthy="yes")
    assert why(seen, remembered()) == "drift after 3: alarm NOSPACE"
