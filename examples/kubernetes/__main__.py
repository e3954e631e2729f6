"""The Pulumi program: configuration -> etcd stack -> host -> control plane -> outputs."""

from __future__ import annotations

import pulumi

from control_plane import stack
from control_plane.component import PROGRAM, ControlPlane
from control_plane.settings import NAMESPACE, Settings
from etcd_cluster import HostsArgs, errors_shown

# Everything that can be wrong is looked at before the first resource: configuration and its files,
# the etcd stack, the host.
with errors_shown():
    args = HostsArgs.read(Settings, NAMESPACE, programs=[PROGRAM])
    stack.check(args.settings.etcd_stack)

etcd = stack.read(args.settings.etcd_stack)
control_plane = ControlPlane(args.settings.cluster_name, args, etcd)

pulumi.export("endpoint", f"https://{args.settings.endpoint}")
pulumi.export("kubeconfig", control_plane.kubeconfig)
