"""One clear sentence where packages cannot be installed: the reason, and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import complaints
from .bash import run
from .complaints import URL
from .packages import INTERNAL, LATER, REFUSED, state, work

NAMES = ("kubernetes", "crio", "etcd")
MISSING = "kubelet 1.35.4-*\ncontainerd *\n"

LOCKED = "another package manager has been running on this host for 60 s: "
FULL = "a disk of this host is full: "
UNREAD = f"repository kubernetes: {URL} could not be read: "
UNSIGNED = f"repository kubernetes: the signature of {URL} does not match its key: "
NO_VERSION = "no configured repository provides the requested version: "
# What a package manager said; how the host program ends; what it says of it.
FAILED: dict[str, tuple[int, str, str]] = {
    "APT_LISTS_LOCKED": (LATER, LOCKED, "apt/lists/lock. It is held"),
    "APT_ARCHIVES_LOCKED": (
        LATER,
        LOCKED,
        "/var/cache/apt/archives/lock. It is held by process 24874 (apt-get)",
    ),
    "APT_DPKG_LOCKED": (
        LATER,
        LOCKED,
        "Unable to acquire the dpkg frontend lock",
    ),
    "DPKG_LOCKED": (LATER, LOCKED, "dpkg frontend lock was locked by another process"),
    "DNF_LOCKED": (LATER, LOCKED, "metadata already locked by 15176"),
    "RPM_LOCKED": (
        LATER,
        LOCKED,
        "can't create transaction lock on /var/lib/rpm/.rpm.lock",
    ),
    "APT_NOT_SIGNED_BY_KEY": (
        REFUSED,
        UNSIGNED,
        "NO_PUBKEY B968BA51B6990A09. Check repositories.kubernetes.signingKeyFile",
    ),
    "APT_NOT_SIGNED": (
        REFUSED,
        UNSIGNED,
        "is not signed. Check repositories.kubernetes.signingKeyFile",
    ),
    "DNF_NOT_SIGNED_BY_KEY": (
        REFUSED,
        UNSIGNED,
        "Bad GPG signature. Check repositories.kubernetes.signingKeyFile",
    ),
    "DNF_NOT_SIGNED": (
        REFUSED,
        UNSIGNED,
        "GPG signature is not available",
    ),
    "DNF_PACKAGE_BY_ANOTHER_KEY": (
        REFUSED,
        UNSIGNED,
        "Check repositories.kubernetes.signingKeyFile",
    ),
    "DNF_PACKAGE_NOT_SIGNED": (
        REFUSED,
        "a package's signature does not match the repository's key: ",
        "Package kubelet-1.35.4-150500.1.1.x86_64.rpm is not signed",
    ),
    "APT_NO_REPOSITORY": (
        REFUSED,
        UNREAD,
        "does not have a Release file. Check repositories.kubernetes.url",
    ),
    "APT_REFUSED": (
        REFUSED,
        UNREAD,
        "connect (111: Connection refused). Check repositories.kubernetes.url, and that this host",
    ),
    "APT_UNKNOWN_NAME": (
        REFUSED,
        UNREAD,
        "Could not resolve 'mirror.example.com'",
    ),
    "APT_NO_ARCHIVE": (
        REFUSED,
        UNREAD,
        "kubelet_1.35.4-1.1_amd64.deb  404  Not Found",
    ),
    "DNF_REFUSED": (
        REFUSED,
        UNREAD,
        "Curl error (7): Couldn't connect to server",
    ),
    "DNF_NO_REPOSITORY": (
        REFUSED,
        UNREAD,
        f"Status code: 404 for {URL}/rpm/repodata/repomd.xml",
    ),
    "APT_NO_SPACE_FOR_LISTS": (REFUSED, FULL, "No space left on device"),
    "APT_NO_ROOM": (REFUSED, FULL, "in /var/cache/apt/archives/"),
    "DPKG_NO_SPACE": (REFUSED, FULL, "/usr/bin/kubelet.dpkg-new"),
    "DNF_NO_ROOM": (REFUSED, FULL, "needs 4MB more space on the / filesystem"),
    "DNF_NO_ROOM_FOR_DOWNLOADS": (
        REFUSED,
        FULL,
        "Failed writing received data",
    ),
    "APT_NO_VERSION": (
        REFUSED,
        NO_VERSION,
        "Version '1.35.9-*' for 'kubelet' was not found. Set versions that are there",
    ),
    "APT_NO_PACKAGE": (
        REFUSED,
        NO_VERSION,
        "Unable to locate package etcd-client",
    ),
    "APT_WAITED": (
        REFUSED,
        NO_VERSION,
        "Version '1.35.9-*' for 'kubelet' was not found",
    ),
    "DNF_NO_VERSION": (
        REFUSED,
        NO_VERSION,
        "No match for argument: kubelet-1.35.9-*;No match for argument: kubeadm-1.35.9-*",
    ),
    "DNF_NO_CONTAINERD": (
        REFUSED,
        NO_VERSION,
        "as on RHEL and its relatives, set containerRuntime: crio",
    ),
    "APT_REMOVES": (
        REFUSED,
        "installing kubelet containerd would remove packages of this host: ",
        "of this host: containerd.io docker-ce. Nothing was installed.",
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
    script = state() + work(tmp_path, log=getattr(complaints, name), missing=MISSING)
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
    assert done.stderr.startswith(f"etcd-host: repository {name}: {other} could not be read: ")
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
    assert "could not be read" in run(script + 'refuse_repositories "$WORK/log"').stderr


@pytest.mark.parametrize("name", ["APT_OK", "APT_DISTRIBUTION_REFUSED"])
def test_update_goes_on_when_our_repositories_were_read(tmp_path: Path, name: str) -> None:
    """What is wanted of the distribution's may be there all the same."""
    script = state() + work(tmp_path, log=getattr(complaints, name))
    done = run(script + 'refuse_repositories "$WORK/log"; echo went on')
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")
