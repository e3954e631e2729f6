"""What `pulumi up` and `pulumi preview` run."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import pulumi
from pulumi.runtime import config as runtime_config

from .. import hostprogram
from ..config import reading, settings
from ..errors import EtcdClusterError
from ..plan import decide, probe
from .cluster import EtcdCluster, EtcdClusterArgs

NAMESPACE = "etcd-cluster"
# With any other status Pulumi adds an error of its own about the status; this is how its Python
# host says that the person at the terminal has been told (pulumi-language-python, main.go).
ERROR_WAS_SHOWN = 32


def run() -> None:
    """Reads the configuration and the hosts, decides, declares, exports.

    Ends the program with one clear error, and without a single resource, where that is wrong.
    """
    try:
        args = _prepare()
    except EtcdClusterError as error:
        pulumi.log.error(str(error))
        sys.exit(ERROR_WAS_SHOWN)
    pulumi.run(partial(_declare, args))


async def _declare(args: EtcdClusterArgs) -> None:
    export(EtcdCluster(args.settings.cluster_name, args))
    # Lets every registration begin. The SDK waits for those that have begun one by one, and before
    # that, while there are none, again and again for all outputs there are: with seven members that
    # took a fifth of the program's time (pulumi/runtime/stack.py, wait_for_rpcs).
    await asyncio.sleep(0)


def _prepare() -> EtcdClusterArgs:
    folder = Path(pulumi.get_root_directory() or ".")
    read = reading.read(settings.Settings, raw(NAMESPACE), folder)
    for text in settings.warnings(read.settings):
        pulumi.log.warn(text)
    preview = pulumi.runtime.is_dry_run()
    observations: dict[str, probe.Observation] = {}
    if read.settings.drift_detection or not preview:
        observations = probe.observe(read.settings, read.access, bring=not preview)
    plan = decide.decide(
        read.settings, observations, preview=preview, program_digest=hostprogram.digest()
    )
    for text in plan.warnings:
        pulumi.log.warn(text)
    return EtcdClusterArgs(
        settings=read.settings, access=read.access, sources=read.sources, plan=plan
    )


def raw(namespace: str) -> dict[str, str]:
    """Every key of the configuration under a namespace, so that unknown ones are seen too."""
    prefix = f"{namespace}:"
    return {
        key.removeprefix(prefix): value
        for key, value in runtime_config.get_config_env().items()
        if key.startswith(prefix)
    }


def export(cluster: EtcdCluster) -> None:
    """The stack's outputs."""
    pulumi.export("endpoints", cluster.endpoints)
    pulumi.export("caCertificate", cluster.ca_certificate)
    pulumi.export("clientCertificate", cluster.client_certificate)
    pulumi.export("clientKey", cluster.client_key)
    pulumi.export("kubeadmExternalEtcd", cluster.kubeadm_external_etcd)
    pulumi.export("members", cluster.members)
    pulumi.export("clusterId", cluster.cluster_id)
    # (Not as one Output of it all: then the certificates would be hidden with their keys.)
    pulumi.export(
        "clients",
        {
            name: {"certificate": client.certificate, "key": client.key}
            for name, client in cluster.clients.items()
        },
    )
