"""The packages of Kubernetes, CRI-O and etcd, as their projects make them.

Names, paths, modes and dependencies are those of the official packages: of kubernetes/release,
cmd/krel/templates, at the time of each version, and of cri-o/packaging. Nothing here is started or
enabled by being installed. Left out, because no host of the lab has a use for them: kubernetes-cni
(the kubelet's package depends on it), documentation, completions, and CRI-O's own copies of runc,
crun and conmon, in place of which it depends on the distribution's.
"""

from __future__ import annotations

from pathlib import Path

from lab import builds
from lab.hosts.images import layers
from lab.mirror.packages import File, Kind, Package, program
from lab.versions import CRI_TOOLS

_REVISION = {"deb": "1.1", "rpm": "150500.1.1"}
_UNITS = "usr/lib/systemd/system"
LAB_UNITS = layers.HERE / "rootfs" / _UNITS
_DEFAULTS = {"deb": "etc/default", "rpm": "etc/sysconfig"}

_REGISTRIES = 'unqualified-search-registries = ["docker.io"]\n'
_POLICY = '{ "default": [{ "type": "insecureAcceptAnything" }] }\n'
_CRICTL = """\
runtime-endpoint: "unix:///var/run/crio/crio.sock"
timeout: 0
debug: false
"""
_CRIO_DROPIN = """\
[crio.image]
signature_policy = "/etc/crio/policy.json"

[crio.runtime]
default_runtime = "runc"

[crio.runtime.runtimes.runc]
runtime_path = ""
runtime_root = "/run/runc"
monitor_path = ""
"""
# The empty paths: found on the PATH, where the lab's hosts have a wrapper around runc.
_CRIO_SERVICE = """\
[Unit]
Description=Container Runtime Interface for OCI (CRI-O)
Documentation=https://github.com/cri-o/cri-o
Wants=network-online.target
Before=kubelet.service
After=network-online.target

[Service]
Type=notify
EnvironmentFile=-/{defaults}/crio
Environment=GOTRACEBACK=crash
ExecStart=/usr/bin/crio \\
          $CRIO_CONFIG_OPTIONS \\
          $CRIO_RUNTIME_OPTIONS \\
          $CRIO_STORAGE_OPTIONS \\
          $CRIO_NETWORK_OPTIONS \\
          $CRIO_METRICS_OPTIONS
ExecReload=/bin/kill -s HUP $MAINPID
TasksMax=infinity
LimitNOFILE=1048576
LimitNPROC=1048576
LimitCORE=infinity
OOMScoreAdjust=-999
TimeoutStartSec=0
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
Alias=cri-o.service
"""


def kubernetes(kind: Kind, version: str) -> list[Package]:
    """Return the packages of one Kubernetes version's repository."""
    programs = builds.kubernetes(version)
    return [
        _kubelet(kind, version, programs / "kubelet"),
        _kubeadm(kind, version, programs / "kubeadm"),
        Package(
            name="kubectl",
            version=version,
            revision=_REVISION[kind],
            summary="Command-line utility for interacting with a Kubernetes cluster",
            files={"usr/bin/kubectl": program(programs / "kubectl")},
        ),
        Package(
            name="cri-tools",
            version=CRI_TOOLS,
            revision=_REVISION[kind],
            summary="Command-line utility for interacting with a container runtime",
            files={"usr/bin/crictl": program(builds.cri_tools(CRI_TOOLS) / "crictl")},
        ),
    ]


def crio(kind: Kind, version: str) -> list[Package]:
    """Return the packages of one CRI-O version's repository."""
    programs = builds.crio(version)
    defaults = _DEFAULTS[kind]
    return [
        Package(
            name="cri-o",
            version=version,
            revision=_REVISION[kind],
            summary="OCI-based implementation of the Kubernetes Container Runtime Interface",
            requires=("iptables", "runc", "conmon"),
            folders=("var/lib/crio", "etc/cni/net.d"),
            config=(
                f"{defaults}/crio",
                "etc/crictl.yaml",
                "etc/containers/registries.conf.d/crio.conf",
            ),
            files={
                "usr/bin/crio": program(programs / "crio"),
                "usr/bin/pinns": program(programs / "pinns"),
                f"{_UNITS}/crio.service": File(content=_CRIO_SERVICE.format(defaults=defaults)),
                f"{defaults}/crio": File(content=""),
                "etc/crictl.yaml": File(content=_CRICTL),
                "etc/containers/registries.conf.d/crio.conf": File(content=_REGISTRIES),
                "etc/crio/crio.conf.d/10-crio.conf": File(content=_CRIO_DROPIN),
                "etc/crio/policy.json": File(content=_POLICY),
            },
        )
    ]


def etcd_client(version: str) -> Package:
    """Return etcd's command-line tools as a package. It has no official counterpart."""
    programs = builds.etcd(version)
    return Package(
        name="etcd-client",
        version=version,
        revision="1",
        summary="Command-line clients of etcd",
        files={f"usr/bin/{name}": program(programs / name) for name in ("etcdctl", "etcdutl")},
    )


def _kubelet(kind: Kind, version: str, kubelet: Path) -> Package:
    defaults = f"{_DEFAULTS[kind]}/kubelet"
    iptables = {"deb": "iptables (>= 1.4.21)", "rpm": "iptables >= 1.4.21"}[kind]
    requires = [iptables, "util-linux", *(["mount"] if kind == "deb" else [])]
    if _is_early(version):
        iproute = {"deb": "iproute2", "rpm": "iproute"}[kind]
        requires += [iproute, "socat", "ethtool", "ebtables", "conntrack"]
    files = {
        "usr/bin/kubelet": program(kubelet),
        f"{_UNITS}/kubelet.service": File(content=LAB_UNITS / "kubelet.service", mode=0o600),
        defaults: File(content="KUBELET_EXTRA_ARGS=\n"),
    }
    folders = ("var/lib/kubelet", "etc/kubernetes", "etc/kubernetes/manifests")
    if kind == "deb":
        files |= {f"{path}/.kubelet-keep": File(content="") for path in (folders[0], folders[2])}
    return Package(
        name="kubelet",
        version=version,
        revision=_REVISION[kind],
        summary="Node agent for Kubernetes clusters",
        requires=tuple(requires),
        folders=folders,
        config=(defaults,),
        files=files,
    )


def _kubeadm(kind: Kind, version: str, kubeadm: Path) -> Package:
    needs = {"kubelet": "1.19.0", "kubectl": "1.19.0", "cri-tools": "1.25.0"}
    form = {"deb": "{} (>= {})", "rpm": "{} >= {}"}[kind]
    requires = [form.format(name, least) for name, least in needs.items()]
    dropin = "kubelet.service.d/10-kubeadm.conf"
    text = (LAB_UNITS / dropin).read_text().replace("/etc/default/", f"/{_DEFAULTS[kind]}/")
    return Package(
        name="kubeadm",
        version=version,
        revision=_REVISION[kind],
        summary="Command-line utility for administering a Kubernetes cluster",
        requires=tuple(requires) if _is_early(version) else (),
        files={
            "usr/bin/kubeadm": program(kubeadm),
            f"{_UNITS}/{dropin}": File(content=text),
        },
    )


def _is_early(version: str) -> bool:
    """Say whether the packages have the dependencies that they had up to 1.29.

    Kubeadm's went with 1.30 and 1.32, the kubelet's one by one up to 1.35.
    """
    return int(version.split(".")[1]) < 30
