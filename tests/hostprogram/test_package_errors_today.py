"""The same sentences where today's package managers say it in other words."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import complaints_today
from .bash import run
from .complaints import URL
from .packages import INTERNAL, LATER, REFUSED, state, work
from .test_package_errors import FULL, LOCKED, MISSING, NO_VERSION, UNREAD, UNSIGNED

WEAK = f"repository kubernetes: this host rejects the signature of {URL} as too weak: "
PACKAGE = "a package's signature does not match the repository's key: "
OTHER = "the packages could not be installed: "
FAILED: dict[str, tuple[int, str, str]] = {
    "APT_3_0_ANOTHER_KEY": (REFUSED, UNSIGNED, "GPG error: Missing key E3F0EF5A45A4595862D1B8BF"),
    "APT_3_3_ANOTHER_KEY": (REFUSED, UNSIGNED, "GPG error: Missing key E3F0EF5A45A4595862D1B8BF"),
    "APT_3_3_CHANGED": (REFUSED, UNSIGNED, "Verifying signature: Message has been manipulated. Ch"),
    "APT_3_0_NO_KEYRING": (
        REFUSED,
        UNSIGNED,
        '/keyrings/etcd-host-kubernetes.asc": EOF 1: EOF. Ch',
    ),
    "APT_3_0_SHA1": (
        REFUSED,
        WEAK,
        "SHA1 is not considered secure since 2026-02-01T00:00:00Z. Use",
    ),
    "APT_3_3_SHA1": (
        REFUSED,
        WEAK,
        "SHA1 is not considered secure since 2026-02-01T00:00:00Z. Use",
    ),
    "APT_2_9_SIGNATURE_V3": (REFUSED, WEAK, "Signature Packet v3 is not considered secure since"),
    "APT_3_3_NO_ARCHIVE": (REFUSED, UNREAD, "kubectl_1.35.4-1.1_amd64.deb  404  File not found"),
    "APT_3_3_UNMET": (INTERNAL, OTHER, "Unable to satisfy dependencies. Reached two conflicting"),
    "APT_3_0_DPKG_LOCKED": (LATER, LOCKED, "Unable to lock the administration directory"),
    "DNF4_RPM_LOCKED": (LATER, LOCKED, "can't create transaction lock on /var/lib/rpm/.rpm.lock"),
    "DNF4_VERSION_LOCKED": (
        REFUSED,
        NO_VERSION,
        "filtered out by exclude filtering for argument: k",
    ),
    "DNF5_ANOTHER_KEY": (
        REFUSED,
        UNSIGNED,
        "GPG signature verification error: Signing key not fou",
    ),
    "DNF5_NOT_SIGNED": (REFUSED, UNSIGNED, "GPG signature is not available"),
    "DNF5_REFUSED": (REFUSED, UNREAD, "Curl error (7): Could not connect to server for"),
    "DNF5_NO_REPOSITORY": (REFUSED, UNREAD, f"Status code: 404 for {URL}/rpm/repodata/repomd.xml"),
    "DNF5_NO_KEY": (REFUSED, UNREAD, f"Status code: 404 for {URL}/rpm/repodata/repomd.xml.key"),
    "DNF5_PACKAGE_BY_ANOTHER_KEY": (REFUSED, PACKAGE, "Import of the key didn't help, wrong key?"),
    "DNF5_PACKAGE_NOT_SIGNED": (REFUSED, PACKAGE, "has failed: The package is not signed"),
    "DNF5_NO_ARCHIVE": (REFUSED, UNREAD, "kubectl-1.35.4-150500.1.1.x86_64.rpm (IP: 192.0.2.7)"),
    "DNF5_NO_VERSION": (
        REFUSED,
        NO_VERSION,
        "kubelet-1.35.9-*;No match for argument: kubeadm-1.35",
    ),
    "DNF5_EXCLUDED": (REFUSED, NO_VERSION, "Argument 'cri-tools' matches only excluded packages"),
    "DNF5_UNMET": (REFUSED, NO_VERSION, "nothing provides iptables >= 1.4.21 needed by kubelet"),
    "DNF5_NO_ROOM_FOR_DOWNLOADS": (REFUSED, FULL, "Failed writing received data to disk"),
    "DNF5_NO_ROOM": (REFUSED, FULL, "needs 79MB more space on the /usr filesystem"),
    "DNF5_RPM_LOCKED": (LATER, LOCKED, "Transaction failed: Rpm transaction failed"),
    "DNF5_LOCKED": (LATER, LOCKED, "Failed to obtain rpm transaction lock"),
}


@pytest.mark.parametrize(("name", "status", "said", "why"), [(k, *v) for k, v in FAILED.items()])
def test_reason_and_way_out_are_told_in_today_s_words(
    tmp_path: Path, name: str, status: int, said: str, why: str
) -> None:
    """The cause, and not what merely happened besides."""
    log = getattr(complaints_today, name)
    done = run(state() + work(tmp_path, log=log, missing=MISSING) + 'refuse_install "$WORK/log"')
    *_, last = done.stderr.splitlines()
    assert done.returncode == status
    assert last.startswith(f"etcd-host: {said}")
    assert why in last
    assert done.stdout == ""


def test_every_complaint_is_tried_when_there_is_one() -> None:
    """A text that nobody looks at proves nothing."""
    texts = {name for name in vars(complaints_today) if name.isupper() and name[0] != "_"}
    assert texts - {"URL", "DNF5_WAITS"} == set(FAILED)


# Says what it is told to, remembers how it was called, and waits for a lock as dnf 5 does.
DNF = r"""
dnf() {
  echo "$*" >>"$WORK/called"
  [[ -e $WORK/free ]] || { touch "$WORK/free"; cat "$WORK/waits"; exec sleep 60; }
}
pkill() { :; }
"""
CONTAINERD = "kubelet 1.35.4-*\ncontainerd 2.1.9[!0-9]*\n"


def dnf_install(folder: Path, then: str = "dnf_install", **files: str) -> tuple[list[str], str]:
    """How dnf was called, and what was said."""
    (folder / "waits").write_text(complaints_today.DNF5_WAITS)
    script = work(folder, missing=CONTAINERD, **files) + state() + DNF
    done = run(
        f"{script} {then}; report_changes", places={"DNF_LOCKS=/etc/dnf": f"DNF_LOCKS={folder}"}
    )
    assert done.returncode == 0, done.stderr
    return (folder / "called").read_text().splitlines(), done.stderr


def test_excludes_are_passed_by_in_the_words_of_both_dnfs(tmp_path: Path) -> None:
    """dnf 5 ends with `Unknown argument "--disableexcludes=all"`; dnf 4 does not know `*`.

    A repository that cannot be read is an error, whatever the host's own settings are.
    """
    (call,), _ = dnf_install(tmp_path, free="")
    assert call.endswith(
        "--setopt=disable_excludes=all,* install kubelet-1.35.4-* containerd-2.1.9[!0-9]*"
    )
    assert "--setopt=etcd-host-*.skip_if_unavailable=0" in call
    assert "--disableexcludes" not in call


def test_dnf_5_that_waits_for_a_lock_is_ended_and_asked_again(tmp_path: Path) -> None:
    """It would wait for ever, and says what it waits for."""
    calls, said = dnf_install(tmp_path, "sleep() { command sleep 0.1; }; dnf_install")
    assert len(calls) == 2
    assert "changed: installed" in said


def test_dnf_5_that_waits_is_ended_when_its_log_is_opened_late(tmp_path: Path) -> None:
    """The log is written through a pipe: on a busy host nobody has opened it when dnf waits."""
    (tmp_path / "waits").write_text(complaints_today.DNF5_WAITS)
    late = '2>&1 | { command sleep 0.7; cat >"$log"; }; exit ${PIPESTATUS[0]}'
    done = run(work(tmp_path) + state() + DNF + f"log=$WORK/log; dnf_now makecache {late}")
    assert done.returncode == 1
    assert "dnf already locked by 19765" in (tmp_path / "log").read_text()


def test_holder_of_the_lock_is_named_when_dnf_5_does_not_get_it(tmp_path: Path) -> None:
    """As dnf 4 does it."""
    (tmp_path / "waits").write_text(complaints_today.DNF5_WAITS)
    script = work(tmp_path) + state() + DNF.replace('touch "$WORK/free"; ', "")
    hurry = {"readonly LOCK_SECONDS=60": "readonly LOCK_SECONDS=2"}
    done = run(f'{script} patiently "$WORK/log" dnf_now makecache', places=hurry)
    assert done.returncode == LATER
    assert (
        "dnf already locked by 19765 (dnf install --setopt=disable_excludes=* kubectl)"
        in done.stderr
    )


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("plugins/versionlock.list", "containerd-0:1.7.24-1.el9.*\n"),
        ("versionlock.toml", 'version = "1.0"\n\n[[packages]]\nname = "containerd"\n'),
    ],
)
def test_lock_on_the_runtime_is_lifted_for_another_version(
    tmp_path: Path, file: str, text: str
) -> None:
    """dnf 4 would not find the version that is wanted; and what is locked is the new one, then."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / file).write_text(text)
    (delete, install), _ = dnf_install(tmp_path, free="")
    assert delete == "-y versionlock delete containerd"
    assert " install " in install
    calls, said = dnf_install(tmp_path, "dnf_hold", free="")
    assert (calls[2:], "containerd held" in said) == ([], False)
    (tmp_path / file).write_text("\n")
    calls, said = dnf_install(tmp_path, "dnf_hold", free="")
    assert (calls[2:], "containerd held" in said) == (["-y versionlock add containerd"], True)
