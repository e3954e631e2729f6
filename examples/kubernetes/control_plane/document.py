"""kubeadm-config.yaml. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from .settings import Settings

# v1beta4 has switches for the addons too: with them kubeadm does not pull the images either.
_SWITCHES = {"addon/coredns": "dns", "addon/kube-proxy": "proxy"}


def kubeadm_config(settings: Settings, external_etcd: str) -> str:
    """kubeadm's documents as one YAML map, by kind, so that a preview compares them key by key.

    external_etcd: the etcd stack's `kubeadmExternalEtcd`, a ClusterConfiguration; of it comes
    `etcd.external`, whatever version of Kubernetes that stack has.
    """
    api = f"kubeadm.k8s.io/{settings.release.kubeadm_api}"
    documents = {
        "ClusterConfiguration": (api, _cluster(settings, external_etcd)),
        "InitConfiguration": (api, _init(settings)),
        "KubeletConfiguration": ("kubelet.config.k8s.io/v1beta1", _kubelet(settings)),
    }
    by_kind = {
        kind: {"apiVersion": version, "kind": kind, **content}
        for kind, (version, content) in documents.items()
    }
    return yaml.safe_dump(by_kind, sort_keys=False, width=2**31)


def _cluster(settings: Settings, external_etcd: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "kubernetesVersion": settings.kubernetes_version,
        "imageRepository": settings.image_repository,
        "controlPlaneEndpoint": settings.endpoint,
        "networking": {
            "podSubnet": settings.pod_subnet,
            "serviceSubnet": settings.service_subnet,
        },
        "apiServer": {"certSANs": sorted({settings.control_plane.address, *settings.cert_sans})},
        "etcd": yaml.safe_load(external_etcd)["etcd"],
    }
    if settings.release.kubeadm_api != "v1beta3":
        skipped = (key for phase, key in _SWITCHES.items() if phase in settings.skip_phases)
        document |= {key: {"disabled": True} for key in skipped}
    return document


def _init(settings: Settings) -> dict[str, Any]:
    registration: dict[str, Any] = {
        "name": settings.control_plane.name,
        "criSocket": f"unix://{settings.runtime_socket}",
    }
    if settings.ignore_preflight_errors:
        registration["ignorePreflightErrors"] = list(settings.ignore_preflight_errors)
    document: dict[str, Any] = {
        "localAPIEndpoint": {"advertiseAddress": settings.control_plane.address},
        "nodeRegistration": registration,
    }
    if settings.skip_phases:
        document["skipPhases"] = list(settings.skip_phases)
    return document


def _kubelet(settings: Settings) -> dict[str, Any]:
    document: dict[str, Any] = {"cgroupDriver": settings.cgroup_driver}
    if settings.release.kubelet_knows_fail_cgroup_v1:
        document["failCgroupV1"] = not settings.allow_cgroup_v1
    return document
