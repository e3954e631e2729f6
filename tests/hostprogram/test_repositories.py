"""Definitions of repositories: trusted by one key, and taken out where they cannot be used."""

from __future__ import annotations

import pytest

from . import complaints
from .complaints import URL
from .packages import LATER, REFUSED
from .repositories import KEY, Host


def test_apt_trusts_only_the_given_key_for_a_repository(apt: Host) -> None:
    """`signed-by`: the key of a mirror cannot sign for the distribution."""
    assert apt.install(key=KEY).returncode == 0
    files = apt.files()
    line = files["etcd-host-kubernetes.list"].splitlines()[1]
    assert line == f"deb [signed-by={apt.root}/keys/etcd-host-kubernetes.asc] {URL}/deb/ /"
    assert files["etcd-host-kubernetes.asc"] == "KEY\n"


def test_apt_fetches_the_repository_s_own_key_when_none_is_given(apt: Host) -> None:
    """Over https, as the configuration has made sure; and once."""
    assert apt.install().returncode == 0
    assert apt.files()["etcd-host-kubernetes.asc"] == f"key of {URL}/deb/Release.key\n"
    (apt.root / "keys/etcd-host-kubernetes.asc").chmod(0o600)
    assert "etcd-host-kubernetes.asc" in apt.install().stderr


def test_apt_s_edited_key_is_fetched_again_when_none_is_given(apt: Host) -> None:
    """Whoever wrote that file does not decide what is trusted."""
    apt.install()
    (apt.root / "keys/etcd-host-kubernetes.asc").write_text("another\n")
    assert apt.install().returncode == 0
    assert apt.files()["etcd-host-kubernetes.asc"] == f"key of {URL}/deb/Release.key\n"


def test_install_ends_with_the_reason_when_a_key_could_not_be_downloaded(apt: Host) -> None:
    """Nothing was written then."""
    fails = "download() { echo 'E: 404  Not Found' >\"$WORK/download.log\"; false; }; "
    done = apt.install(play=fails)
    assert done.returncode == REFUSED
    assert f"could not be downloaded from {URL}/deb/Release.key: E: 404  Not Found" in done.stderr
    assert "repositories.kubernetes.signingKeyFile" in done.stderr
    assert apt.files() == {}


@pytest.mark.parametrize("given", [True, False])
def test_dnf_checks_packages_and_metadata_whichever_key_it_is(dnf: Host, given: bool) -> None:
    """By the given key, or by the one that the repository offers."""
    assert dnf.install(key=KEY if given else "").returncode == 0
    text = dnf.files()["etcd-host-kubernetes.repo"]
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    key = f"file://{dnf.root}/keys/etcd-host-kubernetes.asc"
    assert lines["gpgkey"] == (key if given else f"{URL}/rpm/repodata/repomd.xml.key")
    assert (lines["gpgcheck"], lines["repo_gpgcheck"], lines["enabled"]) == ("1", "1", "1")
    assert lines["baseurl"] == f"{URL}/rpm/"
    assert {"kubelet", "kubeadm", "cri-o", "etcd-client"} <= set(lines["exclude"].split())


def test_dnf_forgets_the_given_key_when_there_is_none_any_more(dnf: Host) -> None:
    """Else the old mirror's owner could still sign."""
    dnf.install(key=KEY)
    assert "etcd-host-kubernetes.asc" in dnf.files()
    assert dnf.install().returncode == 0
    assert "etcd-host-kubernetes.asc" not in dnf.files()


# --- etcdctl from another source

ETCD = "https://mirror.example.com/etcd"
ARCHIVE = {"etcdctl-version": "3.6.6", "etcdctl-url": ETCD}
PACKAGE = {"etcdctl-version": "3.6.6", "repository.etcd.url": ETCD}
UNPACKED = """
install_etcdctl() {
  PACKAGE_FILES+=("$ETCDCTL" "$ETCDUTL")
  echo 3.6.6 | tee "$ETCDCTL" >"$ETCDUTL"
}
versions() { printf '%s: v1.35.4\n' kubelet kubeadm; echo "etcdctl: v3.6.6"; }
apt_not_held() { false; }
"""


def left(host: Host) -> set[str]:
    """What is of etcd on it: definitions, keys and programs."""
    programs = {path.name for path in host.root.glob("etcd*")}
    return programs | {name for name in host.files() if "kubernetes" not in name}


@pytest.mark.parametrize("key", ["", KEY])
def test_nothing_is_left_of_the_former_source_of_etcdctl(host: Host, key: str) -> None:
    """An archive's comes first on the PATH; a definition whose mirror is gone breaks dnf."""
    package = {**PACKAGE, **({"repository.etcd.key": key} if key else {})}
    assert host.install(play=UNPACKED, more=ARCHIVE).returncode == 0
    assert left(host) == {"etcdctl", "etcdutl"}
    assert host.install(play=UNPACKED, more=package).returncode == 0
    definitions = left(host)
    assert {name.partition(".")[0] for name in definitions} == {"etcd-host-etcd"}
    reads = 'played() { ls -R "$PLAY" >>"$PLAY/read"; }\n'
    assert host.install(play=UNPACKED + reads, more=ARCHIVE).returncode == 0
    assert left(host) == {"etcdctl", "etcdutl"}
    seen = (host.root / "read").read_text()
    assert "etcd-host-kubernetes." in seen
    assert "etcd-host-etcd." not in seen  # by whoever reads the definitions


def test_programs_of_the_archive_stay_until_the_package_is_there(host: Host) -> None:
    """A host that could not read the new repository goes on with what it had."""
    assert host.install(play=UNPACKED, more=ARCHIVE).returncode == 0
    said = FAILS[host.family]
    assert host.install(play=UNPACKED, more=PACKAGE, says=said).returncode == REFUSED
    assert left(host) == {"etcdctl", "etcdutl"}


# --- what cannot be read is taken back out

OTHER = "https://other.example.com/kubernetes/v1.35"
FAILS = {"apt-get": complaints.APT_NO_REPOSITORY, "dnf": complaints.DNF_NO_REPOSITORY}


@pytest.mark.parametrize("left", [False, True], ids=["new", "of a run that was killed"])
def test_nothing_of_a_repository_is_left_when_it_could_not_be_read(host: Host, left: bool) -> None:
    """With it, the host's own apt or dnf would fail from then on, for everything."""
    if left:
        host.install(play="keep_repositories() { kill -KILL $BASHPID; }; ")
        assert host.files()
    done = host.install(says=FAILS[host.family])
    assert done.returncode == REFUSED
    assert f"repository kubernetes: {URL} could not be read" in done.stderr
    assert host.files() == {}


def test_nothing_of_a_repository_is_left_when_another_holds_the_lock(apt: Host) -> None:
    """Nobody knows yet whether it can be read."""
    done = apt.install(play="patiently() { die 5 locked; }; ")
    assert done.returncode == LATER
    assert apt.files() == {}


@pytest.mark.parametrize("keys", [("", ""), (KEY, KEY), (KEY, "T1RIRVIK")])
def test_old_repository_stays_when_the_new_one_could_not_be_read(
    host: Host, keys: tuple[str, str]
) -> None:
    """The host can be kept up to date with what it had; and the next run goes on from there."""
    assert host.install(key=keys[0]).returncode == 0
    before = host.files()
    done = host.install(OTHER, key=keys[1], says=FAILS[host.family].replace(URL, OTHER))
    assert done.returncode == REFUSED
    assert host.files() == before
    assert host.install(OTHER, key=keys[1]).returncode == 0
    assert OTHER in str(host.files())


def test_repository_stays_when_only_a_package_is_missing(host: Host) -> None:
    """It could be read: nothing breaks."""
    says = {"apt-get": complaints.APT_NO_VERSION, "dnf": complaints.DNF_NO_VERSION}
    assert host.install(says=says[host.family]).returncode == REFUSED
    assert host.files()


def test_repository_is_taken_out_when_dnf_only_passes_it_by(dnf: Host) -> None:
    """`makecache` ends well although it could not be read."""
    (dnf.root / "installed").write_text("1.35.4-1.1")
    passes = 'dnf() { cat "$PLAY/says"; }; wanted_packages() { echo "kubelet *"; }; '
    done = dnf.install(says=complaints.DNF_NO_REPOSITORY, play=passes)
    assert (done.returncode, dnf.files()) == (REFUSED, {})
    assert f"repository kubernetes: {URL} could not be read" in done.stderr


def test_new_repository_is_read_although_nothing_is_missing(host: Host) -> None:
    """A wrong URL shows now and not at the host's next update; the same one is read only once."""
    (host.root / "installed").write_text("1.35.4-1.1")
    done = host.install(says=FAILS[host.family], play="wanted_packages() { echo 'kubelet *'; }; ")
    assert (done.returncode, host.files()) == (REFUSED, {})
    (host.root / "asked").unlink()
    for _ in range(2):
        done = host.install(play="wanted_packages() { echo 'kubelet *'; }; ")
        assert done.returncode == 0
        assert len(host.asked()) == 1
    assert done.stderr == "etcd-host: unchanged\n"
