"""A member that goes back a minor: whether it does is known, and the cluster was told of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host
from .bash import OWN_TIME
from .test_version import LATER, METRICS, REFUSED, WELL

MUTE = """http_get() { case $1 in /health*) echo '{"health":"true"}' ;; esac; }\n"""
NEWER = "sed '0,/3.5.9/s//3.6.6/' $SAID/etcdctl-3.5-status.txt"
READY, NOT_READY = (f"""; echo '"StorageVersion" : "{each}"'""" for each in ("3.5.0", "3.6.0"))
GONE = "sed '1,/Endpoint/d' $SAID/etcdctl-3.5-status.txt"


def goes_back(folder: Path, stubs: str, manifest: str = "") -> subprocess.CompletedProcess[str]:
    """A member that is to run 3.5.33; OPEN where it may be stopped for that."""
    if manifest:
        (folder / "etcd.yaml").write_text(f"    image: registry.k8s.io/etcd:{manifest}\n")
    known = {"formed": CLUSTER, "member_id": SELF, "etcd_tag": "3.6.6-0"}
    script = "S[image-tag]=3.5.33-0; make_spare; echo OPEN"
    return on_host(folder, script, WELL + stubs, **known)


@pytest.mark.parametrize(
    ("status", "manifest", "ends", "said"),
    [
        (NEWER + READY, "", 0, ""),
        (
            NEWER + NOT_READY,
            "",
            REFUSED,
            "its data is not ready for etcd 3.5 (storage version: 3.6",
        ),
        (GONE + NOT_READY, "3.6.6-0", REFUSED, "its data is not ready for etcd 3.5"),
        (GONE, "v3.6.6", REFUSED, "its data is not ready for etcd 3.5"),
        (GONE, "3.5.9-0", 0, ""),
        (GONE, "latest", LATER, "its etcd runs, and its version is not known"),
        (GONE, "", LATER, "its etcd runs, and its version is not known"),
    ],
)
def test_member_that_does_not_say_its_version_is_not_taken_for_an_older_one(
    tmp_path: Path, status: str, manifest: str, ends: int, said: str
) -> None:
    """Others heard it, or its manifest has it; else nothing is known, and nothing changed."""
    done = goes_back(tmp_path, f"{MUTE}status() {{ {status}; }}\n", manifest)
    assert done.returncode == ends, done.stderr
    assert ("OPEN" in done.stdout) == (ends == 0)
    assert said in done.stderr
    assert ends == 0 or "Nothing was changed" in done.stderr.replace("\n", " ")


def test_member_that_takes_no_part_is_given_the_version_that_it_is_to_run(tmp_path: Path) -> None:
    """It may be what mends it: one that keeps ending never says its version."""
    stubs = "serves_peers() { false; }; http_get() { false; }; status() { " + GONE + "; }\n"
    assert "OPEN" in goes_back(tmp_path, stubs, "3.6.6-0").stdout


def test_guard_asks_again_after_the_data_was_waited_for(tmp_path: Path) -> None:
    """The others may have gone by then."""
    others = """
S[health-timeout-seconds]=30
late() { ((HUNDREDTHS >= 500)); }
status() {
  cat $SAID/etcdctl-3.5-status.txt
  if late; then echo '"StorageVersion" : "3.5.0"'; else echo '"StorageVersion" : "3.6.0"'; fi
}
eval "WELL$(declare -f health)"
health() { late || WELLhealth; }
"""
    done = goes_back(tmp_path, METRICS % ("3.6.6", "3.5") + OWN_TIME + others)
    assert done.returncode == REFUSED
    assert "would leave too few members for a quorum" in done.stderr
    assert "OPEN" not in done.stdout


TOLD = """
image_program() { echo "$1"; }
status() {
  cat $SAID/etcdctl-3.5-status.txt
  printf '"DowngradeTargetVersion" : "3.5.0"\\n"DowngradeEnabled" : true\\n'
}
other() { echo "$*" >>$STATE/asked; }
"""


@pytest.mark.parametrize("status", ["false", ":", "head -n 4 $SAID/etcdctl-3.5-status.txt"])
@pytest.mark.parametrize("script", ["finish_version", "cancel_downgrade etcdctl 3.6"])
def test_downgrade_is_not_taken_for_cancelled_when_nobody_says_whether_there_is_one(
    tmp_path: Path, script: str, status: str
) -> None:
    """A cluster that was told may go on speaking the older minor for ever."""
    stubs = TOLD + METRICS % ("3.6.6", "3.5")
    script = f"S[image-tag]=3.6.6-0; {script}; echo OPEN"
    done = on_host(tmp_path, script, stubs, formed=CLUSTER)
    assert "OPEN" in done.stdout, done.stderr
    assert (tmp_path / "state/asked").read_text() == "downgrade cancel\n"
    done = on_host(tmp_path, script, f"{stubs}status() {{ {status}; }}\n", formed=CLUSTER)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "does not say at https://127.0.0.1:2379 whether the cluster was told" in done.stderr


ADOPTED = """
running_flags() {
  printf '%s\\n' --advertise-client-urls=https://10.0.0.1:2379 \\
    --listen-client-urls=https://10.0.0.1:2379
}
eval "WELL$(declare -f etcd_ctl)"
etcd_ctl() { echo "$1" >>$STATE/endpoints-asked; WELLetcd_ctl "$@"; }
"""


@pytest.mark.parametrize(
    "script",
    [
        "tell_downgrade etcdctl validate 3.5",
        "cancel_downgrade etcdctl 3.6",
        "storage_version etcdctl",
        "own_status",
        "look_at_members $(all_urls)",
    ],
)
def test_adopted_member_is_asked_where_it_listens(tmp_path: Path, script: str) -> None:
    """Before it has its own settings it need not listen on loopback."""
    done = on_host(tmp_path, script, TOLD + ADOPTED, formed=CLUSTER)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "state/endpoints-asked").read_text()
    assert "--endpoints=https://10.0.0.1:2379" in asked
    assert "127.0.0.1:2379" not in asked


DOWNGRADE = """
read_state() { :; }; lock() { :; }; own_or_refuse() { :; }
S[image-tag]=3.5.33-0; verb_allow_downgrade
"""
LEARNER = "id f62040b288908398 (http://127.0.0.1:42207)"
NAMED = 'sed \'s/"Name" : ""/"Name" : "d"/\' $SAID/etcdctl-3.5-list.txt'
HALF = "health() { echo 'http://127.0.0.1:42200 is healthy: x'; }"


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        ("", f"Nothing was changed. Learners: {LEARNER}. Finish the `pulumi up`"),
        (f"list() {{ {NAMED}; }}", "Learners: id f62040b288908398 (d, http://127.0.0.1:42207)."),
        (HALF, f"Bring them back first. Learners: {LEARNER}."),
        (HALF, "Not healthy: b (http://127.0.0.1:42202, id 26cf982b1142b2), c ("),
        ("learner_entries() { return 127; }", "Learners: not known."),
    ],
    ids=["never started", "it has started", "others are down", "they are named", "awk fails"],
)
def test_learner_is_named_with_the_way_out(tmp_path: Path, stub: str, said: str) -> None:
    """Where all voters are healthy, and where they are not."""
    stubs = TOLD + METRICS % ("3.6.6", "3.6") + stub
    done = on_host(tmp_path, DOWNGRADE, stubs, formed=CLUSTER)
    assert done.returncode == REFUSED
    assert said in done.stderr
    assert "(etcdctl member remove ID). Then run it again" in done.stderr
    assert not (tmp_path / "state/asked").exists()


@pytest.mark.parametrize(
    "answer", ["return 1", "sleep 1; return 124", "echo 'Error: no' >&2; return 1"]
)
@pytest.mark.parametrize("word", ["validate", "enable"])
def test_downgrade_does_not_begin_when_the_cluster_does_not_take_it(
    tmp_path: Path, word: str, answer: str
) -> None:
    """An answer that was lost is as good as none; the next run sees that the cluster was told."""
    stubs = TOLD + METRICS % ("3.6.6", "3.6")
    stubs += "need_all_voters() { :; }; take_snapshot() { :; }; need_downgrade_target() { :; }\n"
    stubs += f'other() {{ [[ $2 != {word} ]] || {{ {answer}; }}; echo "$*" >>$STATE/asked; }}\n'
    done = on_host(tmp_path, DOWNGRADE, stubs, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert f"the cluster rejected the downgrade to 3.5 ({word})" in done.stderr
    assert "No member was changed" in done.stderr


def test_downgrade_that_the_cluster_was_told_of_is_not_told_again(tmp_path: Path) -> None:
    """The answer of the run before may have been lost, and it takes a moment to be spoken."""
    stubs = TOLD + METRICS % ("3.6.6", "3.6")
    stubs += "need_all_voters() { :; }; take_snapshot() { :; }\n"
    done = on_host(tmp_path, DOWNGRADE, stubs, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "the cluster still speaks 3.6" in done.stderr
    assert (tmp_path / "state/asked").read_text() == "downgrade validate 3.5\n"


@pytest.mark.parametrize("answer", ["return 1", "sleep 1; return 124"])
def test_downgrade_is_not_taken_for_cancelled_when_the_cluster_does_not_say_so(
    tmp_path: Path, answer: str
) -> None:
    """The next run asks again whether there is one."""
    stubs = TOLD + METRICS % ("3.6.6", "3.5") + f"other() {{ {answer}; }}\n"
    script = "S[image-tag]=3.6.6-0; finish_version; echo OPEN"
    done = on_host(tmp_path, script, stubs, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "could not be cancelled" in done.stderr
