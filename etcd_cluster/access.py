"""How hosts are reached: the private key, every host's pinned key. Reads files, dials nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncssh
from pydantic import SecretStr

from . import config, sources
from .config import Settings
from .errors import ConfigurationError
from .fields import shown
from .sections import HostSettings
from .sources import Sources

_S = TypeVar("_S", bound=HostSettings)

# An RSA host key comes last: pulumi-command would ask for it as `ssh-rsa` (SHA-1), which
# today's sshd refuses.
_PREFERRED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a connection needs beside the address."""

    private_key: str
    host_keys: dict[str, str]

    def __repr__(self) -> str:
        return f"Access(private_key=…, host_keys={self.host_keys!r})"


def read(raw: Mapping[str, str], folder: Path) -> tuple[Settings, Access, Sources]:
    """The settings under `etcd-cluster:`, and all that the files they name hold; see read_as."""
    return read_as(Settings, raw, folder)


def read_as(model: type[_S], raw: Mapping[str, str], folder: Path) -> tuple[_S, Access, Sources]:
    """The settings, as `config.load_as` reads them, and all that the files they name hold.

    Raises ConfigurationError with every fault of all three: nobody learns of a missing file only
    after a misspelled name is mended.
    """
    found: list[str] = []
    try:
        settings = config.load_as(model, raw)
    except ConfigurationError as error:
        parts = config.sound(raw, model)
        found += error.faults
        _material(parts.ssh, parts.hosts, folder, found)
        given = parts.settings
        sources.read(given.get("repositories"), given.get("registry"), folder, found)
        raise ConfigurationError(found) from None
    access = _material(vars(settings.ssh), _keys(settings), folder, found)
    named = sources.read(settings.repositories, settings.registry, folder, found)
    if found:
        raise ConfigurationError(found)
    return settings, access, named


def resolve(settings: HostSettings, folder: Path) -> Access:
    """The key material that the settings name; relative paths start at `folder`.

    Raises ConfigurationError with every fault: a file that is missing or cannot be used, a host
    without a key in the known_hosts file.
    """
    found: list[str] = []
    access = _material(vars(settings.ssh), _keys(settings), folder, found)
    if found:
        raise ConfigurationError(found)
    return access


def _keys(settings: HostSettings) -> dict[str, dict[str, Any]]:
    """The hosts' keys by field name, by where they stand in the configuration."""
    return {place: vars(member) for place, member in settings.hosts.items()}


def _material(
    ssh: Mapping[str, Any],
    hosts: Mapping[str, Mapping[str, Any]],
    folder: Path,
    faults: list[str],
) -> Access:
    """What can be had from these keys, by field name; a key that is not there is no fault here."""
    return Access(
        private_key=_private_key(ssh, folder, faults),
        host_keys=_host_keys(ssh, hosts, folder, faults),
    )


def _private_key(ssh: Mapping[str, Any], folder: Path, faults: list[str]) -> str:
    key: SecretStr | None = ssh.get("private_key")
    file: Path | None = ssh.get("private_key_file")
    if key is not None:
        name, text = "ssh.privateKey", key.get_secret_value()
    elif file is not None:
        # Not repeated where it looks like the key itself.
        name = f"ssh.privateKeyFile: {shown(str(file))}"
        try:
            text = sources.located(file, folder).read_text()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            faults.append(f"{name} cannot be read ({reason}); give the path of a private key")
            return ""
    else:
        return ""
    try:
        asyncssh.import_private_key(text)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        # asyncssh has no kind of its own for a key that wants a passphrase.
        if "passphrase" in str(error).lower() or isinstance(error, asyncssh.KeyEncryptionError):
            faults.append(f"{name} has a passphrase; give a key without one")
        else:
            faults.append(f"{name} is not a private key; give an OpenSSH or PEM private key")
    return text if text.endswith("\n") else text + "\n"


def _host_keys(
    ssh: Mapping[str, Any],
    hosts: Mapping[str, Mapping[str, Any]],
    folder: Path,
    faults: list[str],
) -> dict[str, str]:
    given: Path | None = ssh.get("known_hosts_file")
    port: int = ssh.get("port", 0)
    if given is None:
        return {}
    name = f"ssh.knownHostsFile: {shown(str(given))}"
    try:
        known = asyncssh.import_known_hosts(sources.located(given, folder).read_text())
    except OSError as error:
        faults.append(
            f"{name} cannot be read ({error.strerror}); give a known_hosts file, e.g. one that "
            "`ssh-keyscan` wrote and you compared with the hosts' own keys"
        )
        return {}
    except ValueError:
        faults.append(f"{name} is not a known_hosts file; give one as ssh writes it")
        return {}
    found: dict[str, str] = {}
    for place, member in hosts.items() if port else ():
        host, label = member.get("ssh_host") or member.get("address"), member.get("name", "")
        line = _pinned(known, host, port) if host else None
        if line is not None:
            found[label] = line
        elif host:
            target = host if port == 22 else f"[{host}]:{port}"
            faults.append(
                f"{place}{f' {label}' if label else ''}: {target!r} has no key in "
                f"{shown(str(given))}; add it with "
                f"`ssh-keyscan -p {port} {host} >> {shown(str(given))}` and "
                "compare it with the host's own /etc/ssh/ssh_host_*_key.pub"
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
