"""The lab's promises to whoever tests on its hosts. They run on an instance of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import cgroups
from lab.errors import LabError
from lab.hosts import Lab
from lab.instance import Instance
from tests.lab.traces import traces

INSTANCE = Instance(9)
NAMES = ["etcd01", "etcd02"]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two hosts for all tests of this module; the machine is clean afterwards."""
    lab = Lab(INSTANCE)
    lab.down()
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture
def up(lab: Lab) -> Lab:
    """The two hosts, up and connected whatever the test before did."""
    lab.up(NAMES)
    return lab


def started(lab: Lab, name: str) -> str:
    """Return what changes when a host is started again, or made anew."""
    return lab.ssh(name, "ps -o lstart= -p 1; cat /etc/machine-id").stdout


def states(lab: Lab) -> dict[str, str]:
    """Return each host's state by its name."""
    return {row.name: row.state.value for row in lab.status()}


def wait_for(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.01)


def lab_process(*arguments: str) -> subprocess.Popen[bytes]:
    """Start `python -m lab` on this instance as a person's shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", "lab", *arguments],
        env={**os.environ, "ETCD_LAB_INSTANCE": str(INSTANCE.number)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def assert_nothing_is_left() -> None:
    """Look for anything of the lab; what was killed may be a zombie until init has seen to it."""
    deadline = time.monotonic() + 5
    while (left := traces(INSTANCE)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


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
    assert cgroups.processes(f"{INSTANCE.name}/etcd01") == set()

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
        return up.ssh("etcd02", "ps -o lstart= -p 1", check=False).stdout.strip() not in (
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
    cgroups.kill(f"{INSTANCE.name}/etcd01")
    assert states(up)["etcd01"] == "dead"
    up.up(NAMES)
    assert up.ssh("etcd01", "cat /root/file", check=False).returncode != 0


def test_verbs_say_what_would_do_when_the_host_is_not_there(up: Lab) -> None:
    """A refusal names the host, what it is, and the way out."""
    with pytest.raises(LabError, match=r"etcd03 is absent.*python -m lab up etcd03"):
        up.kill("etcd03")
    with pytest.raises(LabError, match=r'"db01" is not one of the lab\'s; known: .*etcd01'):
        up.kill("db01")


def test_another_checkouts_living_lab_is_left_alone(up: Lab, tmp_path: Path) -> None:
    """Two checkouts must not share hosts, nor end each other's, by accident."""
    owner = INSTANCE.folder / "owner"
    mine = owner.read_text()
    owner.write_text(f"{tmp_path}\nanother key\n")
    try:
        with pytest.raises(LabError, match=rf"runs for {tmp_path}.*down.*ETCD_LAB_INSTANCE"):
            up.up(NAMES)
        up.down()
        assert states(up) == {"etcd01": "running", "etcd02": "running"}
    finally:
        owner.write_text(mine)


def test_up_clears_another_checkouts_lab_when_it_is_dead(up: Lab, tmp_path: Path) -> None:
    """A dead lab is in nobody's way, whosever it was: its disks are not taken over either."""
    up.ssh("etcd01", "echo gone > /root/file")
    up.kill("etcd01")
    up.kill("etcd02")
    (INSTANCE.folder / "owner").write_text(f"{tmp_path}\nanother key\n")
    up.up(NAMES)
    assert up.ssh("etcd01", "cat /root/file", check=False).returncode != 0


def test_down_leaves_nothing(up: Lab) -> None:
    """No mount, link, namespace, cgroup, process or folder is left; a second `down` is fine."""
    assert len(traces(INSTANCE)) > len(NAMES)  # the look itself sees a lab that is up
    up.down()
    assert_nothing_is_left()
    up.down()


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda: INSTANCE.folder.exists(), id="when the folder is there"),
        pytest.param(lambda: Path("/run/netns/etcdlab9-etcd02").exists(), id="when networked"),
        pytest.param(lambda: bool(cgroups.processes(INSTANCE.name)), id="when a host starts"),
    ],
)
def test_down_and_up_clear_what_a_killed_up_left(lab: Lab, moment: Callable[[], bool]) -> None:
    """SIGKILL in the middle of `up`: `up` goes on from there, and `down` leaves nothing."""

    def killed_up() -> None:
        lab.down()
        process = lab_process("up", *NAMES)
        wait_for(moment)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    killed_up()
    lab.up(NAMES)
    assert states(lab) == {"etcd01": "running", "etcd02": "running"}
    killed_up()
    lab.down()
    assert_nothing_is_left()


def test_the_lab_says_what_it_needs_when_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux as root: one sentence, before anything is touched."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match=r"needs root, and this is user id 1000; run it with sudo"):
        Lab(INSTANCE).up(NAMES)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LabError, match=r"needs Linux, and this is darwin"):
        Lab(INSTANCE).up(NAMES)
