"""SSH keys of one checkout's lab: its client's, and one for each host, pinned in known_hosts."""

from __future__ import annotations

from pathlib import Path

from lab.instance import HOSTS, Instance
from lab.shell import run


class Keys:
    """The keys in a checkout's `.state`: made once, then the same over every `down` and `up`."""

    def __init__(self, lab: Instance) -> None:
        self.folder = lab.keys
        self.identity = self.folder / "id_ed25519"
        """The client's private key (mode 0600)."""
        self.known_hosts = self.folder / "known_hosts"
        """The hosts' public keys, by address and by name."""
        self._lab = lab

    def create(self) -> None:
        """Make what is missing; a key that is there is kept."""
        _create_key(self.identity, "etcd-lab")
        lines = []
        for host in HOSTS:
            key = self.host_key(host)
            _create_key(key, host)
            address = self._lab.address(host)
            public = " ".join(_public(key).split()[:2])
            also = self._lab.address6(host)
            lines += [f"{address} {public}", f"{host},{address} {public}", f"{also} {public}"]
        text = "\n".join(lines) + "\n"
        if not self.known_hosts.exists() or self.known_hosts.read_text() != text:
            self.known_hosts.write_text(text)

    def host_key(self, host: str) -> Path:
        """Return the file of a host's private key."""
        return self.folder / "host-keys" / host

    @property
    def authorized(self) -> str:
        """The client's public key, as an authorized_keys file."""
        return _public(self.identity)


def _public(key: Path) -> str:
    return key.with_name(f"{key.name}.pub").read_text()


def _create_key(key: Path, comment: str) -> None:
    if key.exists() and key.with_name(f"{key.name}.pub").exists():
        return
    key.parent.mkdir(parents=True, exist_ok=True)
    key.unlink(missing_ok=True)  # half of a pair: what made it was killed
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", key])
