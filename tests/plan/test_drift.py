"""What has drifted on hosts, as a preview shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.decide import Plan
from tests.support.samples import hosts, ready, settings

from .deciding import (
    DIGEST,
    FORMED,
    LOGIN,
    PACKAGES,
    SILENT,
    decided,
    in_area,
    settled,
)


def test_silent_host_has_no_drift_when_it_is_only_warned_of() -> None:
    """Nothing is known of it, so nothing shows."""
    plan = decided(settings(), hosts(etcd01=ready(**FORMED), etcd02=SILENT), preview=False)
    assert not any(name == "etcd02" for name, _ in plan.drift)


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
    seen = ready(**(FORMED | {"program": program}))
    plan = decided(settings(), settled(etcd02=seen), preview=True)
    assert plan.drift == {("etcd02", "host-program"): f"drift after 3: {reason}"}


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
    plan = decided(settings(), {"etcd01": clean, "etcd02": clean, "etcd03": clean}, preview=True)
    assert plan == Plan(formed=True, drift={}, warnings=())


def test_reason_is_empty_when_nothing_drifted() -> None:
    """Asked for any command."""
    assert Plan(formed=True, drift={}).why("etcd01", "member") == ""


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
