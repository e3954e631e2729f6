"""Bare hosts and the mirror that they install from, as their users see them."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import ssl
import time

import pytest

from lab.errors import LabError
from lab.hosts import cgroups
from lab.lab import Lab
from lab.mirror.server import PASSWORD, USER, Part
from tests.lab.support import traces
from tests.support.instances import instance

DEBIAN, EL = "etcd01", "etcd02"
TO_INSTALL = (
    *("containerd", "crio", "conmon", "ctr", "crictl", "kubelet", "kubeadm", "kubectl"),
    *("etcdctl", "iptables", "socat", "conntrack", "ethtool", "rclone"),
)
"""What a host of the lab has only after somebody installed it."""


@pytest.fixture
def up(lab: Lab) -> Lab:
    """A bare Debian and the whole mirror, up whatever the test before did."""
    lab.up([DEBIAN], image="debian")
    return lab


@pytest.fixture(params=[DEBIAN, pytest.param(EL, marks=pytest.mark.matrix)])
def name(up: Lab, request: pytest.FixtureRequest) -> str:
    """A bare host of either family."""
    if request.param == EL:
        up.up([EL], image="el")
    return str(request.param)


@pytest.fixture
def el(up: Lab) -> Lab:
    """The same lab with a bare host of the dnf family beside the other."""
    up.up([EL], image="el")
    return up


def dnf(line: str) -> str:
    """Return a shell command that runs dnf, and leaves no gpg-agent of it behind."""
    return f"dnf --assumeyes {line} && pkill gpg-agent || [ $? = 1 ]"


def get(
    lab: Lab, part: Part, path: str, *, password: str = "", method: str = "GET"
) -> tuple[int, bytes]:
    """Ask a registry as a container runtime does, trusting the lab's CA alone."""
    context = ssl.create_default_context(cafile=str(lab.mirror.authority))
    connection = http.client.HTTPSConnection(
        str(instance().gateway), part.port, context=context, timeout=10
    )
    login = base64.b64encode(f"{USER}:{password}".encode()).decode()
    with contextlib.closing(connection):
        connection.request(
            method, path, headers={"Authorization": f"Basic {login}"} if password else {}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()


def kinds(lab: Lab) -> dict[str, str]:
    """Return what each host is made of, by its name."""
    return {row.name: row.image.value for row in lab.status()}


def mirror_processes() -> set[int]:
    """Return the ids of what serves the mirror."""
    return cgroups.processes(f"{instance().name}/mirror")


def test_a_bare_host_has_nothing_of_what_the_product_installs(up: Lab, name: str) -> None:
    """No runtime, no Kubernetes, no etcd, no settings for them; booted without a fault."""
    found = up.ssh(name, f"command -v {' '.join(TO_INSTALL)}", check=False).stdout
    assert found == ""
    assert up.ssh(name, "ls /usr/sbin/runc /usr/bin/runc", check=False).stdout == ""
    settings = "cat /etc/modules-load.d/* /etc/sysctl.d/*.conf | grep -v '^[#;]' | grep ."
    assert up.ssh(name, settings, check=False).stdout == ""
    assert up.ssh(name, "ls -A /var/lib/containerd /var/lib/containers").stdout.split() == [
        *("/var/lib/containerd:", "/var/lib/containers:")
    ]
    assert up.ssh(name, "systemctl is-system-running").stdout == "running\n"
    assert up.ssh(name, "sudo -n id --user", user="ops").stdout == "0\n"


def test_a_bare_host_would_use_swap(up: Lab, name: str) -> None:
    """It has a line in /etc/fstab and a unit beside it; no swap is on, the kernel is shared."""
    assert "/swapfile none swap sw,nofail 0 0" in up.ssh(name, "cat /etc/fstab").stdout.splitlines()
    units = up.ssh(name, "systemctl list-unit-files --type=swap --state=enabled --no-legend").stdout
    assert units.split()[0] == "var-swap.swap"
    assert up.ssh(name, "swapon --show").stdout == ""


def family(lab: Lab, name: str) -> list[str]:
    """Return what a host says of itself, and the package managers and such on its PATH."""
    programs = "apt-get dpkg dnf yum rpm tc python3"
    line = f"(. /etc/os-release; echo $ID $ID_LIKE); command -v {programs}"
    return lab.ssh(name, line, check=False).stdout.split()


def test_a_bare_debian_host_looks_like_one(up: Lab) -> None:
    """It has apt, and no Python."""
    assert family(up, DEBIAN) == ["debian", "/usr/bin/apt-get", "/usr/bin/dpkg", "/usr/sbin/tc"]


@pytest.mark.matrix
def test_a_bare_host_of_the_dnf_family_looks_like_one(el: Lab) -> None:
    """It has dnf and nothing of apt's, and no tc."""
    assert family(el, EL) == [
        *("rocky", "rhel", "centos", "fedora"),
        *("/usr/bin/dnf", "/usr/bin/yum", "/usr/bin/rpm", "/usr/bin/python3"),
    ]


def test_an_apt_host_installs_from_the_mirror_and_knows_no_other(up: Lab) -> None:
    """Real apt, signatures checked, with the mirror in the place of Debian's archive."""
    up.ssh(DEBIAN, "apt-get update --error-on=any && apt-get install --yes ethtool")
    sites = up.ssh(DEBIAN, "apt-get indextargets --format '$(SITE)' | sort -u").stdout
    assert sites.split() == [f"{up.mirror.url}/debian"]
    assert up.ssh(DEBIAN, "ethtool --version").stdout.startswith("ethtool version")


@pytest.mark.matrix
def test_a_dnf_host_installs_from_the_mirror_and_knows_no_other(el: Lab) -> None:
    """Real dnf, which imports the lab's key and checks metadata and packages with it."""
    el.ssh(EL, dnf("install conntrack-tools"))
    told = el.ssh(EL, dnf("repolist --verbose")).stdout.splitlines()
    assert [line.split()[-1] for line in told if line.startswith("Repo-baseurl")] == [
        f"{el.mirror.url}/el"
    ]
    assert el.ssh(EL, "conntrack --version").stdout.startswith("conntrack v")
    keys = el.ssh(EL, "rpm --query gpg-pubkey --queryformat '%{summary}'").stdout
    assert "lab" in keys
    el.ssh(EL, dnf("versionlock add conntrack-tools"))


def test_installing_says_that_the_mirror_is_down(up: Lab) -> None:
    """Each part can be stopped alone, and comes back."""
    up.mirror.stop(Part.WEB)
    update = "apt-get update --error-on=any --option Acquire::Retries=0"
    refused = up.ssh(DEBIAN, update, check=False)
    assert refused.returncode != 0
    assert "Connection refused" in refused.stderr
    assert get(up, Part.REGISTRY, "/v2/")[0] == 200
    up.mirror.start()
    up.ssh(DEBIAN, "apt-get update --error-on=any")


def test_the_registry_has_the_images_for_whoever_trusts_the_labs_ca(up: Lab) -> None:
    """Nobody else's certificate store knows it, and nobody can push."""
    status, told = get(up, Part.REGISTRY, "/v2/_catalog")
    assert status == 200
    assert {"etcd", "pause"} <= set(json.loads(told)["repositories"])
    assert get(up, Part.REGISTRY, "/v2/etcd/blobs/uploads/", method="POST")[0] == 405
    connection = http.client.HTTPSConnection(
        str(instance().gateway), Part.REGISTRY.port, timeout=10
    )
    with contextlib.closing(connection), pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/v2/")


def test_the_private_registry_wants_its_password(up: Lab) -> None:
    """The same images, and not without the user's name and password."""
    assert get(up, Part.PRIVATE, "/v2/_catalog")[0] == 401
    assert get(up, Part.PRIVATE, "/v2/_catalog", password="another")[0] == 401
    assert get(up, Part.PRIVATE, "/v2/_catalog", password=PASSWORD)[0] == 200


def test_configurations_find_the_mirrors_keys_beside_the_labs_ssh_key(up: Lab) -> None:
    """Under names that do not change; the private one is nobody else's to read."""
    assert up.mirror.authority == up.identity.with_name("registry-ca.crt")
    assert up.mirror.signing_key == up.identity.with_name("signing-key.asc")
    assert up.mirror.signing_key.read_text().startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert up.identity.with_name("registry.key").stat().st_mode & 0o777 == 0o600


def test_a_container_starts_that_asks_for_what_no_host_here_can_have(up: Lab) -> None:
    """Of a system pod's priority, and with limits on huge pages; the runtime needs no option."""
    up.ssh(DEBIAN, "apt-get update && apt-get install --yes --no-install-recommends runc")
    up.ssh(DEBIAN, "mkdir -p /tmp/bundle/rootfs && cp --no-dereference /lib* /tmp/bundle/rootfs")
    up.ssh(DEBIAN, "cd /tmp/bundle && runc spec")
    spec = json.loads(up.ssh(DEBIAN, "cat /tmp/bundle/config.json").stdout)
    spec["process"] |= {"terminal": False, "oomScoreAdj": -997}
    spec["process"]["args"] = ["/usr/bin/cat", "/proc/self/oom_score_adj"]
    spec["linux"]["resources"]["hugepageLimits"] = [{"pageSize": "2MB", "limit": 0}]
    spec["linux"]["cgroupsPath"] = "/wrapped"
    usr = {"destination": "/usr", "source": "/usr", "type": "bind", "options": ["rbind", "ro"]}
    spec["mounts"].append(usr)
    for layout in (None, 4):
        text = json.dumps(spec, indent=layout)
        up.ssh(DEBIAN, "cat > /tmp/bundle/config.json", text)
        real = up.ssh(DEBIAN, "/usr/sbin/runc run --bundle /tmp/bundle it", check=False)
        assert real.returncode != 0, "the wrapper has nothing to do here any more"
        assert up.ssh(DEBIAN, "runc run --bundle /tmp/bundle it").stdout == "0\n"


def test_up_leaves_hosts_and_mirror_as_they_are(up: Lab) -> None:
    """A second `up` knows what is there, also where nobody says what hosts are made of."""
    before = mirror_processes()
    assert len(before) == len(Part)
    up.up([DEBIAN])
    assert mirror_processes() == before
    assert kinds(up)[DEBIAN] == "debian"


def test_up_refuses_to_take_a_host_for_another_kind(up: Lab) -> None:
    """Whoever wants other hosts is told how to get rid of these, which stay as they are."""
    before = mirror_processes()
    with pytest.raises(LabError, match=r"else than golden: etcd01 \(debian\); .*lab down.*--fresh"):
        up.up([DEBIAN, "etcd03"], image="golden")
    with pytest.raises(LabError, match=r"mirror has dev for etcd01.*; with seed in its place"):
        up.up([DEBIAN], mirror="seed")
    with pytest.raises(LabError, match=r'"fedora" is not one of the lab\'s; known: golden, debian'):
        up.up(["etcd03"], image="fedora")
    assert "etcd03" not in kinds(up)
    assert {row.state.value for row in up.status()} == {"running"}
    assert mirror_processes() == before


def test_a_reset_host_is_bare_again(up: Lab) -> None:
    """It is made of what it was made of before."""
    up.ssh(DEBIAN, "touch /root/gone")
    up.reset([DEBIAN])
    assert up.ssh(DEBIAN, "ls /root").stdout == ""
    assert kinds(up)[DEBIAN] == "debian"


def test_a_bare_host_reboots_on_its_own_command(up: Lab, name: str) -> None:
    """With its disk, and with what runtimes keep."""
    up.ssh(name, "echo kept | tee /root/file /var/lib/containerd/file > /var/lib/containers/file")
    up.ssh(name, "touch /run/lost; systemctl reboot", check=False)
    deadline = time.monotonic() + 20
    while up.ssh(name, "test ! -e /run/lost", check=False).returncode != 0:
        assert time.monotonic() < deadline, "it did not reboot in time"
        time.sleep(0.05)
    up.wait(name)
    files = "cat /root/file /var/lib/containerd/file /var/lib/containers/file"
    assert up.ssh(name, files).stdout == "kept\n" * 3


def test_a_bare_host_starts_without_the_mirror(up: Lab) -> None:
    """What a host has, it has."""
    up.mirror.stop()
    up.kill(DEBIAN)
    up.start(DEBIAN)
    assert up.ssh(DEBIAN, "systemctl is-system-running").stdout == "running\n"
    assert not mirror_processes()


def test_up_brings_back_what_died_of_the_mirror(up: Lab) -> None:
    """One of its servers was killed: the others stay."""
    before = mirror_processes()
    os.kill(min(before), signal.SIGKILL)
    up.up([DEBIAN])
    assert len(mirror_processes() & before) == len(before) - 1
    assert len(mirror_processes()) == len(before)


def test_down_leaves_nothing_of_the_mirror(up: Lab) -> None:
    """Also where a part of it was killed before: neither a process nor a file."""
    os.kill(min(mirror_processes()), signal.SIGKILL)
    up.down()
    deadline = time.monotonic() + 5
    while (left := traces(instance())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    with pytest.raises(LabError, match=r"has no mirror; `python -m lab up --image debian`"):
        up.mirror.start()
