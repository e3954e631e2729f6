"""The user that etcd runs as: which one is taken, made or refused, and what is its own."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from .asking import on_host

PLAIN = "etcd:x:777:997::/nonexistent:/usr/sbin/nologin"
NOBODY = pwd.getpwnam("nobody")

# The user's line, its group's name, others of its number; what is wrong with it.
USERS = {
    "made by this program": (PLAIN, "etcd", "", ""),
    "of Debian's package": ("etcd:x:112:118::/var/lib/etcd:/usr/sbin/nologin", "etcd", "", ""),
    "of kubespray": ("etcd:x:997:995:Etcd user:/home/etcd:/sbin/nologin", "etcd", "", ""),
    "with false as its shell": ("etcd:x:105:65:etcd:/:/bin/false", "etcd", "", ""),
    "root by another name": ("etcd:x:0:997::/:/usr/sbin/nologin", "etcd", "", "is root"),
    "a person": ("etcd:x:1000:1000::/home/etcd:/usr/sbin/nologin", "etcd", "", "its UID is 1000,"),
    "one who can log in": ("etcd:x:777:997::/home/etcd:/bin/bash", "etcd", "", "usermod --shell"),
    "without a shell": ("etcd:x:777:997::/home/etcd:", "etcd", "", "can log in (/bin/sh)"),
    "with a number of others": (PLAIN, "etcd", "systemd-resolve", "shares its number 777 with"),
    "in a group of others": (PLAIN, "adm", "", "has the group adm"),
    "in root's group": ("etcd:x:777:0::/:/usr/sbin/nologin", "etcd", "", "has the group"),
    "in a group without a name": (PLAIN, "", "", "has the group 997"),
    "without a number": ("etcd:x:::::", "etcd", "", "has no number"),
}


@pytest.mark.parametrize("case", USERS.values(), ids=USERS)
def test_user_of_others_is_taken_or_refused(
    tmp_path: Path, case: tuple[str, str, str, str]
) -> None:
    """A plain system user with a group of its own is taken, whoever made it."""
    line, group, same, fault = case
    said = on_host(tmp_path, f"user_fault '{line}' '{group}' '{same}' 1000").stdout
    assert fault in said
    assert bool(said) == bool(fault)


NAMES = r"""
name_service() {
  case "$1 $2" in
    'passwd etcd') [[ $KNOWN == yes ]] && echo "$LINE"; return 0 ;;
    "passwd 777") echo "$LINE" ;;
    "group 997") echo 'etcd:x:997:' ;;
  esac
}
KNOWN=yes LINE='etcd:x:777:997::/nonexistent:/usr/sbin/nologin'
useradd() { printf 'RAN %s\n' "$*" >&2; KNOWN=yes; }
"""
FIND = 'find_user; echo "$ETCD_OWNER|$ETCD_USER_FAULT"'


def test_user_is_known_by_its_name(tmp_path: Path) -> None:
    """Whatever number it has here."""
    assert on_host(tmp_path, FIND, NAMES).stdout == "777:997|\n"


def test_user_is_made_where_there_is_none(tmp_path: Path) -> None:
    """A system user that nobody logs in as, with a group of its own."""
    made = r"""KNOWN=no
    make_user() { useradd --system etcd; }"""
    done = on_host(tmp_path, 'need_user; echo "$ETCD_OWNER ${CHANGES[*]}"', NAMES + made)
    assert done.stdout == "777:997 user etcd made\n", done.stderr
    words = on_host(tmp_path, 'make_user; cat "$WORK/useradd.log"', NAMES + "KNOWN=no").stdout
    assert "--system --user-group --no-create-home" in words
    assert "nologin etcd\n" in words


def test_group_that_is_there_is_used(tmp_path: Path) -> None:
    """`useradd` would refuse to make it again."""
    group = NAMES.replace('"group 997"', '"group etcd" | "group 997"') + "KNOWN=no"
    assert "--gid=etcd" in on_host(tmp_path, 'make_user; cat "$WORK/useradd.log"', group).stdout


REFUSED = {
    "accounts are managed elsewhere": (
        "KNOWN=no; useradd() { echo 'useradd: cannot open /etc/passwd' >&2; return 1; }",
        "could not be made: useradd: cannot open /etc/passwd",
    ),
    "no useradd": ("KNOWN=no; type() { return 1; }", "no useradd to make it"),
    "the name service does not answer": ("name_service() { return 1; }", "is not known"),
    "a person's": (
        "LINE='etcd:x:777:997::/home/etcd:/bin/bash'",
        "can log in (/bin/bash)",
    ),
    "made, and not there": ("KNOWN=no; make_user() { true; }", "getent does not find it"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_no_user_is_a_refusal(tmp_path: Path, case: tuple[str, str]) -> None:
    """With the reason, and before anything of etcd's is touched."""
    stubs, reason = case
    # (Only that of need_user: `apart` waits for the last words of what it ran.)
    short = """eval "as_ever_$(declare -f wait_until)"
      wait_until() {
        if [[ $2 == make_user ]]; then make_user; else as_ever_wait_until "$@"; fi
      }"""
    done = on_host(tmp_path, "need_user; echo OPEN", f"{NAMES}{stubs}\n{short}")
    assert done.returncode == 4, done.stderr
    assert reason in done.stderr
    assert "OPEN" not in done.stdout


def test_unknown_name_is_none_and_a_failure_is_not(tmp_path: Path) -> None:
    """What getent says of a name that nobody has is an answer."""
    slow = "timeout() { return 124; }; ! name_service passwd root && echo not known"
    done = on_host(tmp_path, f"name_service passwd no-such-user && echo none; {slow}")
    assert done.stdout == "none\nnot known\n"


def test_numbers_of_others_are_seen(tmp_path: Path) -> None:
    """Two names of one number are one user to the kernel."""
    assert on_host(tmp_path, "same_uid 0").stdout == "root"
    assert on_host(tmp_path, f"ETCD_USER_FAULT=; same_uid {NOBODY.pw_uid}").stdout == "nobody"


def test_user_that_was_deleted_has_its_number_back(tmp_path: Path) -> None:
    """Unless it is somebody's by now, or not known to be nobody's."""
    runs = "runs_as() { echo 778; }; KNOWN=no"
    words = 'make_user; cat "$WORK/useradd.log"'
    assert "--uid 778" in on_host(tmp_path, words, f"{NAMES}{runs}").stdout
    for known in ("echo somebody:x:778:", "return 1"):
        stub = f"{runs}; name_service() {{ [[ $2 != 778 ]] || {known}; }}"
        done = on_host(tmp_path, words, NAMES + stub)
        assert "RAN --system" in done.stdout
        assert "--uid" not in done.stdout


# What etcd runs as (its number is 777), what else is stubbed; what the preview says.
DRIFT = {
    "root's": ("0", "", "etcd runs as root\n"),
    "another's": ("1000", "", "etcd runs as another user (1000)\n"),
    "the user is gone": ("777", "KNOWN=no", "the user etcd is missing\n"),
    "root's, and no user yet": ("0", "KNOWN=no", "etcd runs as root\n"),
    "its own": ("777", "", ""),
    "its own, and the data is not": (
        "777",
        "not_etcds() { echo x; }",
        "data is not etcd's alone\n",
    ),
    "its own, in an open folder": (
        "777",
        "stat() { echo 755 777:997; }",
        "data is not etcd's alone\n",
    ),
    "none that runs": ("", "", ""),
}


@pytest.mark.parametrize("case", DRIFT.values(), ids=DRIFT)
def test_drift_of_the_user_is_named(tmp_path: Path, case: tuple[str, str, str]) -> None:
    """One reason, the one that explains the others."""
    uid, stubs, said = case
    quiet = "not_etcds() { true; }; stat() { echo 700 777:997; }"
    runs = f"runs_as() {{ echo {uid}; }}"
    assert on_host(tmp_path, "user_drift", f"{NAMES}{quiet}\n{runs}\n{stubs}").stdout == said


def test_patch_is_what_the_pod_gets(tmp_path: Path) -> None:
    """The keys are mounted from the user's own copies, and cannot be written."""
    said = on_host(tmp_path, "ETCD_OWNER=777:997; render_patch").stdout
    for line in ("runAsUser: 777", "runAsGroup: 997", "readOnly: true", 'drop: ["ALL"]'):
        assert line in said
