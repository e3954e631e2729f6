"""Whose host it is: decided from what is here, and nothing is changed where it is not ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .bash import run
from .quorums import call

OURS, THEIRS = "cafe", "beef"
CA, ANOTHER_CA = "a" * 64, "b" * 64
OWNED = f"etcd etcd01 {OURS} o/p/s"


def fault(**here: str) -> str:
    """Why a host is not ours, from what is on it: nothing, but for what is given."""
    found = {
        "node": "",
        "owner": "",
        "manifest_token": "",
        "data": "no",
        "manifest": "no",
        "ca": "-",
    }
    given = {"own_ca": CA} | found | here
    said = call(
        "whose_fault", "etcd", "etcd01", OURS, given.pop("own_ca"), *(given[name] for name in found)
    )
    assert said[0] == 0
    return "\n".join(said[1])


@pytest.mark.parametrize(
    "here",
    [
        {},
        {"owner": OWNED},
        {"owner": OWNED, "manifest_token": OURS, "data": "yes", "manifest": "yes", "ca": CA},
        {"owner": "etcd etcd01", "manifest_token": OURS, "data": "yes", "manifest": "yes"},
        {"owner": "etcd etcd01"},
        {"manifest_token": OURS, "data": "yes", "manifest": "yes", "ca": CA},
        {"ca": ANOTHER_CA},
        {"owner": OWNED, "data": "yes", "ca": f"{CA},{ANOTHER_CA}"},
        {"owner": OWNED, "data": "yes", "ca": ANOTHER_CA, "own_ca": f"{CA},{ANOTHER_CA}"},
        {"owner": f"etcd etcd02 {OURS} o/p/s"},
    ],
    ids=[
        "nothing",
        "claimed",
        "all of a member",
        "of an older version of this program, which noted two words",
        "of an older version, and nothing yet",
        "its memory is lost",
        "a CA that nobody uses, which `pki` moves aside",
        "its CA, and a new one that takes over",
        "the first of the CAs that this stack has",
        "another member's of the same cluster, which was renamed",
    ],
)
def test_host_is_ours_when_nothing_speaks_against_it(here: dict[str, str]) -> None:
    """An empty one is anybody's."""
    assert fault(**here) == ""


@pytest.mark.parametrize(
    ("here", "said"),
    [
        ({"node": "/etc/kubernetes/kubelet.conf is there"}, "a node of a Kubernetes cluster"),
        ({"node": "x is there", "owner": OWNED}, "a node of a Kubernetes cluster"),
        (
            {"owner": f"etcd etcd01 {THEIRS} a/b/c"},
            "member etcd01 of cluster etcd of the stack a/b/c",
        ),
        ({"owner": f"etcd etcd01 {THEIRS}"}, "this stack's cluster is another one"),
        (
            {"owner": "etcd etcd01", "manifest_token": THEIRS, "manifest": "yes"},
            "this stack's cluster is another one",
        ),
        ({"owner": f"blue etcd01 {OURS} o/p/s"}, "belongs to the cluster blue"),
        ({"data": "yes"}, "holds an etcd that this stack did not make (its token is not known)"),
        ({"manifest": "yes"}, "its token is not known"),
        ({"manifest": "yes", "manifest_token": THEIRS}, f"its token is {THEIRS}"),
        ({"data": "yes", "manifest_token": THEIRS}, f"its token is {THEIRS}"),
        ({"owner": OWNED, "data": "yes", "ca": ANOTHER_CA}, f"the CA on this host ({ANOTHER_CA})"),
        ({"owner": OWNED, "manifest": "yes", "ca": ANOTHER_CA}, "is not this stack's"),
        ({"owner": OWNED, "data": "yes", "ca": ANOTHER_CA, "own_ca": f"{CA},{'c' * 64}"}, "the CA"),
        ({"owner": OWNED, "data": "yes", "ca": "unreadable"}, "the CA on this host (unreadable)"),
        ({"owner": OWNED, "data": "yes", "ca": CA[:32]}, "the CA on this host"),
        ({"owner": OWNED, "data": "yes", "ca": CA, "own_ca": "-"}, "(none yet)"),
    ],
)
def test_host_is_refused_when_it_is_somebody_elses(here: dict[str, str], said: str) -> None:
    """One reason, with the way out."""
    found = fault(**here)
    assert said in found
    assert len(found.splitlines()) == 1


def test_new_stack_owns_nothing_that_another_has_claimed() -> None:
    """In a preview of a lost state there is no token yet: `-`."""
    said = call("whose_fault", "etcd", "etcd01", "-", "-", "", OWNED, OURS, "yes", "yes", CA)
    assert "this stack's cluster is another one" in said[1][0]


def on(folder: Path, script: str, **memory: str) -> subprocess.CompletedProcess[str]:
    """Runs a script on a host whose places are in this folder."""
    (folder / "state").mkdir(exist_ok=True)
    (folder / "manifests").mkdir(exist_ok=True)
    for name, value in memory.items():
        (folder / "state" / name).write_text(f"{value}\n")
    places = {
        "readonly STATE=/var/lib/etcd-host": f"readonly STATE={folder}/state",
        "readonly DATA=/var/lib/etcd\n": f"readonly DATA={folder}/data\n",
        "readonly MANIFESTS=/etc/kubernetes/manifests": f"readonly MANIFESTS={folder}/manifests",
        "/etc/kubernetes/{kubelet": f"{folder}/kubernetes/{{kubelet",
    }
    return run(f"etcd_pid() {{ :; }}\n{script}", places=places)


def manifest(folder: Path, *flags: str) -> None:
    """A manifest with these flags."""
    (folder / "manifests").mkdir(exist_ok=True)
    text = "".join(f"    - --{flag}\n" for flag in flags)
    (folder / "manifests/etcd.yaml").write_text(f"    - etcd\n{text}")


NAMES = ("kubelet", "bootstrap-kubelet", "admin", "super-admin", "controller-manager", "scheduler")
NODES = [
    *(f"kubernetes/{name}.conf" for name in NAMES),
    *(f"manifests/kube-{name}.yaml" for name in ("apiserver", "controller-manager", "scheduler")),
]


@pytest.mark.parametrize("file", NODES)
def test_host_is_a_kubernetes_node_when_one_of_its_files_is_there(
    tmp_path: Path, file: str
) -> None:
    """A worker has one of them, a control plane several."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    assert on(tmp_path, "kubernetes_node").stdout == f"{tmp_path / file} is there\n"


def test_host_is_no_kubernetes_node_when_only_etcd_runs_on_it(tmp_path: Path) -> None:
    """Its own manifest is no sign of another."""
    manifest(tmp_path)
    done = on(tmp_path, "kubernetes_node")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("owner", "token", "asked", "ours"),
    [
        (OWNED, OURS, ("etcd", "etcd01", OURS), True),
        (OWNED, "", ("etcd", "etcd01", OURS), True),
        (OWNED, OURS, ("etcd", "etcd01", "-"), True),
        ("etcd etcd01", OURS, ("etcd", "etcd01", OURS), True),
        ("", OURS, ("etcd", "etcd01", OURS), True),
        ("", "", ("etcd", "etcd01", OURS), True),
        (OWNED, OURS, ("etcd", "etcd01", THEIRS), False),
        (OWNED, OURS, ("etcd", "etcd02", OURS), False),
        (OWNED, OURS, ("blue", "etcd01", OURS), False),
        ("etcd etcd01", THEIRS, ("etcd", "etcd01", OURS), False),
        ("", THEIRS, ("etcd", "etcd01", OURS), False),
        ("", THEIRS, ("etcd", "etcd01", "-"), False),
    ],
)
def test_deletion_goes_on_just_on_its_own_host(
    tmp_path: Path, owner: str, token: str, asked: tuple[str, str, str], ours: bool
) -> None:
    """Elsewhere it ends, and well: there is nothing of it to delete."""
    if token:
        manifest(tmp_path, f"initial-cluster-token={token}")
    done = on(
        tmp_path, f"own_host {' '.join(asked)}; echo GOES ON", **({"owner": owner} if owner else {})
    )
    assert (done.returncode, done.stdout) == (0, "GOES ON\n" if ours else "")
    assert ("nothing to do for" in done.stderr) is not ours


FLAGS = ("initial-cluster=a=https://10.0.0.1:2380", "initial-cluster-state=new")


def test_memory_is_taken_from_the_manifest_when_it_is_lost(tmp_path: Path) -> None:
    """With what etcd was started: its manifest is rendered from that."""
    manifest(tmp_path, *FLAGS)
    assert on(tmp_path, "recover_memory").returncode == 0
    assert (tmp_path / "state/started").read_text() == "new a=https://10.0.0.1:2380\n"


@pytest.mark.parametrize("flag", FLAGS)
def test_memory_is_not_made_up_when_the_manifest_lacks_it(tmp_path: Path, flag: str) -> None:
    """Refused, with nothing remembered."""
    manifest(tmp_path, flag)
    done = on(tmp_path, "recover_memory")
    assert done.returncode == 4
    assert "Nothing was changed" in done.stderr
    assert not (tmp_path / "state/started").exists()


def test_memory_is_left_alone_when_it_is_there(tmp_path: Path) -> None:
    """And where there is no manifest, nothing is remembered."""
    assert on(tmp_path, "recover_memory").returncode == 0
    assert not (tmp_path / "state/started").exists()
    manifest(tmp_path, *FLAGS)
    on(tmp_path, "recover_memory", started="existing b=https://10.0.0.2:2380")
    assert (tmp_path / "state/started").read_text() == "existing b=https://10.0.0.2:2380\n"


def test_everything_else_in_the_manifests_folder_is_foreign(tmp_path: Path) -> None:
    """Files of any name, folders too; the kubelet skips what begins with a dot."""
    manifest(tmp_path)
    for name in ("web.yaml", "etcd.yaml.bak", "a b", ".hidden", ".etcd.yaml.etcd-host"):
        (tmp_path / "manifests" / name).touch()
    (tmp_path / "manifests/folder").mkdir()
    found = on(tmp_path, "foreign_manifests").stdout.splitlines()
    assert sorted(found) == ["a b", "etcd.yaml.bak", "folder", "web.yaml"]
    assert on(tmp_path, "set_aside_foreign_manifests").returncode == 0
    left = {path.name for path in (tmp_path / "manifests").iterdir()}
    assert left == {"etcd.yaml", ".hidden", ".etcd.yaml.etcd-host"}
    aside = next((tmp_path / "manifests.aside").iterdir())
    assert {path.name for path in aside.iterdir()} == set(found)


NOTED = f"a1 beef {OURS} etcd01 new a=https://10.0.0.1:2380"


@pytest.mark.parametrize(
    ("noted", "ours"),
    [
        (NOTED, True),
        (NOTED.replace(OURS, THEIRS), False),
        (NOTED.replace("etcd01", "etcd02"), False),
        (NOTED.rpartition(" ")[0], False),
        ("a1", False),
        ("", False),
    ],
    ids=["ours", "of another stack", "of another member", "half", "of an older version", "nothing"],
)
def test_memory_is_taken_from_the_data_where_the_system_was_installed_anew(
    tmp_path: Path, noted: str, ours: bool
) -> None:
    """Where that happens to a majority nobody can be asked, and all of them have their data."""
    script = f"""
    has_data() {{ true; }}; kubernetes_node() {{ :; }}; S[member]=etcd01; S[token]={OURS}
    mkdir -p "$DATA/member"; echo '{noted}' >"$DATA/member/id"
    claim_fault etcd etcd01 {OURS} -; echo "$(own_past formed etcd01) $(own_past member-id etcd01)"
    if [[ -z $(claim_fault etcd etcd01 {OURS} -) ]]; then recover_memory; fi
    echo "$(recall formed) $(recall member-id) $(recall started)"
    """
    done = on(tmp_path, script)
    said = done.stdout.splitlines()
    if ours:
        assert [said[0], said[-1]] == ["beef a1", "beef a1 new a=https://10.0.0.1:2380"]
    else:
        assert "holds an etcd that this stack did not make" in said[0]
        assert said[-1].strip() == ""


@pytest.mark.parametrize(("noted", "goes_on"), [(NOTED, True), ("a1", False)])
def test_member_leaves_from_a_host_of_which_the_data_alone_is_left(
    tmp_path: Path, noted: str, goes_on: bool
) -> None:
    """Its vote would stay, and nobody would know of it any more."""
    script = f"""
    has_data() {{ true; }}; mkdir -p "$DATA/member"; echo '{noted}' >"$DATA/member/id"
    own_host etcd etcd01 {OURS}; echo GOES ON
    """
    assert on(tmp_path, script).stdout == ("GOES ON\n" if goes_on else "")
