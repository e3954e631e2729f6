"""What is taken back of the packages where a stack installs them no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from .bash import run

NAMES = ("etcdctl", "etcdutl", "kubernetes.list")


@pytest.mark.parametrize(
    ("memory", "manifest", "stay"),
    [
        ({"formed": "c1"}, True, True),
        ({}, True, True),
        ({"formed": "c1"}, False, True),
        ({"leaving": "yes"}, False, False),
        ({"leaving": "yes", "formed": "c1"}, True, False),
        ({}, False, False),
    ],
    ids=["a member", "its memory lost", "its manifest lost", "left", "leaves", "never one"],
)
def test_etcdctl_stays_with_the_member(
    tmp_path: Path, memory: dict[str, str], manifest: bool, stay: bool
) -> None:
    """Without it nobody could ask the quorum, and with `install: preinstalled` no run would begin.
    With the member it goes, as everything that was installed here.
    """
    state = tmp_path / "state"
    state.mkdir()
    for name, value in memory.items():
        (state / name).write_text(value + "\n")
    if manifest:
        (tmp_path / "etcd.yaml").touch()
    for name in NAMES:
        (tmp_path / name).touch()
    stamp = "".join(f"{'0' * 64}  {tmp_path / name}\n" for name in NAMES)
    (state / "packages.stamp").write_text(stamp)
    places = {
        "readonly STATE=/var/lib/etcd-host RUN=/run/etcd-host": f"readonly STATE={state} RUN=/run",
        "readonly MANIFEST=$MANIFESTS/etcd.yaml": f"readonly MANIFEST={tmp_path}/etcd.yaml",
        "ETCDCTL=/usr/local/bin/etcdctl": f"ETCDCTL={tmp_path}/etcdctl",
        "ETCDUTL=/usr/local/bin/etcdutl": f"ETCDUTL={tmp_path}/etcdutl",
    }
    script = "lock() { :; }; own_host() { :; }; family() { echo none; }\n"
    done = run(f"{script}verb_forget_packages etcd etcd01 cafe", places=places)
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / name).exists() for name in NAMES] == [stay, stay, False]
    assert not (state / "packages.stamp").exists()
