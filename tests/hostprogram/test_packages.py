"""Packages: what is missing, what is installed, and one clear sentence when it cannot be."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from . import complaints
from .bash import run
from .complaints import URL

INTERNAL, REFUSED, LATER = 1, 4, 5
NAMES = ("kubernetes", "crio", "etcd")
STATE = {
    "kubernetes-version": "v1.35.4",
    "runtime-package": "containerd",
    "runtime-version": "any",
    "etcdctl-version": "3.6.6",
    "etcdctl-url": "https://mirror.example.com/etcd",
    "repository.kubernetes.url": URL,
}


def state(changes: Mapping[str, str] | None = None) -> str:
    """The desired state, with changes, as bash that sets it; an empty value takes a key out."""
    wanted = {key: value for key, value in (STATE | dict(changes or {})).items() if value}
    return " ".join(f"S[{key}]={shlex.quote(value)}" for key, value in wanted.items()) + "; "


def work(folder: Path, **files: str) -> str:
    """The temporary folder of a run, with files, as bash that names it."""
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return f"WORK={folder}; "


# --- what is wanted, and what of it is missing


@pytest.mark.parametrize(
    ("pattern", "installed", "missing"),
    [
        ("1.35.4-*", "1.35.4-1.1", False),
        ("1.35.4-*", "1.35.4-150500.1.1", False),
        ("1.35.4-*", "1.35.40-1.1", True),
        ("1.35.4-*", "1.35.3-1.1", True),
        ("1.35.4-*", "1.36.4-1.1", True),
        ("1.35.4-*", "", True),
        ("*", "1:28.0-1", False),
        ("*", "", True),
        ("1.7.2[!0-9]*", "1.7.2-0ubuntu1", False),
        ("1.7.2[!0-9]*", "1.7.2~ds1-1+deb12u1", False),
        ("1.7.2[!0-9]*", "1.7.29-1", True),
        ("1.7[!0-9]*", "1.7.29-1", False),
        ("1.7[!0-9]*", "1.70.0-1", True),
        ("1.35.*", "1.35.10-1.1", False),
        ("1.35.*", "1.3.5-1.1", True),
        ("1.7.2[!0-9]*", "1:1.7.2-1", False),
    ],
)
def test_package_is_missing_when_another_version_or_none_is_installed(
    tmp_path: Path, pattern: str, installed: str, missing: bool
) -> None:
    """1.35.40 is not 1.35.4; an epoch is the distribution's affair."""
    told = f"some_version() {{ echo {shlex.quote(installed)}; }}; "
    done = run(work(tmp_path, wanted=f"kubelet {pattern}\n") + told + "list_missing some")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"kubelet {pattern}\n" if missing else "")


def test_only_what_is_missing_is_listed_when_some_is_there(tmp_path: Path) -> None:
    """In its order; and a package manager that fails for one has it not."""
    wanted = "kubelet 1.35.4-*\nkubeadm 1.35.4-*\ncri-tools *\ncontainerd *\n"
    there = "case $1 in kubelet | cri-tools) echo 1.35.4-1.1 ;; *) return 1 ;; esac"
    told = f"some_version() {{ {there}; }}; "
    done = run(work(tmp_path, wanted=wanted) + told + "list_missing some")
    assert done.stdout == "kubeadm 1.35.4-*\ncontainerd *\n"


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("installed 1.35.4-1.1", "1.35.4-1.1"),
        ("config-files 1.35.4-1.1", ""),
        ("unpacked 1.35.4-1.1", ""),
        ("not-installed ", ""),
    ],
)
def test_apt_s_package_is_there_only_when_it_is_installed_whole(answer: str, version: str) -> None:
    """A removed package leaves its configuration, and dpkg still knows it."""
    done = run(f"dpkg-query() {{ echo '{answer}'; }}; apt_version kubelet")
    assert done.stdout.strip() == version


def test_dnf_s_package_is_not_there_when_rpm_says_so() -> None:
    """It says it on stdout."""
    said = "rpm() { echo 'package kubelet is not installed'; return 1; }; "
    assert run(said + 'echo "[$(dnf_version kubelet)]"').stdout == "[]\n"


def test_dnf_s_newest_is_taken_when_rpm_knows_several() -> None:
    """rpm lists them as they were installed."""
    said = "rpm() { printf '%s\\n' 1.34.1-1 1.35.4-1; }; "
    assert run(said + "dnf_version kubelet").stdout == "1.35.4-1\n"


KUBERNETES = ["kubelet 1.35.4-*", "kubeadm 1.35.4-*", "kubectl 1.35.4-*", "cri-tools *"]
CRIO = {"runtime-package": "cri-o", "repository.crio.url": "https://mirror.example.com/crio"}
ETCD = {"etcdctl-url": "", "repository.etcd.url": "https://mirror.example.com/etcd"}


@pytest.mark.parametrize(("family", "more"), [("apt", []), ("dnf", ["iproute-tc *"])])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["containerd *"]),
        ({"runtime-version": "1.7.2"}, ["containerd 1.7.2[!0-9]*"]),
        (CRIO | {"runtime-version": "1.35."}, ["cri-o 1.35.*"]),
        (CRIO | {"runtime-version": "1.35.1"}, ["cri-o 1.35.1[!0-9]*"]),
        (ETCD, ["containerd *", "etcd-client 3.6.6-*"]),
        ({"etcdctl-url": "", "etcdctl-version": ""}, ["containerd *"]),
    ],
    ids=["containerd", "a version", "cri-o", "a version of cri-o", "etcd-client", "no etcdctl"],
)
def test_wanted_packages_are_kubernetes_the_runtime_and_what_the_family_needs(
    family: str, more: list[str], changes: dict[str, str], expected: list[str]
) -> None:
    """As the patterns that installed versions are to match."""
    done = run(state(changes) + f"wanted_packages {family}")
    assert done.stdout.splitlines() == [*KUBERNETES, *expected, *more]


MADISON = """\
containerd | 1.7.29-1 | http://deb.example.org/debian bookworm/main amd64 Packages
containerd | 2:1.7.2~ds1-1 | http://deb.example.org/debian bookworm/main amd64 Packages
containerd | 1.7.2-0 | http://deb.example.org/debian bookworm/main amd64 Packages
"""


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("1.7.2[!0-9]*", "2:1.7.2~ds1-1"),
        ("1.7[!0-9]*", "1.7.29-1"),
        ("1.7.29[!0-9]*", "1.7.29-1"),
        ("1.7.3[!0-9]*", "1.7.3"),
        ("1.7.3-*", "1.7.3-*"),
    ],
)
def test_apt_is_given_the_newest_version_that_matches(pattern: str, chosen: str) -> None:
    """Of a beginning, apt would take 1.7.29 for 1.7.2; where none matches, it says so itself."""
    madison = f"apt-cache() {{ printf '%s' {shlex.quote(MADISON)}; }}; "
    assert run(f"{madison} apt_choice containerd '{pattern}'").stdout == f"{chosen}\n"


# --- a repository's definition


def files(folder: Path) -> str:
    """What takes the place of the host's files in a test: under `folder`, whoever runs it."""
    return (
        f'put_file() {{ mkdir -p "{folder}${{1%/*}}" && cp "$3" "{folder}$1" && changed "$1"; }}; '
        f'remove_file() {{ rm -f "{folder}$1"; }}; '
    )


def test_apt_trusts_only_the_given_key_for_a_repository(tmp_path: Path) -> None:
    """`signed-by`: the key of a mirror cannot sign for the distribution."""
    script = work(tmp_path, kubernetes_asc="KEY\n") + files(tmp_path)
    done = run(
        script + f"apt_repository kubernetes {URL}; printf '%s\\n' \"${{PACKAGE_FILES[@]}}\""
    )
    key = "/etc/apt/keyrings/etcd-host-kubernetes.asc"
    lines = (tmp_path / "etc/apt/sources.list.d/etcd-host-kubernetes.list").read_text().splitlines()
    assert lines[1:] == [f"deb [signed-by={key}] {URL}/deb/ /"]
    assert (tmp_path / key.lstrip("/")).read_text() == "KEY\n"
    assert done.stdout.splitlines() == [key, "/etc/apt/sources.list.d/etcd-host-kubernetes.list"]


def test_apt_fetches_the_repository_s_own_key_when_none_is_given(tmp_path: Path) -> None:
    """Over https, as the configuration has made sure."""
    fetched = 'download() { echo "$1" >"$2"; }; '
    assert (
        run(work(tmp_path) + files(tmp_path) + fetched + f"apt_repository crio {URL}").returncode
        == 0
    )
    key = tmp_path / "etc/apt/keyrings/etcd-host-crio.asc"
    assert key.read_text() == f"{URL}/deb/Release.key\n"


def test_install_ends_with_the_reason_when_a_repository_s_key_cannot_be_had(tmp_path: Path) -> None:
    """Nothing was written then."""
    why = "E: Failed to fetch it  404  Not Found"
    fetched = f"download() {{ echo '{why}' >\"$WORK/download.log\"; false; }}; "
    done = run(work(tmp_path) + files(tmp_path) + fetched + f"apt_repository crio {URL}")
    assert done.returncode == REFUSED
    assert f"repository crio: its key cannot be had from {URL}/deb/Release.key" in done.stderr
    assert "404  Not Found; check repositories.crio.url" in done.stderr
    assert not (tmp_path / "etc").exists()


@pytest.mark.parametrize("given", [True, False])
def test_dnf_checks_packages_and_metadata_whichever_key_it_is(tmp_path: Path, given: bool) -> None:
    """By the given key, or by the one that the repository offers."""
    script = (work(tmp_path, kubernetes_asc="KEY\n") if given else work(tmp_path)) + files(tmp_path)
    assert run(script + f"dnf_repository kubernetes {URL}").returncode == 0
    text = (tmp_path / "etc/yum.repos.d/etcd-host-kubernetes.repo").read_text()
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    key = "file:///etc/pki/rpm-gpg/etcd-host-kubernetes.asc"
    assert lines["gpgkey"] == (key if given else f"{URL}/rpm/repodata/repomd.xml.key")
    assert (lines["gpgcheck"], lines["repo_gpgcheck"], lines["enabled"]) == ("1", "1", "1")
    assert lines["baseurl"] == f"{URL}/rpm/"
    assert {"kubelet", "kubeadm", "cri-o", "etcd-client"} <= set(lines["exclude"].split())


def test_dnf_forgets_the_given_key_when_there_is_none_any_more(tmp_path: Path) -> None:
    """Else the old mirror's owner could still sign."""
    key = tmp_path / "etc/pki/rpm-gpg/etcd-host-kubernetes.asc"
    key.parent.mkdir(parents=True)
    key.write_text("OLD\n")
    assert (
        run(work(tmp_path) + files(tmp_path) + f"dnf_repository kubernetes {URL}").returncode == 0
    )
    assert not key.exists()


# --- what goes wrong, in sentences

# What a package manager said; how the host program ends; what it says of it.
FAILED: dict[str, tuple[int, str, str]] = {
    "APT_LISTS_LOCKED": (LATER, "another package manager is at work", "apt/lists/lock. It is held"),
    "APT_ARCHIVES_LOCKED": (
        LATER,
        "another package manager is at work",
        "/var/cache/apt/archives/lock. It is held by process 24874 (apt-get)",
    ),
    "APT_DPKG_LOCKED": (
        LATER,
        "another package manager is at work",
        "Unable to acquire the dpkg frontend lock",
    ),
    "DNF_LOCKED": (LATER, "another package manager is at work", "metadata already locked by 15176"),
    "RPM_LOCKED": (
        LATER,
        "another package manager is at work",
        "can't create transaction lock on /var/lib/rpm/.rpm.lock",
    ),
    "APT_NOT_SIGNED_BY_KEY": (
        REFUSED,
        f"repository kubernetes: the signature of {URL} is not by its key: ",
        "NO_PUBKEY B968BA51B6990A09. Check repositories.kubernetes.signingKeyFile",
    ),
    "APT_NOT_SIGNED": (
        REFUSED,
        f"repository kubernetes: the signature of {URL} is not by its key: ",
        "is not signed.. Check repositories.kubernetes.signingKeyFile",
    ),
    "DNF_NOT_SIGNED_BY_KEY": (
        REFUSED,
        f"repository kubernetes: the signature of {URL} is not by its key: ",
        "Bad GPG signature. Check repositories.kubernetes.signingKeyFile",
    ),
    "DNF_NOT_SIGNED": (
        REFUSED,
        f"repository kubernetes: the signature of {URL} is not by its key: ",
        "GPG signature is not available",
    ),
    "DNF_PACKAGE_BY_ANOTHER_KEY": (
        REFUSED,
        f"repository kubernetes: the signature of {URL} is not by its key: ",
        "Check repositories.kubernetes.signingKeyFile",
    ),
    "DNF_PACKAGE_NOT_SIGNED": (
        REFUSED,
        "a package is not by its repository's key: ",
        "Package kubelet-1.35.4-150500.1.1.x86_64.rpm is not signed",
    ),
    "APT_NO_REPOSITORY": (
        REFUSED,
        f"repository kubernetes: {URL} cannot be read: ",
        "does not have a Release file.. Check repositories.kubernetes.url",
    ),
    "APT_REFUSED": (
        REFUSED,
        f"repository kubernetes: {URL} cannot be read: ",
        "connect (111: Connection refused). Check repositories.kubernetes.url, and that this host",
    ),
    "APT_UNKNOWN_NAME": (
        REFUSED,
        f"repository kubernetes: {URL} cannot be read: ",
        "Could not resolve 'mirror.example.com'",
    ),
    "APT_NO_ARCHIVE": (
        REFUSED,
        f"repository kubernetes: {URL} cannot be read: ",
        "kubelet_1.35.4-1.1_amd64.deb  404  Not Found",
    ),
    "DNF_REFUSED": (
        REFUSED,
        f"repository kubernetes: {URL} cannot be read: ",
        "Curl error (7): Couldn't connect to server",
    ),
    "DNF_NO_REPOSITORY": (
        REFUSED,
        f"repository kubernetes: {URL} cannot be read: ",
        f"Status code: 404 for {URL}/rpm/repodata/repomd.xml",
    ),
    "APT_NO_SPACE_FOR_LISTS": (REFUSED, "a disk of this host is full: ", "No space left on device"),
    "APT_NO_ROOM": (REFUSED, "a disk of this host is full: ", "in /var/cache/apt/archives/"),
    "DPKG_NO_SPACE": (REFUSED, "a disk of this host is full: ", "/usr/bin/kubelet.dpkg-new"),
    "DNF_NO_ROOM": (REFUSED, "a disk of this host is full: ", "4MB more space needed on the /"),
    "DNF_NO_ROOM_FOR_DOWNLOADS": (
        REFUSED,
        "a disk of this host is full: ",
        "Failed writing received data",
    ),
    "APT_NO_VERSION": (
        REFUSED,
        "no repository of this host has what is wanted: ",
        "Version '1.35.9-*' for 'kubelet' was not found. Give versions that they have",
    ),
    "APT_NO_PACKAGE": (
        REFUSED,
        "no repository of this host has what is wanted: ",
        "Unable to locate package etcd-client",
    ),
    "APT_WAITED": (
        REFUSED,
        "no repository of this host has what is wanted: ",
        "Version '1.35.9-*' for 'kubelet' was not found",
    ),
    "DNF_NO_VERSION": (
        REFUSED,
        "no repository of this host has what is wanted: ",
        "No match for argument: kubelet-1.35.9-*;No match for argument: kubeadm-1.35.9-*",
    ),
    "DPKG_HALF_INSTALLED": (
        INTERNAL,
        "the packages could not be installed: ",
        "you must manually run 'dpkg --configure -a'",
    ),
    "DNF_BROKEN_SCRIPT": (
        INTERNAL,
        "the packages could not be installed: ",
        "Error unpacking rpm package kubelet",
    ),
}


@pytest.mark.parametrize(("name", "status", "said", "why"), [(k, *v) for k, v in FAILED.items()])
def test_reason_and_way_out_are_told_when_packages_cannot_be_installed(
    tmp_path: Path, name: str, status: int, said: str, why: str
) -> None:
    """The cause, in the package manager's words, and not what merely happened besides."""
    script = state() + work(tmp_path, log=getattr(complaints, name))
    done = run(script + 'refuse_install "$WORK/log"; echo went on')
    *_, last = done.stderr.splitlines()
    assert done.returncode == status
    assert last.startswith(f"etcd-host: {said}")
    assert why in last
    assert done.stdout == ""


def test_every_complaint_is_tried_when_there_is_one() -> None:
    """A text that nobody looks at proves nothing."""
    texts = {name for name in vars(complaints) if name.isupper() and not name.startswith("_")}
    assert texts - {"URL", "APT_OK", "APT_DISTRIBUTION_REFUSED"} == set(FAILED)


@pytest.mark.parametrize("name", NAMES)
def test_fault_names_the_repository_when_it_is_another(tmp_path: Path, name: str) -> None:
    """Each has a URL and a key of its own to check."""
    other = f"https://mirror.example.com/{name}"
    changes = {"repository.kubernetes.url": "https://mirror.example.com/k8s"}
    log = complaints.APT_REFUSED.replace(URL, other)
    script = state(changes | {f"repository.{name}.url": other}) + work(tmp_path, log=log)
    done = run(script + 'refuse_repositories "$WORK/log"')
    assert done.returncode == REFUSED
    assert done.stderr.startswith(f"etcd-host: repository {name}: {other} cannot be read: ")
    assert f"Check repositories.{name}.url" in done.stderr


@pytest.mark.parametrize(
    "url", ["https://mirror.example.com/wrong-signature/GPG", "https://unsigned.example.com"]
)
def test_url_is_not_taken_for_the_reason_when_it_speaks_of_signatures(
    tmp_path: Path, url: str
) -> None:
    """The connection was refused, whatever the folder is called."""
    script = state({"repository.kubernetes.url": url})
    script += work(tmp_path, log=complaints.APT_REFUSED.replace(URL, url))
    assert "cannot be read" in run(script + 'refuse_repositories "$WORK/log"').stderr


@pytest.mark.parametrize("name", ["APT_OK", "APT_DISTRIBUTION_REFUSED"])
def test_update_goes_on_when_our_repositories_were_read(tmp_path: Path, name: str) -> None:
    """What is wanted of the distribution's may be there all the same."""
    script = state() + work(tmp_path, log=getattr(complaints, name))
    done = run(script + 'refuse_repositories "$WORK/log"; echo went on')
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


# --- how it is installed

# Says what is in $SAYS_update or $SAYS_install, and remembers how it was called.
APT_GET = """
apt-get() {
  local word verb=
  for word in "$@"; do case $word in update | install) verb=$word ;; esac; done
  echo "$*" >>"$WORK/called"
  cat "$WORK/$verb.says" 2>/dev/null
  [[ ! -e $WORK/$verb.says ]] || ! grep -q '^E: ' "$WORK/$verb.says"
}
apt-cache() { echo 'kubelet | 1.35.4-1.1 | http://x Packages'; }
"""


def install(folder: Path, **says: str) -> tuple[int, list[str], str]:
    """Installs two packages with a stand-in for apt-get: status, its calls, what was said."""
    told = {f"{verb}_says": text for verb, text in says.items()}
    script = work(folder, missing="kubelet 1.35.4-*\ncri-tools *\n", **told)
    done = run(script + state() + APT_GET + "apt_install; report_changes")
    calls = folder / "called"
    return done.returncode, calls.read_text().splitlines() if calls.exists() else [], done.stderr


def test_apt_is_asked_once_for_all_that_is_missing(tmp_path: Path) -> None:
    """At its version; what nobody has a version for, as it comes."""
    status, (update, wanted), said = install(tmp_path)
    assert status == 0
    assert update.endswith(" update")
    assert wanted.endswith(" kubelet=1.35.4-1.1 cri-tools")
    assert "--no-install-recommends" in wanted
    assert said.splitlines()[-1] == "etcd-host: changed: installed kubelet cri-tools"


def test_nothing_is_installed_when_our_repository_could_not_be_read(tmp_path: Path) -> None:
    """apt's update ends well all the same: it would take an old list, or the distribution's."""
    status, calls, said = install(tmp_path, update=complaints.APT_REFUSED)
    assert status == REFUSED
    assert [call.split()[-1] for call in calls] == ["update"]
    assert "Connection refused" in said


def test_packages_are_installed_when_only_another_repository_failed(tmp_path: Path) -> None:
    """It is not ours to judge."""
    status, calls, _ = install(tmp_path, update=complaints.APT_DISTRIBUTION_REFUSED)
    assert (status, len(calls)) == (0, 2)


HURRY = {"readonly LOCK_SECONDS=60": "readonly LOCK_SECONDS=2"}


def patiently(folder: Path, body: str) -> tuple[int, int, str]:
    """Runs a command of this body patiently: its status, how often it ran, what was said."""
    tried = f"sleep() {{ command sleep 0.1; }}; tried() {{ echo >>{folder}/n; {body} }}; "
    done = run(work(folder) + tried + 'patiently "$WORK/log" tried', places=HURRY)
    return done.returncode, len((folder / "n").read_text()), done.stderr


@pytest.mark.parametrize(
    "name",
    ["APT_LISTS_LOCKED", "APT_ARCHIVES_LOCKED", "APT_DPKG_LOCKED", "DNF_LOCKED", "RPM_LOCKED"],
)
def test_another_package_manager_is_waited_for_when_it_ends_in_time(
    tmp_path: Path, name: str
) -> None:
    """A host that has just started looks for updates by itself."""
    (tmp_path / "said").write_text(getattr(complaints, name))
    body = f"(($(wc -l <{tmp_path}/n) > 2)) || {{ cat {tmp_path}/said; return 100; }};"
    assert patiently(tmp_path, body) == (0, 3, "")


def test_another_package_manager_is_named_when_it_does_not_end(tmp_path: Path) -> None:
    """The next run goes on; nothing was wrong with this one."""
    (tmp_path / "said").write_text(complaints.APT_LISTS_LOCKED)
    status, times, said = patiently(tmp_path, f"cat {tmp_path}/said; return 100;")
    assert status == LATER
    assert times > 2
    assert "has been for 2 s: E: Could not get lock /var/lib/apt/lists/lock" in said
    assert "held by process 22547 (apt-get)" in said


@pytest.mark.parametrize("name", ["APT_NO_VERSION", "APT_WAITED", "DNF_NO_VERSION", "DNF_REFUSED"])
def test_nothing_is_waited_for_when_it_failed_for_another_reason(tmp_path: Path, name: str) -> None:
    """Once is enough, also where apt had to wait and then got its lock."""
    (tmp_path / "said").write_text(getattr(complaints, name))
    assert patiently(tmp_path, f"cat {tmp_path}/said; return 1;") == (1, 1, "")


def test_a_lock_that_was_waited_for_is_no_failure_when_apt_ends_well(tmp_path: Path) -> None:
    """Its log tells of the wait all the same."""
    waited = complaints.APT_DPKG_LOCKED.partition("E: ")[0]
    status, calls, _ = install(tmp_path, update=complaints.APT_OK, install=waited)
    assert (status, len(calls)) == (0, 2)


# --- drift

HELD = "Package: {}\nStatus: hold ok installed\nVersion: 1.35.4-1.1\n\n"
NOT_HELD = HELD.replace("hold ok", "install ok")


def drift(folder: Path, now: str, dpkg: str = "", *, installed: bool = True) -> list[str]:
    """What packages_drift says where these versions and this dpkg status are found."""
    if installed:
        (folder / "packages.stamp").write_text("")
        (folder / "packages").write_text("kubelet v1.35.4 kubeadm v1.35.4 etcdctl v3.6.1\n")
    (folder / "status").write_text(dpkg)
    script = f"versions() {{ printf '%b' {shlex.quote(now)}; }}; file_drift() {{ :; }}; "
    places = {
        "STATE=/var/lib/etcd-host": f"STATE={folder}",
        "/var/lib/dpkg/status": f"{folder}/status",
    }
    done = run(script + "packages_drift", places=places)
    assert done.stderr == ""
    return done.stdout.splitlines()


CLEAN = "kubelet: v1.35.4\nkubeadm: v1.35.4\netcdctl: v3.6.1\n"


def test_packages_did_not_drift_when_they_are_as_they_were_left(tmp_path: Path) -> None:
    """Same versions, still held."""
    assert drift(tmp_path, CLEAN, HELD.format("kubelet") + HELD.format("kubeadm")) == []


def test_packages_are_said_not_to_be_installed_when_they_never_were(tmp_path: Path) -> None:
    """One reason, and not one for each package."""
    assert drift(tmp_path, CLEAN, installed=False) == ["packages not installed"]


@pytest.mark.parametrize(
    ("program", "version"),
    [
        ("kubelet", "v1.35.40"),
        ("kubelet", "v1.35.3"),
        ("kubeadm", "absent"),
        ("etcdctl", "v3.6.10"),
    ],
)
def test_program_is_named_with_what_it_is_when_somebody_changed_it(
    tmp_path: Path, program: str, version: str
) -> None:
    """v3.6.10 begins as v3.6.1 does, and is another."""
    now = "\n".join(
        f"{program}: {version}" if line.startswith(program) else line for line in CLEAN.splitlines()
    )
    held = HELD.format("kubelet") + HELD.format("kubeadm")
    assert drift(tmp_path, now + "\n", held) == [f"{program} is {version}"]


@pytest.mark.parametrize("free", ["kubelet", "kubeadm"])
def test_packages_are_said_not_to_be_held_when_one_is_not(tmp_path: Path, free: str) -> None:
    """The next upgrade by others would take it."""
    other = "kubeadm" if free == "kubelet" else "kubelet"
    dpkg = HELD.format(other) + NOT_HELD.format(free)
    assert drift(tmp_path, CLEAN, dpkg) == ["packages not held"]


def test_other_packages_need_not_be_held_when_ours_are(tmp_path: Path) -> None:
    """kubelet-exporter is not kubelet."""
    dpkg = "".join(
        (NOT_HELD.format("kubelet-exporter"), HELD.format("kubelet"), HELD.format("kubeadm"))
    )
    assert drift(tmp_path, CLEAN, dpkg) == []
