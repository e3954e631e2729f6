"""How hosts are reached: the private key, every host's pinned key. Reads files, dials nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import asyncssh

from .config import Member, Settings
from .errors import ConfigurationError

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


def resolve(settings: Settings, folder: Path) -> Access:
    """The key material that the settings name; relative paths start at `folder`.

    Raises ConfigurationError with every fault: a file that is missing or cannot be used, a host
    without a key in the known_hosts file.
    """
    faults: list[str] = []
    key = _private_key(settings, folder, faults)
    host_keys = _host_keys(settings, folder, faults)
    if faults:
        raise ConfigurationError(faults)
    return Access(private_key=key, host_keys=host_keys)


def _private_key(settings: Settings, folder: Path, faults: list[str]) -> str:
    ssh = settings.ssh
    if ssh.private_key is not None:
        name, text = "ssh.privateKey", ssh.private_key.get_secret_value()
    else:
        assert ssh.private_key_file is not None
        path = folder / ssh.private_key_file.expanduser()
        name = f"ssh.privateKeyFile: {str(ssh.private_key_file)!r}"
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            faults.append(f"{name} cannot be read ({reason}); give the path of a private key")
            return ""
    try:
        asyncssh.import_private_key(text)
    except asyncssh.KeyEncryptionError:
        faults.append(f"{name} has a passphrase; give a key without one")
    except asyncssh.KeyImportError:
        faults.append(f"{name} is not a private key; give an OpenSSH or PEM private key")
    return text if text.endswith("\n") else text + "\n"


def _host_keys(settings: Settings, folder: Path, faults: list[str]) -> dict[str, str]:
    given = settings.ssh.known_hosts_file
    name = f"ssh.knownHostsFile: {str(given)!r}"
    try:
        known = asyncssh.import_known_hosts((folder / given.expanduser()).read_text())
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
    for index, member in enumerate(settings.members):
        line = _pinned(known, member, settings.ssh.port)
        if line is None:
            port = settings.ssh.port
            target = member.host if port == 22 else f"[{member.host}]:{port}"
            faults.append(
                f"members[{index}] {member.name}: {target!r} has no key in {str(given)!r}; add "
                f"it with `ssh-keyscan -p {port} {member.host} >> {given}` and compare it with "
                "the host's own /etc/ssh/ssh_host_*_key.pub"
            )
        else:
            found[member.name] = line
    return found


def _pinned(known: asyncssh.SSHKnownHosts, member: Member, port: int) -> str | None:
    keys = known.match(member.host, member.host, port if port != 22 else None)[0]
    lines = {key.get_algorithm(): key.export_public_key().decode().strip() for key in keys}
    for algorithm in (*_PREFERRED, *lines):
        if algorithm in lines:
            return " ".join(lines[algorithm].split()[:2])
    return None
