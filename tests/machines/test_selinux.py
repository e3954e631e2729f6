"""SELinux enforcing: etcd is confined, its files are labelled, and nothing of ours is denied."""

from __future__ import annotations

import re

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.machines import have_quota, reboot_all, up_changes_nothing
from tests.support.tiers import MACHINES

pytestmark = MACHINES
SYSTEM: System = "vm-selinux"
SHOWS = (
    "first up, second up unchanged, restorecon -R, drift of a label, a setting rolled, reboot of "
    "all, a wiped member rejoined, destroy"
)
_QUOTA = 3 * 2**30
_LABELS = "find /var/lib/etcd /etc/kubernetes/etcd-host/pki -printf '%Z %p\\n'"
_KEYS = "/etc/kubernetes/etcd-host/pki"


def denied(hosts: Lab) -> list[str]:
    """What SELinux denied on the hosts since they booted, but for what no program of ours did."""
    asked = "journalctl -b -o cat --no-pager _TRANSPORT=kernel + _TRANSPORT=audit"
    asked += " | grep -a 'avc: *denied'"
    return [
        f"{name}: {line}"
        for name in NAMES
        for line in hosts.ssh(name, asked, check=False).stdout.splitlines()
        if re.search(_OURS, line) and not re.search(_THE_POLICYS, line)
    ]


_OURS = r"container|kube|etcd|dockerd|crio|runc"
# What Debian's policy denies to programs of its own on any host, and what these do without. (Later
# versions of it let the kubelet send the signal, and do not report the capability.)
_THE_POLICYS = "|".join(
    (
        r'comm="semodule".* tcontext=\S+:(semanage_store|file_context)_t:',
        r'comm="semodule".* tclass=filesystem',
        r"\{ (signull|sys_admin) \}.* scontext=\S+:kubelet_t:\S+ tcontext=\S+:kubelet_t:",
    )
)


def labels(hosts: Lab) -> set[tuple[str, str]]:
    """Type and level of etcd's files, with the folder that they are in."""
    found = set()
    for name in NAMES:
        for line in hosts.ssh(name, _LABELS).stdout.splitlines():
            context, path = line.split(" ", 1)
            _, _, kind, level = context.split(":", 3)
            found.add((f"{kind}:{level}", "keys" if path.startswith(_KEYS) else "data"))
    return found


RIGHT = {("container_file_t:s0", "data"), ("container_ro_file_t:s0", "keys")}


def test_the_first_up_ends_with_a_confined_etcd(formed: Stack, hosts: Lab, client: Client) -> None:
    """As container_t, without categories; SELinux is enforcing all the while."""
    assert client.all_healthy()
    for name in NAMES:
        assert hosts.ssh(name, "cat /sys/fs/selinux/enforce").stdout == "1"
        context = hosts.ssh(name, "cat /proc/$(pgrep -x etcd)/attr/current").stdout
        assert context.rstrip("\0\n").split(":", 2)[2] == "container_t:s0"
    assert labels(hosts) == RIGHT
    assert denied(hosts) == []


def test_a_second_up_changes_nothing(formed: Stack) -> None:
    """All resources are unchanged."""
    up_changes_nothing(formed)


def test_labels_survive_whoever_relabels_the_host(formed: Stack, hosts: Lab) -> None:
    """`restorecon -R` knows them from the policy; also with the force of a relabelling boot."""
    for name in NAMES:
        hosts.ssh(name, "restorecon -R /var/lib /etc && restorecon -RF /var/lib/etcd /etc")
    assert labels(hosts) == RIGHT
    formed.pulumi("preview", "--expect-no-changes")


def test_a_lost_label_and_a_lost_module_are_drift(formed: Stack, hosts: Lab) -> None:
    """Each named, and mended, without a restart of etcd."""
    before = hosts.ssh("etcd02", "pgrep -x etcd").stdout
    hosts.ssh("etcd01", f"chcon -t etc_t {_KEYS}/server.key")
    hosts.ssh("etcd02", "semodule -r etcd_host")
    text = formed.preview()
    assert f"{_KEYS}/server.key has the SELinux label " in text
    assert "SELinux's policy labels /etc/kubernetes/etcd-host/pki as " in text
    formed.up()
    assert labels(hosts) == RIGHT
    formed.pulumi("preview", "--expect-no-changes")
    assert hosts.ssh("etcd02", "pgrep -x etcd").stdout == before


def test_a_setting_is_rolled(formed: Stack, hosts: Lab, client: Client) -> None:
    """Each etcd reads what the one before it wrote."""
    formed.config["etcd"] = {"quotaBackendBytes": _QUOTA}
    formed.up()
    assert client.all_healthy()
    have_quota(hosts, _QUOTA)
    assert denied(hosts) == []


def test_a_wiped_member_joins_again(formed: Stack, hosts: Lab, client: Client) -> None:
    """Its new data is labelled as the old was."""
    hosts.kill("etcd03")
    hosts.wipe("etcd03")
    hosts.start("etcd03")
    formed.up()
    assert client.all_healthy()
    assert labels(hosts) == RIGHT
    assert denied(hosts) == []


def test_the_cluster_comes_back_after_a_reboot(formed: Stack, hosts: Lab, client: Client) -> None:
    """All machines at once."""
    reboot_all(hosts)
    assert client.all_healthy(300)
    formed.pulumi("preview", "--expect-no-changes")
    assert denied(hosts) == []


def test_destroy_takes_the_module_away(formed: Stack, hosts: Lab) -> None:
    """No etcd runs, and the policy is the host's own again."""
    formed.destroy()
    for name in NAMES:
        assert hosts.ssh(name, "pgrep -x etcd", check=False).stdout == ""
        assert "etcd_host" not in hosts.ssh(name, "semodule -l").stdout
    assert denied(hosts) == []
