"""Signing keys of package repositories, and CAs of registry and backups, as settings have them.

Reads files, no network. A key that is given here is the only one that hosts accept for its
repository.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .backup import Backup
from .sources import Registry, Repositories, Repository
from .values import redacted

_ARMOR = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----\n.*?\n-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL
)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?\n-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Contents of the files that the settings refer to.

    signing_keys: by repository (`kubernetes`, `crio`, `etcd`), armored; for a repository without
    one, hosts fetch the key that it offers, over https. registry_ca, backup_ca: PEM; empty for the
    hosts' own.
    """

    signing_keys: Mapping[str, str] = field(default_factory=dict)
    registry_ca: str = ""
    backup_ca: str = ""


def resolve_path(file: Path, folder: Path) -> Path:
    """The file that a path in the configuration refers to; relative to `folder`.

    Raises FileNotFoundError for `~name/…` if there is no such user.
    """
    try:
        return folder / file.expanduser()
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "no such user") from None


def read(
    repositories: Repositories,
    registry: Registry,
    folder: Path,
    faults: list[str],
    backup: Backup | None = None,
) -> Sources:
    """The keys and certificates that these sections refer to.

    folder: what relative paths are relative to. faults: a line is added for each unusable file;
    its content is then empty.
    """
    keys: dict[str, str] = {}
    for name in Repositories.model_fields:
        repository: Repository | None = getattr(repositories, name)
        if repository is None or repository.signing_key_file is None:
            continue
        keys[name] = _block(
            repository.signing_key_file,
            folder,
            _ARMOR,
            f"repositories.{name}.signingKeyFile",
            "an armored OpenPGP public key (-----BEGIN PGP PUBLIC KEY BLOCK-----)",
            faults,
        )
    return Sources(
        signing_keys=keys,
        registry_ca=_ca(registry.ca_file, folder, "registry.caFile", faults),
        backup_ca=_ca(backup.ca_file if backup else None, folder, "backup.caFile", faults),
    )


def _ca(file: Path | None, folder: Path, key: str, faults: list[str]) -> str:
    if file is None:
        return ""
    return _block(file, folder, _CERTIFICATE, key, "a CA certificate in PEM form", faults)


def _block(
    file: Path, folder: Path, form: re.Pattern[str], key: str, wanted: str, faults: list[str]
) -> str:
    """All blocks of this form in the file, and nothing else."""
    try:
        text = resolve_path(file, folder).read_text()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        faults.append(f"{key}: {redacted(str(file))} cannot be read ({reason}): expected {wanted}")
        return ""
    blocks = form.findall(text.replace("\r\n", "\n"))
    if not blocks:
        faults.append(f"{key}: {redacted(str(file))} is invalid: expected {wanted}")
        return ""
    return "\n".join([*blocks, ""])
