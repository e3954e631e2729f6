"""What else the kubelets of a cluster that others made run, or run with."""

from __future__ import annotations

from .test_adopt import OURS, begun, plan
from .theirs import IDS, theirs, well

OTHERS = {
    "adopt_manifests": "kube-vip.yaml node-exporter.yaml",
    "adopt_dropins": "/etc/systemd/system/kubelet.service.d/99-proxy.conf",
}


def test_pods_that_stop_with_the_roll_are_told() -> None:
    """Before the first run, before the second, and in the line that says what changes."""
    found = plan({n: theirs(n, **OTHERS) for n in IDS})
    assert found.adopting == {*IDS}
    rolling = plan({n: well(**OURS, **OTHERS, adopt_flags="--a=b") for n in IDS}, begun(*IDS))
    for each in (found, rolling):
        for fact, value in OTHERS.items():
            lines = [text for text in each.warnings if value in text]
            assert [line.partition(" ")[0] for line in lines] == [*IDS], fact
    for name in IDS:
        told = rolling.drift[name, "member"]
        assert told.endswith("no pods of kube-vip.yaml node-exporter.yaml")


def test_nothing_is_told_where_a_kubelet_runs_etcd_alone() -> None:
    """The case that the other differs from."""
    rolling = plan({n: well(**OURS, adopt_flags="--a=b") for n in IDS}, begun(*IDS))
    for each in (plan(), rolling):
        assert not any("aside" in text for text in each.warnings)
    assert "no pods" not in rolling.drift["etcd01", "member"]
