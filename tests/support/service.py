"""A cluster whose etcd is a service of systemd, as kubespray makes it: nothing of ours is there."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab import builds
from lab.lab import Lab
from lab.stack import Stack
from tests.support import cas
from tests.support.etcd import Client

FOLDER = "/etc/ssl/etcd/ssl"
# kubespray, roles/etcd/templates: etcd.service.j2 and etcd.env.j2.
_UNIT = """\
[Unit]
Description=etcd
After=network.target

[Service]
Type=notify
User=root
EnvironmentFile=/etc/etcd.env
ExecStart=/usr/local/bin/etcd
NotifyAccess=all
Restart=always
RestartSec=10s
LimitNOFILE=40000

[Install]
WantedBy=multi-user.target
"""
_ENVIRONMENT = """\
ETCD_DATA_DIR=/var/lib/etcd
ETCD_ADVERTISE_CLIENT_URLS=https://{address}:2379
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://{address}:2380
ETCD_INITIAL_CLUSTER_STATE=new
ETCD_LISTEN_CLIENT_URLS=https://{address}:2379,https://127.0.0.1:2379
ETCD_ELECTION_TIMEOUT=5000
ETCD_HEARTBEAT_INTERVAL=250
ETCD_INITIAL_CLUSTER_TOKEN=k8s_etcd
ETCD_LISTEN_PEER_URLS=https://{address}:2380
ETCD_NAME={name}
ETCD_PROXY=off
ETCD_INITIAL_CLUSTER={cluster}
ETCD_AUTO_COMPACTION_RETENTION=8
ETCD_SNAPSHOT_COUNT=10000
ETCD_TRUSTED_CA_FILE=/etc/ssl/etcd/ssl/ca.pem
ETCD_CERT_FILE=/etc/ssl/etcd/ssl/member.pem
ETCD_KEY_FILE=/etc/ssl/etcd/ssl/member-key.pem
ETCD_CLIENT_CERT_AUTH=true
ETCD_PEER_TRUSTED_CA_FILE=/etc/ssl/etcd/ssl/ca.pem
ETCD_PEER_CERT_FILE=/etc/ssl/etcd/ssl/member.pem
ETCD_PEER_KEY_FILE=/etc/ssl/etcd/ssl/member-key.pem
ETCD_PEER_CLIENT_CERT_AUTH=True
"""


class Services:
    """Such a cluster on these hosts, in use by a client that has a certificate of its CA."""

    def __init__(self, lab: Lab, names: Sequence[str], folder: Path) -> None:
        self.lab, self.names = lab, names
        self.authority = cas.authority("etcd-ca")
        self.endpoints = [f"https://{lab.address(name)}:2379" for name in names]
        for number, name in enumerate(names, 1):
            self._install(name, f"etcd{number}")
        for name in names:  # each waits for a quorum
            lab.ssh(name, "systemctl daemon-reload; systemctl enable --now --no-block etcd")
        made = cas.leaf(self.authority, ["kube-apiserver"])
        self.client = Client(
            folder,
            {
                "endpoints": self.endpoints,
                "caCertificate": self.authority.pem,
                "clientCertificate": made.pem,
                "clientKey": made.key_pem,
            },
        )
        assert self.client.all_healthy()

    def declare(self, stack: Stack, folder: Path, cluster: str, former: str = "stay") -> None:
        """Have the next `up` of this stack take it over."""
        (folder / "ca.crt").write_text(self.authority.pem)
        (folder / "ca.key").touch(mode=0o600)
        (folder / "ca.key").write_text(self.authority.key_pem)
        stack.config["certificates"] = {
            "authority": {
                "certificateFile": str(folder / "ca.crt"),
                "privateKeyFile": str(folder / "ca.key"),
            },
            "authorities": [0],
        }
        stack.config["takeOver"] = {
            "cluster": cluster,
            "endpoints": self.endpoints,
            "formerMembers": former,
        }

    def _install(self, name: str, member: str) -> None:
        address = self.lab.address(name)
        cluster = ",".join(
            f"etcd{number}=https://{self.lab.address(each)}:2380"
            for number, each in enumerate(self.names, 1)
        )
        made = cas.leaf(self.authority, [name, "localhost", "127.0.0.1", address])
        files = {
            f"{FOLDER}/ca.pem": self.authority.pem,
            f"{FOLDER}/member.pem": made.pem,
            f"{FOLDER}/member-key.pem": made.key_pem,
            "/etc/systemd/system/etcd.service": _UNIT,
            "/etc/etcd.env": _ENVIRONMENT.format(address=address, name=member, cluster=cluster),
        }
        with (builds.etcd() / "etcd").open("rb") as program:
            subprocess.run(
                [
                    *self.lab.ssh_command(name),
                    "cat > /usr/local/bin/etcd && chmod 755 /usr/local/bin/etcd",
                ],
                stdin=program,
                check=True,
            )
        for path, text in files.items():
            self.lab.ssh(name, f"install -D -m 600 /dev/stdin {path}", text)
