"""What a host says of its kubelet before its member is taken over."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcd_cluster.plan.probe import parse

from .bash import run

DROPINS = "/etc/systemd/system/kubelet.service.d"


def others(folder: Path, stubs: str = "") -> dict[str, str]:
    """The facts, of a host with this folder of manifests."""
    places = {"/etc/kubernetes/manifests": str(folder), DROPINS: str(folder / "etc")}
    done = run(f"{stubs}\nobserve_others", places=places)
    assert (done.returncode, done.stderr) == (0, "")
    return parse(done.stdout)


def test_other_manifests_are_told(tmp_path: Path) -> None:
    """But etcd's own, and what the kubelet does not read."""
    for name in ("etcd.yaml", "kube-vip.yaml", ".hidden", "a b"):
        (tmp_path / name).touch()
    assert others(tmp_path)["adopt-manifests"] == "a b kube-vip.yaml"
    assert others(tmp_path)["adopt-dropins"] == ""


def test_drop_ins_that_would_be_moved_are_told() -> None:
    """What comes with a package stays where it is, and is none."""
    listed = "/usr/lib/x/99-a.conf /etc/x/99-b.conf /run/x/99-c.conf"
    stub = f"foreign_dropins() {{ printf '%s\\n' {listed}; }}; foreign_manifests() {{ :; }}"
    done = parse(run(f"{stub}; observe_others").stdout)
    assert done["adopt-dropins"] == "/etc/x/99-b.conf /run/x/99-c.conf"
    stub = "foreign_dropins() { echo /usr/lib/x/99-a.conf; }; foreign_manifests() { :; }"
    assert parse(run(f"{stub}; observe_others").stdout)["adopt-dropins"] == ""


@pytest.mark.parametrize("failing", ["foreign_manifests", "foreign_dropins", "grep"])
def test_what_could_not_be_listed_is_not_known(tmp_path: Path, failing: str) -> None:
    """It is never nothing."""
    told = others(tmp_path, f"{failing}() {{ return 127; }}")
    fact = "adopt-manifests" if failing == "foreign_manifests" else "adopt-dropins"
    assert told[fact] == "unknown"
