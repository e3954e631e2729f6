"""Images of further versions of etcd on hosts that need no registry for theirs."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab import builds
from lab.hosts.images import oci
from lab.lab import Lab

_IMPORT = "ctr --namespace k8s.io images import --snapshotter overlayfs -"


def give_etcd(lab: Lab, names: Sequence[str], *versions: str) -> None:
    """Import these versions, e.g. `3.7.3`, into the runtime of each host."""
    for version in versions:
        built = builds.etcd(version)
        programs = {name: built / name for name in ("etcd", "etcdctl", "etcdutl")}
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "etcd.tar"
            oci.write_image(archive, f"registry.k8s.io/etcd:{version}-0", programs)
            for name in names:
                with archive.open("rb") as content:
                    subprocess.run(
                        [*lab.ssh_command(name), _IMPORT],
                        stdin=content,
                        stdout=subprocess.DEVNULL,
                        check=True,
                    )
