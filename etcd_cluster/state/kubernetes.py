"""Configuration for Kubernetes, as an output of the stack. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from ..config.settings import Settings


def external_etcd(settings: Settings, urls: Sequence[str]) -> str:
    """The ClusterConfiguration with `etcd.external` for the Kubernetes side (YAML).

    The files are where kubeadm's documentation has them on a control-plane host:
    https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/
    """
    document = {
        "apiVersion": f"kubeadm.k8s.io/{settings.release.kubeadm_api}",
        "kind": "ClusterConfiguration",
        "kubernetesVersion": settings.kubernetes_version,
        "etcd": {
            "external": {
                "endpoints": list(urls),
                "caFile": "/etc/kubernetes/pki/etcd/ca.crt",
                "certFile": "/etc/kubernetes/pki/apiserver-etcd-client.crt",
                "keyFile": "/etc/kubernetes/pki/apiserver-etcd-client.key",
            }
        },
    }
    return yaml.safe_dump(document, sort_keys=False)
