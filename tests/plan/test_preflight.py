"""Whether a host is fit to be a member, from what it says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.plan import preflight
from etcd_cluster.plan.probe import Observation
from tests.support.samples import bare, ready, settings

PACKAGES = {"install": "packages"}
GIB = 1024


def faults(seen: Observation, **changes: Any) -> list[str]:
    """Why this host cannot be a member."""
    return list(preflight.faults(settings(**changes), seen))


def warnings(seen: Observation) -> list[str]:
    """What the user is warned of."""
    return list(preflight.warnings(settings(), seen))


@pytest.mark.parametrize("family", ["apt", "dnf"])
@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_bare_host_is_fit_when_packages_are_to_be_installed(family: str, architecture: str) -> None:
    """It has no kubelet, no runtime and no etcdctl: that is what `install` is for."""
    assert faults(bare(family=family, architecture=architecture), **PACKAGES) == []


def test_host_is_fit_when_its_image_has_everything() -> None:
    """And nobody asks for a package manager then."""
    assert faults(ready(family="none", architecture="riscv64")) == []


def test_every_program_is_missed_when_a_bare_host_is_to_have_them_in_its_image() -> None:
    """All at once."""
    found = faults(bare())
    assert [text.split(" ")[0] for text in found] == ["kubelet", "kubeadm", "etcdctl", "containerd"]
    assert all("is not installed; install" in text for text in found)


def test_other_versions_are_no_fault_when_packages_are_to_be_installed() -> None:
    """That is an upgrade."""
    assert faults(ready(kubelet="v1.34.1", kubeadm="v1.34.1", socket="absent"), **PACKAGES) == []


# Facts of an otherwise fit bare host; what the fault says of it; what is to be done.
UNFIT: dict[str, tuple[dict[str, str], str, str]] = {
    "another init": ({"init": "openrc"}, "PID 1 is 'openrc'", "systemd is required"),
    "a user etcd that is a person's": (
        {
            "etcd-user": "etcd is to run as the user etcd, but this host's user of that name can "
            "log in: run X"
        },
        "can log in",
        "run X",
    ),
    "no package manager": (
        {"family": "none"},
        "neither apt-get nor dnf",
        "what was tested: docs/support.md",
    ),
    "another architecture": (
        {"architecture": "riscv64"},
        "architecture 'riscv64' is not supported",
        "x86_64 and aarch64",
    ),
    "32 bits": (
        {"architecture": "i686"},
        "architecture 'i686' is not supported",
        "x86_64 and aarch64",
    ),
    "cgroup v1": ({"cgroup": "v1"}, "cgroup v1", "allowCgroupV1: true"),
    "a port in use": (
        {"ports_used": "2379 by etcd (process 812)"},
        "2379 by etcd (process 812)",
        "stop that program",
    ),
    "ports in use": (
        {"ports_used": "2379 by etcd (process 812), 2380 by etcd (process 812)"},
        "2379 by etcd (process 812), 2380 by etcd (process 812)",
        "use another host",
    ),
    "ports that could not be read": (
        {"ports_used": "unknown"},
        "whether etcd's ports are in use could not be read",
        "check that `awk 1 /proc/net/tcp` works on the host",
    ),
    "Docker's containerd": (
        {"containerd_io": "1.7.28-1"},
        "Docker's package containerd.io is installed (1.7.28-1)",
        "use another host",
    ),
    "packages that could not be read": (
        {"containerd_io": "unknown"},
        "whether Docker's package containerd.io is installed could not be determined",
        "check that `dpkg-query -W` or `rpm -qa` works on the host",
    ),
    "no resolver": (
        {"own_name_ms": str(preflight.NO_NAME_MILLISECONDS)},
        "the resolver does not answer within 3 s",
        "add the name to /etc/hosts",
    ),
    "a small disk for data": (
        {"data_free_mib": "2000"},
        "2000 MiB free for /var/lib/etcd",
        f"need {2 * GIB + preflight.BESIDE_DATABASE_MIB} MiB; free some space, or lower the quota",
    ),
    "a small disk for packages": (
        {"var_free_mib": "1000"},
        "1000 MiB free in /var",
        f"need {preflight.PACKAGES_MIB} MiB; free some space",
    ),
    "a full disk": ({"var_free_mib": "0"}, "0 MiB free in /var", "free some space"),
}


@pytest.mark.parametrize(("facts", "given", "offered"), list(UNFIT.values()), ids=list(UNFIT))
def test_fault_says_what_is_wrong_and_what_to_do_when_a_host_is_unfit(
    facts: dict[str, str], given: str, offered: str
) -> None:
    """One for one thing."""
    (text,) = faults(bare(**facts), **PACKAGES)
    assert given in text
    assert offered in text


@pytest.mark.parametrize(
    "facts",
    [
        {"ports_used": ""},
        {"own_name_ms": "0"},
        {"own_name_ms": str(preflight.NO_NAME_MILLISECONDS - 1)},
        {"data_free_mib": str(2 * GIB + preflight.BESIDE_DATABASE_MIB)},
        {"var_free_mib": str(preflight.PACKAGES_MIB)},
        {"data_free_mib": ""},
        {"data_free_mib": "unknown"},
        {"own_name_ms": "-3"},
    ],
    ids=lambda facts: " ".join(f"{key}={value}" for key, value in facts.items()),
)
def test_host_is_fit_when_a_limit_is_just_kept_or_nothing_was_measured(
    facts: dict[str, str],
) -> None:
    """What a host cannot tell is not held against it."""
    assert faults(bare(**facts), **PACKAGES) == []


@pytest.mark.parametrize(("quota", "fit"), [(64 * 1024**2, True), (8 * 1024**3, False)])
def test_room_for_data_follows_the_quota_when_it_is_another(quota: int, fit: bool) -> None:
    """The database may grow that far."""
    found = faults(bare(data_free_mib="3072"), **PACKAGES, etcd={"quotaBackendBytes": quota})
    assert (found == []) is fit


def test_room_for_data_is_not_asked_for_again_when_the_host_has_a_member() -> None:
    """Its repair must not wait for a larger disk; a quota that rises has its own question."""
    assert faults(ready(formed="cafe", data_free_mib="10")) == []


def test_room_for_packages_is_not_asked_for_when_none_is_installed() -> None:
    """The image has them."""
    assert faults(ready(var_free_mib="10")) == []


@pytest.mark.parametrize("changes", [PACKAGES, {}], ids=["packages", "preinstalled"])
def test_ports_and_disks_are_asked_for_in_both_modes_when_a_host_is_new(
    changes: dict[str, str],
) -> None:
    """They have nothing to do with packages."""
    seen = ready(ports_used="2380 by java (process 7)", own_name_ms="3000", data_free_mib="10")
    assert len(faults(seen, **changes)) == 3


def test_every_fault_of_a_host_is_told_when_it_has_several() -> None:
    """Nobody mends one to learn of the next."""
    seen = bare(**{key: value for facts, _, _ in UNFIT.values() for key, value in facts.items()})
    assert len(faults(seen, **PACKAGES)) == len(
        {key for facts, _, _ in UNFIT.values() for key in facts}
    )


def test_cgroup_v1_is_no_fault_when_it_is_allowed() -> None:
    """Also where the kubelet is still to come."""
    assert faults(bare(cgroup="v1"), **PACKAGES, allowCgroupV1="true") == []


def test_slow_disk_is_a_warning_when_writes_take_long() -> None:
    """It works, and leaders are lost under load."""
    (text,) = warnings(ready(sync_us="25400"))
    assert "syncing a write to the disk of /var/lib/etcd takes 25 ms" in text
    assert "recommends less than 10 ms" in text
    assert "etcd.heartbeatIntervalMilliseconds" in text


@pytest.mark.parametrize("sync", [str(preflight.SLOW_SYNC_MICROSECONDS), "12", "unknown", ""])
def test_disk_is_no_warning_when_it_is_fast_or_was_not_measured(sync: str) -> None:
    """Nothing to get used to."""
    assert warnings(ready(sync_us=sync)) == []


def test_slow_resolver_is_a_warning_when_it_answers() -> None:
    """Pods start late, and that is all."""
    (text,) = warnings(ready(own_name_ms="1200"))
    assert "the resolver takes 1.2 s for the host's own name" in text
    assert "/etc/hosts" in text
    assert faults(ready(own_name_ms="1200")) == []


@pytest.mark.parametrize("took", ["1000", "3000", "0", "unknown", ""])
def test_resolver_is_no_warning_when_it_is_fast_or_a_fault(took: str) -> None:
    """Said once, or not at all."""
    assert warnings(ready(own_name_ms=took)) == []


def test_host_whose_selinux_cannot_label_is_refused_where_nothing_is_installed() -> None:
    """Packages bring what is missing; where none are installed the plan says it."""
    text = "SELinux is on, and what labels etcd's files is not installed: semodule"
    assert faults(ready(selinux=text)) == [text]
    assert faults(ready(selinux=text), **PACKAGES) == []
    assert faults(ready(selinux="")) == []


REMOTE = {"to": "b/prod", "remote": {"type": "s3"}}


@pytest.mark.parametrize(
    ("backup", "facts", "said"),
    [
        (REMOTE, {"rclone": "absent"}, "rclone is not installed"),
        (REMOTE, {}, "did not report whether rclone"),
        ({"to": "/mnt/b", "encryptionPassword": "x y"}, {"rclone": "absent"}, "install it"),
        (REMOTE, {"rclone": "present"}, ""),
        ({"to": "/mnt/b"}, {"rclone": "absent"}, ""),
        (None, {"rclone": "absent"}, ""),
    ],
)
def test_image_has_to_have_what_reaches_the_store(
    backup: Any, facts: dict[str, str], said: str
) -> None:
    """Packages bring it."""
    found = "".join(faults(ready(**facts), backup=backup))
    assert said in found
    assert bool(said) is bool(found)
    assert faults(bare(**facts), **PACKAGES, backup=backup) == []
