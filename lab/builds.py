"""The table of programs that are built from Go modules, and what the rest of the lab asks of it.

Each build is one row of `BUILDS` and one wrapper module, a folder under `lab/go/`. The result goes
to `${ETCD_LAB_CACHE:-${XDG_CACHE_HOME:-~/.cache}/etcd-cluster}/<name>-<digest>/`, outside the tree,
so that every checkout on a machine shares it. A new version is one more folder and one more row.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lab.go.compiler import Build, BuildError, build, digest
from lab.versions import CRI_TOOLS, CRIO, OLD_PATCHES, SEED, TODAY, UPGRADES, VERSITYGW

__all__ = [
    "BuildError", "bridged_plugins", "command_plugin", "control_plane", "cri_tools",
    "crio", "engine_digests", "etcd", "kubernetes", "language_host", "pulumi", "versitygw",
]  # fmt: skip

_PULUMI_SDK = "github.com/pulumi/pulumi/sdk/v3"
_LANGUAGE_HOST = "3.60.0"
_BRIDGE = "3.135.0"


def _kubernetes(version: str) -> Build:
    programs = ("kubelet", "kubeadm", "kubectl")
    return Build(
        name=f"kubernetes-{version}",
        programs={program: f"k8s.io/kubernetes/cmd/{program}" for program in programs},
        # Without these the programs call themselves v0.0.0, and kubeadm's version checks fail.
        ldflags=_kubernetes_version(version, "k8s.io/component-base/version"),
    )


def _control_plane(version: str) -> Build:
    programs = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    return Build(
        # A wrapper of its own: in the other one they would have every host's kubelet built anew.
        name=f"kubernetes-control-plane-{version}",
        programs={program: f"k8s.io/kubernetes/cmd/{program}" for program in programs},
        ldflags=(
            *_kubernetes_version(version, "k8s.io/component-base/version"),
            # The older API servers answer clients with this one.
            *_kubernetes_version(version, "k8s.io/client-go/pkg/version"),
        ),
    )


def _kubernetes_version(version: str, package: str) -> tuple[str, ...]:
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    return tuple(f"-X {package}.{name}={value}" for name, value in values.items())


def _etcd(version: str) -> Build:
    module = "go.etcd.io/etcd"
    return Build(
        name=f"etcd-{version}",
        programs={
            "etcd": f"{module}/server/v3",
            "etcdctl": f"{module}/etcdctl/v3",
            "etcdutl": f"{module}/etcdutl/v3",
        },
    )


def _crio(version: str) -> Build:
    module = "github.com/cri-o/cri-o"
    # Each does without one more library in C: gpgme, libbtrfs, libdevmapper.
    without = (
        "containers_image_openpgp",
        "exclude_graphdriver_btrfs",
        "exclude_graphdriver_devicemapper",
    )
    return Build(
        name=f"cri-o-{version}",
        programs={"crio": f"{module}/cmd/crio"},
        tags=(*without, "seccomp", "apparmor", "osusergo", "netgo"),
        # As the project links its own: it runs on every release, whatever glibc that has.
        ldflags=("-linkmode external -extldflags -static",),
        cgo=True,
        libraries=("libseccomp",),
        c_programs={"pinns": (module, "pinns/src")},
    )


def _cri_tools(version: str) -> Build:
    module = "sigs.k8s.io/cri-tools"
    return Build(
        name=f"cri-tools-{version}",
        programs={"crictl": f"{module}/cmd/crictl"},
        # Without it crictl calls itself "unknown".
        ldflags=(f"-X {module}/pkg/version.Version=v{version}",),
    )


def _versitygw(version: str) -> Build:
    module = "github.com/versity/versitygw"
    return Build(name=f"versitygw-{version}", programs={"versitygw": f"{module}/cmd/versitygw"})


def _pulumi(version: str) -> Build:
    return Build(
        name=f"pulumi-{version}",
        programs={"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
        # Without a version the Automation API refuses the program.
        ldflags=(f"-X {_PULUMI_SDK}/go/common/version.Version=v{version}",),
        # The language host starts it from beside itself; it must match this CLI, not that host.
        files={
            "pulumi-language-python-exec": (
                _PULUMI_SDK,
                "python/cmd/pulumi-language-python-exec",
            )
        },
    )


def _language_host(version: str) -> Build:
    program = "pulumi-language-python"
    return Build(
        name=f"{program}-{version}",
        programs={program: f"{_PULUMI_SDK}/python/cmd/{program}"},
        ldflags=(f"-X {_PULUMI_SDK}/go/common/version.Version=v{version}",),
    )


def _bridged(version: str, *, tls: str, random: str) -> Build:
    programs = ("pulumi-resource-tls", "pulumi-resource-random")
    return Build(
        name=f"pulumi-bridged-{version}",
        programs={program: f"lab/bridged/cmd/{program}" for program in programs},
        ldflags=(
            f"-X lab/bridged/bridged.TLSVersion={tls}",
            f"-X lab/bridged/bridged.RandomVersion={random}",
        ),
    )


def _command_plugin(version: str) -> Build:
    program = "pulumi-resource-command"
    return Build(
        name=f"command-plugin-{version}",
        within="stand-in",
        programs={program: f"lab/{program}"},
    )


_VERSIONS = (TODAY, SEED, *UPGRADES, *OLD_PATCHES)
BUILDS: Mapping[str, Build] = {
    row.name: row
    for row in (
        *(_kubernetes(versions.kubernetes) for versions in _VERSIONS),
        *(_control_plane(versions.kubernetes) for versions in _VERSIONS),
        *(_etcd(versions.etcd) for versions in _VERSIONS),
        _crio(CRIO),
        _cri_tools(CRI_TOOLS),
        _versitygw(VERSITYGW),
        _pulumi("3.259.0"),
        _language_host(_LANGUAGE_HOST),
        _command_plugin("1.2.1"),
    )
}


def kubernetes(version: str = TODAY.kubernetes) -> Path:
    """Return the folder that holds kubelet, kubeadm and kubectl of this version."""
    return build(_row("kubernetes", version))


def control_plane(version: str = TODAY.kubernetes) -> Path:
    """Return the folder that holds the API server, controller manager and scheduler."""
    return build(_row("kubernetes-control-plane", version))


def etcd(version: str = TODAY.etcd) -> Path:
    """Return the folder that holds etcd, etcdctl and etcdutl of this version."""
    return build(_row("etcd", version))


def crio(version: str = CRIO) -> Path:
    """Return the folder that holds crio and pinns of this version."""
    return build(_row("cri-o", version))


def cri_tools(version: str = CRI_TOOLS) -> Path:
    """Return the folder that holds crictl of this version."""
    return build(_row("cri-tools", version))


def versitygw(version: str = VERSITYGW) -> Path:
    """Return the folder that holds versitygw, a server of S3 on top of a folder."""
    return build(_row("versitygw", version))


def pulumi(version: str) -> Path:
    """Return the folder that holds the Pulumi CLI and the script pulumi-language-python-exec."""
    return build(_row("pulumi", version))


def language_host() -> Path:
    """Return the folder that holds pulumi-language-python."""
    return build(_row("pulumi-language-python", _LANGUAGE_HOST))


def bridged_plugins(*, tls: str, random: str) -> Path:
    """Return the folder that holds the tls and random plugins, which report these versions."""
    return build(_bridged(_BRIDGE, tls=tls, random=random))


def command_plugin(version: str) -> Path:
    """Return the folder that holds the stand-in for this version of the command plugin."""
    return build(_row("command-plugin", version))


def engine_digests(versions: Mapping[str, str]) -> dict[str, str]:
    """Return the digests of the rows that an engine of these versions would be built from."""
    rows = (
        # None of these versions: no matter to who has the official ones.
        BUILDS.get(f"pulumi-{versions['pulumi']}"),
        BUILDS.get(f"command-plugin-{versions['command']}"),
        BUILDS[f"pulumi-language-python-{_LANGUAGE_HOST}"],
        _bridged(_BRIDGE, tls=versions["tls"], random=versions["random"]),
    )
    return {row.name: digest(row) for row in rows if row}


def _row(name: str, version: str) -> Build:
    row = BUILDS.get(f"{name}-{version}")
    if row is None:
        versions = (key.removeprefix(f"{name}-") for key in BUILDS if key.startswith(f"{name}-"))
        known = [version for version in versions if version[0].isdigit()]
        raise BuildError(
            f'{name} version: "{version}" has no wrapper module; known: {", ".join(known)}. '
            f"A new one is a folder lab/go/{name}-{version} and a row in lab/builds.py."
        )
    return row
