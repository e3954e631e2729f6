"""One host: its power, its disk and its network."""

from __future__ import annotations

import pytest

from lab.errors import LabError
from lab.hosts import cgroups
from lab.lab import Lab
from tests.lab.support import NAMES, lab_process, states, wait_for
from tests.support.instances import instance


def started(lab: Lab, name: str) -> str:
    """Return what changes when a host is started again, or made anew."""
    return lab.ssh(name, "cut -d' ' -f22 /proc/1/stat; cat /etc/machine-id").stdout


def test_a_fresh_host_has_what_the_product_builds_on_and_nothing_of_its_work(up: Lab) -> None:
    """A host is a bare machine with the packages: kubelet off, no configuration of it."""
    images = up.ssh("etcd01", "ctr --namespace k8s.io images ls --quiet").stdout.split()
    assert {"registry.k8s.io/etcd:3.6.6-0", "registry.k8s.io/pause:3.10.1"} <= set(images)
    assert up.ssh("etcd01", "kubelet --version && kubeadm version -o short").stdout.split() == [
        *("Kubernetes", "v1.35.4", "v1.35.4")
    ]
    enabled = up.ssh("etcd01", "systemctl is-enabled kubelet", check=False).stdout.strip()
    assert enabled == "disabled"
    assert up.ssh("etcd01", "ls /etc/kubernetes/manifests /var/lib/kubelet").stdout.split() == [
        *("/etc/kubernetes/manifests:", "/var/lib/kubelet:")
    ]
    assert up.ssh("etcd01", "systemctl is-system-running").stdout.strip() == "running"


def test_hosts_reach_each_other_by_name_when_up(up: Lab) -> None:
    """Names resolve from /etc/hosts alone; each host is one machine of its own."""
    assert up.ssh("etcd01", "getent ahostsv4 etcd02").stdout.startswith(up.address("etcd02"))
    assert up.ssh("etcd01", "cat /etc/resolv.conf").stdout == ""
    greeting = up.ssh("etcd01", "exec 3<>/dev/tcp/etcd02/22; head -c 4 <&3").stdout
    assert greeting == "SSH-"
    identities = {up.ssh(name, "hostname; cat /etc/machine-id").stdout for name in NAMES}
    assert len(identities) == len(NAMES)


def test_sudo_is_as_the_user_says(up: Lab) -> None:
    """`ops` becomes root without a password, `nosudo` does not: the product is tried on both."""
    assert up.ssh("etcd01", "sudo -n id --user", user="ops").stdout.strip() == "0"
    refused = up.ssh("etcd01", "sudo -n id --user", user="nosudo", check=False)
    assert refused.returncode != 0
    assert "password is required" in refused.stderr


def test_ssh_pins_each_host_to_its_own_key(up: Lab) -> None:
    """known_hosts has every host under its address and its name, each with another key."""
    rows = [line.split() for line in up.known_hosts.read_text().splitlines()]
    keys = {names: key for names, _, key in rows}
    first, second = (up.address(name) for name in NAMES)
    assert keys[first] == keys[f"etcd01,{first}"]
    assert keys[first] != keys[second]
    assert up.identity.stat().st_mode & 0o777 == 0o600


def test_up_changes_nothing_when_the_hosts_are_up(up: Lab) -> None:
    """A second `up` keeps the very same boots."""
    before = [started(up, name) for name in NAMES]
    assert lab_process("up", *NAMES).wait() == 0
    assert [started(up, name) for name in NAMES] == before


def test_a_killed_host_comes_back_with_its_disk(up: Lab) -> None:
    """`kill` is a power cut, `start` the power's return: same disk, same machine, new boot."""
    before = started(up, "etcd01")
    up.ssh("etcd01", "echo kept > /root/file")
    up.kill("etcd01")
    assert states(up) == {"etcd01": "stopped", "etcd02": "running"}
    assert cgroups.processes(f"{instance().name}/etcd01") == set()

    up.start("etcd01")
    assert up.ssh("etcd01", "cat /root/file").stdout == "kept\n"
    after = started(up, "etcd01")
    assert after != before
    assert after.splitlines()[-1] == before.splitlines()[-1]


def test_up_starts_a_killed_host_and_keeps_its_disk(up: Lab) -> None:
    """A host that was killed on purpose is not taken for a leftover."""
    up.ssh("etcd01", "echo kept > /root/file")
    up.kill("etcd01")
    up.up(NAMES)
    assert up.ssh("etcd01", "cat /root/file").stdout == "kept\n"


def test_a_host_reboots_on_its_own_command(up: Lab) -> None:
    """`systemctl reboot` boots it again; what a power cycle loses is lost, the disk is not."""
    before = started(up, "etcd02")
    up.ssh("etcd02", "echo kept > /root/file; touch /run/lost; mkdir /sys/fs/cgroup/cpu/lost")
    up.ssh("etcd02", "systemctl reboot", check=False)

    def is_back() -> bool:
        return up.ssh("etcd02", "cut -d' ' -f22 /proc/1/stat", check=False).stdout.strip() not in (
            "",
            before.splitlines()[0].strip(),
        )

    wait_for(is_back)
    up.wait("etcd02")
    left = "cat /root/file; ls /run/lost /sys/fs/cgroup/cpu/lost 2>/dev/null"
    assert up.ssh("etcd02", left, check=False).stdout == "kept\n"


def test_a_host_that_powers_itself_off_is_stopped(up: Lab) -> None:
    """An orderly end is no leftover: `up` starts the host again with its disk."""
    up.ssh("etcd02", "echo kept > /root/file; systemctl poweroff", check=False)
    wait_for(lambda: states(up)["etcd02"] == "stopped")
    up.up(NAMES)
    assert up.ssh("etcd02", "cat /root/file").stdout == "kept\n"


def test_a_cut_host_runs_on_unreachable_and_heals(up: Lab) -> None:
    """A cut is the network's fault, not the host's: the same boot answers after `heal`."""
    before = started(up, "etcd01")
    up.cut("etcd01")
    probe = "timeout 1 bash -c '</dev/tcp/etcd01/22'"
    assert up.ssh("etcd02", probe, check=False).returncode != 0
    assert not next(row for row in up.status() if row.name == "etcd01").connected
    up.heal("etcd01")
    assert up.ssh("etcd02", probe).returncode == 0
    assert started(up, "etcd01") == before


def test_a_wiped_host_loses_etcds_data_and_nothing_else(up: Lab) -> None:
    """`wipe` is a replaced data disk: etcd dies with its files, everything else goes on."""
    before = started(up, "etcd01")
    up.ssh(
        "etcd01",
        "install -d -m 700 /var/lib/etcd /var/lib/etcd/member/wal && "
        "echo x > /var/lib/etcd/member/wal/0.wal && "
        "ln -s /root /var/lib/etcd/link && echo kept > /root/file && "
        "cp /bin/sleep /usr/local/bin/etcd && "
        "systemd-run --quiet --unit=stand-in /usr/local/bin/etcd 1000",
    )
    up.wipe("etcd01")
    assert up.ssh("etcd01", "pgrep -x etcd", check=False).stdout == ""
    assert up.ssh("etcd01", "ls -A /var/lib/etcd; cat /root/file").stdout == "kept\n"
    assert up.ssh("etcd01", "stat --format=%a /var/lib/etcd").stdout == "700\n"
    assert started(up, "etcd01") == before


def test_a_stopped_host_can_be_wiped(up: Lab) -> None:
    """The disk may be replaced while the power is off."""
    up.ssh("etcd01", "mkdir -p /var/lib/etcd/member && echo kept > /root/file")
    up.kill("etcd01")
    up.wipe("etcd01")
    up.start("etcd01")
    assert up.ssh("etcd01", "ls -A /var/lib/etcd; cat /root/file").stdout == "kept\n"


def test_a_fresh_host_has_nothing_of_the_one_before_but_its_keys(up: Lab) -> None:
    """`fresh` makes another machine under the same address, which known_hosts still matches."""
    before = started(up, "etcd01")
    keys = up.known_hosts.read_text()
    up.ssh("etcd01", "echo gone > /root/file")
    up.fresh(["etcd01"])
    assert up.ssh("etcd01", "cat /root/file", check=False).returncode != 0
    assert started(up, "etcd01").splitlines()[-1] != before.splitlines()[-1]
    assert up.known_hosts.read_text() == keys


def test_up_makes_a_host_anew_when_its_processes_died_unasked(up: Lab) -> None:
    """A host that nobody stopped and that does not run is a leftover: cleared, made again."""
    up.ssh("etcd01", "echo gone > /root/file")
    cgroups.kill(f"{instance().name}/etcd01")
    assert states(up)["etcd01"] == "dead"
    up.up(NAMES)
    assert up.ssh("etcd01", "cat /root/file", check=False).returncode != 0


def test_verbs_say_what_would_do_when_the_host_is_not_there(up: Lab) -> None:
    """A refusal names the host, what it is, and the way out."""
    with pytest.raises(LabError, match=r"etcd03 is absent.*python -m lab up etcd03"):
        up.kill("etcd03")
    with pytest.raises(LabError, match=r'"db01" is not one of the lab\'s; known: .*etcd01'):
        up.kill("db01")
