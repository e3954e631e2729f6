"""A good configuration of the example: what its tests start from and change one thing of."""

from __future__ import annotations

import json
from typing import Any

from control_plane.settings import Settings
from etcd_cluster.config import settings as config
from tests.support.samples import SSH, VERSION

EXTERNAL_ETCD = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.1
etcd:
  external:
    endpoints:
    - https://10.107.88.15:2379
    - https://10.107.88.16:2379
    caFile: /etc/kubernetes/pki/etcd/ca.crt
    certFile: /etc/kubernetes/pki/apiserver-etcd-client.crt
    keyFile: /etc/kubernetes/pki/apiserver-etcd-client.key
"""


def raw(**changes: Any) -> dict[str, str]:
    """The least configuration in Pulumi's form, with changes; None takes a key out."""
    keys: dict[str, Any] = {
        "etcdStack": "organization/etcd-cluster/dev",
        "controlPlane": {"name": "master01", "address": "10.107.88.14"},
        "kubernetesVersion": VERSION,
        "ssh": SSH,
        **changes,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in keys.items()
        if value is not None
    }


def settings(**changes: Any) -> Settings:
    """Settings from the least configuration, with changes."""
    return config.load_as(Settings, raw(**changes))
