"""The Pulumi program: configuration -> observation -> plan -> components -> outputs."""

from __future__ import annotations

from etcd_cluster.components import program

program.run()
