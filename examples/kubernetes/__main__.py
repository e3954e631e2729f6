"""The Pulumi program: configuration -> etcd stack -> host -> control plane -> outputs."""

from __future__ import annotations

import sys

import pulumi

from control_plane import EtcdStackError, stack
from control_plane.component import ControlPlane
from control_plane.planned import prepare
from etcd_cluster.components.program import ERROR_WAS_SHOWN
from etcd_cluster.errors import EtcdClusterError

# Everything that can be wrong is looked at before the first resource: configuration and its files,
# the etcd stack, the host.
try:
    planned = prepare()
    stack.check(planned.settings.etcd_stack)
except (EtcdClusterError, EtcdStackError) as error:
    pulumi.log.error(str(error))
    sys.exit(ERROR_WAS_SHOWN)

etcd = stack.read(planned.settings.etcd_stack)
control_plane = ControlPlane(planned.settings.cluster_name, planned, etcd)

pulumi.export("endpoint", f"https://{planned.settings.endpoint}")
pulumi.export("kubeconfig", control_plane.kubeconfig)
