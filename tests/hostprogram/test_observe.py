"""What `observe` asks of a host, and when."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from etcd_cluster import hostprogram
from etcd_cluster.plan.probe import parse

from .bash import run
from .facts import fact

# What `observe` asks of a host is played; what it asks, and when, is not.
OBSERVED = """
systemctl() { :; }; versions() { :; }; serial() { echo 7; }
has_data() { false; }; etcd_pid() { :; }; http_get() { false; }; kubernetes_node() { :; }
manifest_flags() { :; }; own_ca() { echo -; }
check_host() { echo "asked: $*"; }
for area in packages registry host pki member backup; do
  eval "${area}_drift() { :; }"
done
"""


def observed(formed: str, *arguments: str) -> list[str]:
    """What `observe` says, where this cluster is remembered."""
    remembered = f"recall() {{ [[ $1 != formed ]] || printf '%s' '{formed}'; }}; "
    done = run(f"{OBSERVED} {remembered} verb_observe {shlex.join(arguments)}")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_clock_is_told_first_and_last_when_a_host_is_observed() -> None:
    """Whoever hears it knows when it was read, however long all the rest took."""
    facts = observed("", "containerd", "/run/c.sock", "-", "192.0.2.1")
    first, last = facts[0].partition(": "), facts[-1].partition(": ")
    assert (first[0], last[0]) == ("clock-begin", "clock-end")
    assert time.time() - 60 < float(first[2]) <= float(last[2]) <= time.time()


def test_host_is_checked_with_the_others_addresses_when_it_is_no_member_yet() -> None:
    """They come behind the runtime's unit and socket."""
    facts = observed("", "containerd", "/run/c.sock", "-", "192.0.2.1", "2001:db8::2")
    assert "asked: 192.0.2.1 2001:db8::2" in facts


def test_version_of_kubernetes_is_that_of_the_members_manifest(tmp_path: Path) -> None:
    """As kubeadm was last told, and not what is installed by now; nothing where there is none."""
    places = {"OWN=/etc/kubernetes/etcd-host": f"OWN={tmp_path}"}
    script = f"{OBSERVED} recall() {{ :; }}; verb_observe"
    assert parse(run(script, places=places).stdout)["kubernetes"] == ""
    told = "clusterName: a\nkubernetesVersion: v1.35.4\netcd:\n"
    (tmp_path / "kubeadm.yaml").write_text(told)
    assert parse(run(script, places=places).stdout)["kubernetes"] == "v1.35.4"


@pytest.mark.parametrize(
    ("formed", "arguments"),
    [("cafe", ("containerd", "/run/c.sock", "-", "192.0.2.1")), ("", ())],
    ids=["a member", "asked by hand"],
)
def test_host_is_not_checked_when_it_is_a_member_or_nothing_is_wanted(
    formed: str, arguments: tuple[str, ...]
) -> None:
    """A member's ports are in use, by itself; and its disk is not written to at each preview."""
    assert not [fact for fact in observed(formed, *arguments) if fact.startswith("asked")]


def test_version_that_a_program_did_not_say_is_asked_again(tmp_path: Path) -> None:
    """A host that was out of memory for a moment is not without a kubelet until its next boot."""
    places = {"STATE=/var/lib/etcd-host RUN=/run/etcd-host": f"STATE={tmp_path} RUN={tmp_path}/run"}
    played = """
type() { echo /bin/true; }
briefly() {
  echo "$1" >>$STATE/asked
  case $1 in
    kubelet) [[ -e $STATE/well ]] && echo "Kubernetes v1.35.4" ;;
    kubeadm) echo v1.35.4 ;;
    etcdctl) printf '%s\\n' "etcdctl version: 3.6.6" "API version: 3.6" ;;
  esac
}
versions
"""
    assert parse(run(played, places=places).stdout)["kubelet"] == ""
    (tmp_path / "well").touch()
    (tmp_path / "asked").unlink()
    told = {"kubelet": "v1.35.4", "kubeadm": "v1.35.4", "etcdctl": "v3.6.6"}
    for empty in (False, True):
        if empty:  # as a former version of this program kept it
            file = tmp_path / "run/versions"
            file.write_text(file.read_text().replace("kubelet: v1.35.4", "kubelet: "))
            (tmp_path / "asked").unlink()
        for _ in range(2):
            assert parse(run(played, places=places).stdout) == told
    assert (tmp_path / "asked").read_text().split() == ["kubelet", "kubeadm", "etcdctl"]


@pytest.mark.parametrize("formed", ["cafe", ""], ids=["a member", "no member yet"])
def test_host_says_how_its_disks_are(formed: str) -> None:
    """Of a member, too: they fill up, and break."""
    played = "read_only() { echo X; }; data_mib() { echo 5; }; free_mib() { echo 3; }; "
    played += "too_full() { echo Y; }; "
    memory = f"recall() {{ [[ $1 != formed ]] || printf '%s' '{formed}'; }}; "
    told = parse(run(f"{OBSERVED} {memory} {played} verb_observe containerd /run/c.sock").stdout)
    names = ("read-only", "full", "data-free-mib", "disk-free-mib")
    assert [told[name] for name in names] == ["X", "Y", "5", "3"]


@pytest.mark.parametrize(
    ("mode", "owner", "there"),
    [
        ("755", "0", True),
        ("644", "0", False),
        ("700", "0", False),
        ("777", "0", False),
        ("755", "1000", False),
        ("", "", False),
    ],
)
@pytest.mark.parametrize("link", [False, True], ids=["a file", "a link"])
def test_program_that_is_not_as_it_was_installed_is_absent(
    tmp_path: Path, mode: str, owner: str, link: bool, there: bool
) -> None:
    """Without its x bit every verb would fail; so it is installed again, which sets all of this."""
    file = tmp_path / "etcd-host"
    (tmp_path / "own").write_text("x")
    file.symlink_to("own") if link else file.write_text("x")
    stat = f"stat() {{ [[ -n '{mode}' && $2 == '%a %u' ]] && echo {mode} {owner}; }}"
    places = {"PROGRAM=/usr/local/sbin/etcd-host": f"PROGRAM={file}"}
    digest = hashlib.sha256(b"x").hexdigest()
    found = fact(f"{stat}; echo program: $(installed_program)", "program", places)
    assert found == (digest if there and not link else "absent")


OURS = "etcd etcd01 cafe -"


@pytest.mark.parametrize(
    ("owner", "identity", "said"),
    [
        ("etcd etcd01 cafe o/p/s", OURS, ""),
        ("etcd etcd01 beef o/p/s", OURS, "this host belongs to member etcd01 of cluster etcd"),
        ("etcd etcd01 beef o/p/s", "-", ""),
        ("", OURS, ""),
    ],
    ids=["ours", "another stack's", "no member is to be here", "nobody's"],
)
def test_host_says_whose_it_is_when_it_is_asked_for_a_member(
    owner: str, identity: str, said: str
) -> None:
    """Compared on the host, so that a plan can refuse before anything is changed."""
    memory = f"recall() {{ [[ $1 != owner ]] || printf '%s' '{owner}'; }}; "
    line = f"verb_observe containerd /run/c.sock {shlex.quote(identity)}"
    done = run(f"{OBSERVED} {memory} {line}")
    assert (done.returncode, done.stderr) == (0, "")
    facts = parse(done.stdout)
    assert facts["owner"] == owner
    assert facts["foreign"].startswith(said)
    assert bool(facts["foreign"]) == bool(said)


METRICS = r"""
http_get() {
  case $1 in
    /health) echo '{"health":"false","reason":"ALARM NOSPACE"}' ;;
    /health*) echo '{"health":"true","reason":""}' ;;
    *) printf '%s\n' 'etcd_server_is_leader 1' 'etcd_server_is_learner 0' \
      'etcd_server_version{server_version="3.6.6"} 1' \
      'etcd_cluster_version{cluster_version="3.5"} 0' \
      'etcd_cluster_version{cluster_version="3.6"} 1' \
      'etcd_mvcc_db_total_size_in_bytes 2.1e+06' \
      'etcd_network_active_peers{Local="a1",Remote="b2"} 1' \
      'etcd_network_active_peers{Local="a1",Remote="c3"} 0' \
      'etcd_network_active_peers{Local="a1",Remote="d4"} 1' \
      'etcd_server_quota_backend_bytes 2.147483648e+09' ;;
  esac
}
"""


def test_etcd_says_how_it_is_when_a_host_is_observed() -> None:
    """Over its plain loopback listener: no certificate is needed."""
    facts = parse(run(f"{OBSERVED} recall() {{ :; }}; {METRICS} verb_observe").stdout)
    told = {
        "healthy": "yes",
        "health": "false ALARM NOSPACE",
        "leader": "yes",
        "learner": "no",
        "etcd-version": "3.6.6",
        "cluster-version": "3.6",
        "db-bytes": "2100000",
        "quota-bytes": "2147483648",
        "active-peers": "b2 d4",
    }
    assert {name: facts.get(name) for name in told} == told


def test_certificates_are_told_in_one_line() -> None:
    """By them alone a plan knows that a host has none, or has some that ended."""
    played = "recall() { :; }; own_certificates() { printf '%s\\n' AAAA BBBB; }"
    told = parse(run(f"{OBSERVED} {played}; verb_observe").stdout)
    assert told["certificates"] == "AAAA BBBB"


def noted(folder: Path, program: str, word: str) -> bool:
    """Whether a member is noted down as not well, after this program has observed that word."""
    body = hostprogram.text().rpartition('main "$@"')[0]
    body = body.replace("RUN=/run/etcd-host", f"RUN={folder}")
    file = folder / program
    asked = 'wait_until() { shift; "$@"; }\n'
    said = f"own_word() {{ echo {word}; }}; recall() {{ [[ $1 != formed ]] || echo cafe; }}\n"
    file.write_text(f"{body}{OBSERVED}{said}{asked}verb_observe\n")
    done = subprocess.run(["bash", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return (folder / "unwell").exists()


def test_member_is_noted_down_as_not_well_by_an_up_alone(tmp_path: Path) -> None:
    """Its plan has such members come back side by side; a preview in between changes no plan."""
    brought = hostprogram.BROUGHT.rpartition("/")[2]
    assert not noted(tmp_path, "preview", "unknown")
    assert noted(tmp_path, brought, "unknown")
    assert noted(tmp_path, "preview", "healthy")
    assert not noted(tmp_path, brought, "healthy")


ADOPT = "etcd etcd01 token - cafe"
BUSY = """
sleep() { :; }; claim_fault() { echo by hand; }; observe_adoption() { :; }
own_word() { if [[ -e $ASKED ]]; then echo healthy; else : >"$ASKED"; echo unknown; fi; }
"""


@pytest.mark.parametrize(
    ("identity", "formed", "running", "told"),
    [
        (ADOPT, "", "7", "yes"),
        (ADOPT, "", "", "no"),
        (ADOPT.rpartition(" ")[0], "", "7", "no"),
        (ADOPT.rpartition(" ")[0], "cafe", "7", "yes"),
        ("-", "", "7", "no"),
    ],
)
def test_member_is_not_unwell_for_an_answer_that_is_lost(
    tmp_path: Path, identity: str, formed: str, running: str, told: str
) -> None:
    """One that is to be adopted, or is ours, is asked again; what is not a member's is not."""
    played = (
        f"ASKED={tmp_path}/asked; etcd_pid() {{ echo {running}; }}; "
        f"recall() {{ [[ $1 != formed ]] || echo '{formed}'; }}; "
        'systemctl() { [[ $1 == is-active ]]; }; : >"$MANIFEST"; '
    )
    places = {"MANIFESTS=/etc/kubernetes/manifests": f"MANIFESTS={tmp_path}"}
    script = f"{OBSERVED}{BUSY}{played}verb_observe '' '' '{identity}'"
    done = run(script, places=places)
    assert (done.returncode, done.stderr) == (0, "")
    assert parse(done.stdout)["healthy"] == told
