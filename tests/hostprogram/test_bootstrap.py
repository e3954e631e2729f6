"""A bootstrap that begins, goes on, or has formed by now."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, on_host
from .test_guard import OWN

REFUSED, LATER = 4, 5
MEMBERS = "a=http://x:1,b=http://y:1,c=http://z:1"
BEGAN = f"cafe {MEMBERS}"
STUBS = f"""
read_state() {{ :; }}; lock() {{ :; }}; own_or_refuse() {{ :; }}; need_user() {{ :; }}
stamp() {{ :; }}; recover_memory() {{ :; }}; S[initial-cluster]={MEMBERS}
set_aside() {{ echo ASIDE; }}
render_manifest() {{ :; }}; put_guard() {{ echo GUARD; }}; apply_manifest() {{ echo "APPLIED $1"; }}
as_rendered() {{ true; }}; running_flags() {{ echo --initial-cluster-token=cafe; }}
guard_file() {{ :; }}; kubelet_suits() {{ true; }}; foreign_manifests() {{ :; }}
"""
SILENT = "http_get() { false; }\n"
EMPTY = f"{SILENT}has_data() {{ false; }}\n"
TOLD = 'mkdir -p "${MANIFEST%/*}"; : >"$MANIFEST"\n'


def bootstraps(folder: Path, stubs: str, **memory: str) -> subprocess.CompletedProcess[str]:
    """One `etcd-host bootstrap`."""
    return on_host(folder, "verb_bootstrap", STUBS + stubs, **memory)


@pytest.mark.parametrize(
    ("stubs", "before", "done"),
    [
        (EMPTY, "", "GUARD APPLIED now"),
        (EMPTY, BEGAN, "GUARD APPLIED now"),
        (EMPTY, "cafe a=http://other:1", "GUARD APPLIED now"),
        (EMPTY + TOLD, "cafe a=http://other:1", "STOPPED ASIDE GUARD APPLIED now"),
        (EMPTY + TOLD, BEGAN, "GUARD APPLIED now"),
        (SILENT, BEGAN, "GUARD APPLIED now"),
        (SILENT, "cafe a=http://other:1", "STOPPED ASIDE GUARD APPLIED now"),
        (SILENT, f"beef {MEMBERS}", "STOPPED ASIDE GUARD APPLIED now"),
    ],
    ids=[
        "a new one",
        "no data yet",
        "no data, others",
        "no data, others told",
        "no data, told",
        "goes on",
        "others",
        "another token",
    ],
)
def test_bootstrap_that_no_quorum_has_ended_goes_on_or_begins_anew(
    tmp_path: Path, stubs: str, before: str, done: str
) -> None:
    """What it had made of other members is moved aside."""
    said = bootstraps(tmp_path, stubs, **({"bootstrapping": before} if before else {}))
    assert said.stdout.split("\nconverged")[0].split() == done.split(), said.stderr
    assert (tmp_path / "state/bootstrapping").read_text() == f"{BEGAN}\n"
    assert (tmp_path / "state/started").read_text() == f"new {MEMBERS}\n"


HALF = """http_get() { case $1 in /health*) echo '{"health":"true"}' ;; *) false ;; esac; }\n"""


@pytest.mark.parametrize(
    ("stubs", "memory", "status", "text"),
    [
        (SILENT, {}, REFUSED, "holds data that this program did not make. Nothing was changed"),
        (HALF + "status() { false; }\n", {}, LATER, "in a quorum that this host does not remember"),
        (EMPTY, {"restoring": "x data"}, REFUSED, "a restore was begun on this host"),
        ("running_flags() { :; }\n", {"formed": CLUSTER}, REFUSED, "cannot bootstrap a new one"),
        (
            "running_flags() { echo --initial-cluster-token=beef; }\n",
            {"formed": CLUSTER},
            REFUSED,
            f"belongs to the formed cluster {CLUSTER}",
        ),
        ("as_rendered() { false; }\n", {"formed": CLUSTER}, LATER, "the cluster formed after the"),
        ("as_rendered() { false; }\n", {"bootstrapping": BEGAN}, LATER, "the cluster formed after"),
        ("", {"formed": "beef"}, REFUSED, "this host is a member of cluster beef"),
    ],
    ids=[
        "data of others",
        "healthy, and no more is known",
        "a restore",
        "formed, and its etcd does not run",
        "formed, and its etcd is another's",
        "formed, and it is to change",
        "formed since, and it is to change",
        "formed, and another cluster answers",
    ],
)
def test_nothing_is_bootstrapped_when(
    tmp_path: Path, stubs: str, memory: dict[str, str], status: int, text: str
) -> None:
    """Nothing is stopped, moved or written."""
    done = bootstraps(tmp_path, stubs, **memory)
    assert (done.returncode, done.stdout) == (status, "")
    assert text in done.stderr
    assert (tmp_path / "state/started").exists() is False


@pytest.mark.parametrize("memory", [{"formed": CLUSTER}, {"bootstrapping": BEGAN}, {}])
def test_bootstrap_that_has_formed_by_now_is_done(tmp_path: Path, memory: dict[str, str]) -> None:
    """As it is to be anyway; nothing of it begins anew."""
    done = bootstraps(tmp_path, "", **memory)
    assert done.stdout.startswith("GUARD\nAPPLIED now\n"), done.stderr
    assert (tmp_path / "state/formed").read_text() == f"{CLUSTER}\n"
    assert not (tmp_path / "state/bootstrapping").exists()


@pytest.mark.parametrize("stub", OWN.values(), ids=OWN.keys())
def test_bootstrap_goes_on_when_its_etcd_says_nothing(tmp_path: Path, stub: str) -> None:
    """It is its own data, and starts nothing else."""
    done = bootstraps(tmp_path, stub, bootstrapping=BEGAN)
    assert done.stdout.startswith("GUARD\nAPPLIED now\n"), done.stderr
