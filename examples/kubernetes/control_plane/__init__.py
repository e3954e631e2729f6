"""A control plane by kubeadm on one host, on the etcd cluster that another stack keeps."""

from __future__ import annotations

from .stack import EtcdStackError

__all__ = ["EtcdStackError"]
