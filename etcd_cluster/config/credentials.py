"""Credentials for SSH: the private key and each host's pinned key. Reads files, no network."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from . import trust
from .hosts import HostSettings
from .sections import Ssh
from .values import redacted

# An RSA host key comes last: pulumi-command would ask for it as `ssh-rsa` (SHA-1), which
# today's sshd refuses.
_PREFERRED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


@dataclass(frozen=True, kw_only=True)
class Access:
    """What an SSH connection needs in addition to the address."""

    private_key: str
    host_keys: dict[str, str]

    def __repr__(self) -> str:
        return f"Access(private_key=…, host_keys={self.host_keys!r})"


def read(settings: HostSettings, folder: Path, faults: list[str]) -> Access:
    """The keys that the settings refer to; relative paths are relative to `folder`.

    faults: a line is added for each file that is missing or unusable, and for each host without a
    key in the known_hosts file.
    """
    return Access(
        private_key=_private_key(settings.ssh, folder, faults),
        host_keys=_host_keys(settings, folder, faults),
    )


def _private_key(ssh: Ssh, folder: Path, faults: list[str]) -> str:
    if ssh.private_key is not None:
        name, text = "ssh.privateKey", ssh.private_key.get_secret_value()
    else:
        file = ssh.private_key_file or Path()  # the configuration has one of the two
        # Hidden if it looks like the key itself.
        name = f"ssh.privateKeyFile: {redacted(str(file))}"
        try:
            text = trust.resolve_path(file, folder).read_text()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            faults.append(f"{name} cannot be read ({reason}): expected the path of a private key")
            return ""
    try:
        asyncssh.import_private_key(text)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        # asyncssh has no exception of its own for a key with a passphrase.
        if "passphrase" in str(error).lower() or isinstance(error, asyncssh.KeyEncryptionError):
            faults.append(f"{name} is protected by a passphrase: expected a key without one")
        else:
            faults.append(f"{name} is not a private key: expected one in OpenSSH or PEM format")
    return text if text.endswith("\n") else text + "\n"


def _host_keys(settings: HostSettings, folder: Path, faults: list[str]) -> dict[str, str]:
    given, port = settings.ssh.known_hosts_file, settings.ssh.port
    name = f"ssh.knownHostsFile: {redacted(str(given))}"
    try:
        known = asyncssh.import_known_hosts(trust.resolve_path(given, folder).read_text())
    except OSError as error:
        faults.append(
            f"{name} cannot be read ({error.strerror}): expected a known_hosts file, e.g. one "
            "written by `ssh-keyscan` and verified against the hosts' own keys"
        )
        return {}
    except ValueError:
        faults.append(f"{name} is not a known_hosts file: expected OpenSSH's format")
        return {}
    found: dict[str, str] = {}
    for place, member in settings.hosts.items():
        line = _pinned(known, member.host, port)
        if line is not None:
            found[member.name] = line
        else:
            host = member.host
            target = host if port == 22 else f"[{host}]:{port}"
            faults.append(
                f"{place} {member.name}: {target!r} has no key in "
                f"{redacted(str(given))}; add it with "
                f"`ssh-keyscan -p {port} {host} >> {redacted(str(given))}` and "
                "verify it against the host's own /etc/ssh/ssh_host_*_key.pub"
            )
    return found


def _pinned(known: asyncssh.SSHKnownHosts, host: str, port: int) -> str | None:
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        address = ""  # a name
    trusted, _, revoked, *_ = known.match(host, address, port if port != 22 else None)
    lines = {
        key.get_algorithm(): key.export_public_key().decode().strip()
        for key in trusted
        if key not in revoked
    }
    for algorithm in (*_PREFERRED, *lines):
        if algorithm in lines:
            return " ".join(lines[algorithm].split()[:2])
    return None
