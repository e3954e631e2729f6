"""What `pulumi up` and `pulumi preview` run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pulumi

from ..errors import EtcdClusterError
from .args import EtcdClusterArgs
from .cluster import EtcdCluster

# With any other status Pulumi adds an error of its own about the status; this is how its Python
# host says that the person at the terminal has been told (pulumi-language-python, main.go).
ERROR_WAS_SHOWN = 32


@contextmanager
def errors_shown() -> Iterator[None]:
    """Ends the program with one clear error, in place of a traceback, on an EtcdClusterError."""
    try:
        yield
    except EtcdClusterError as error:
        pulumi.log.error(str(error))
        sys.exit(ERROR_WAS_SHOWN)


def run() -> None:
    """Reads the configuration and the hosts, decides, declares, exports.

    Ends the program with one clear error, and without a single resource, where that is wrong.
    """
    with errors_shown():
        args = EtcdClusterArgs.read(alone=True)
    pulumi.run(partial(_declare, args))


async def _declare(args: EtcdClusterArgs) -> None:
    export(EtcdCluster(args.settings.cluster_name, args))
    # Lets every registration begin. The SDK waits for those that have begun one by one, and before
    # that, while there are none, again and again for all outputs there are: with seven members that
    # took a fifth of the program's time (pulumi/runtime/stack.py, wait_for_rpcs).
    await asyncio.sleep(0)


def export(cluster: EtcdCluster) -> None:
    """The stack's outputs."""
    pulumi.export("endpoints", cluster.endpoints)
    pulumi.export("caCertificate", cluster.ca_certificate)
    pulumi.export("certificateAuthorities", cluster.certificate_authorities)
    if cluster.client_certificate and cluster.client_key:
        pulumi.export("clientCertificate", cluster.client_certificate)
        pulumi.export("clientKey", cluster.client_key)
    pulumi.export("kubeadmExternalEtcd", cluster.kubeadm_external_etcd)
    pulumi.export("members", cluster.members)
    pulumi.export("clusterId", cluster.cluster_id)
    if cluster.backup:
        pulumi.export("backup", dict(cluster.backup))
    # (Not as one Output of it all: then the certificates would be hidden with their keys.)
    pulumi.export(
        "clients",
        {
            name: {"certificate": client.certificate, "key": client.key}
            for name, client in cluster.clients.items()
        },
    )
