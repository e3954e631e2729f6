"""Where packages and images come from: the keys and certificates that the settings name.

Reads files, dials nothing. Trust is decided here and not on the hosts: a key that is given is the
only one a repository's signature may be by.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .sources import Registry, Repositories, Repository
from .values import redacted

_ARMOR = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----\n.*?\n-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL
)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?\n-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What files hold that the settings name.

    signing_keys: by repository (`kubernetes`, `crio`, `etcd`), armored; a repository that is not in
    it has its key taken from where it is, over https. registry_ca: PEM, empty for the host's own.
    """

    signing_keys: Mapping[str, str] = field(default_factory=dict)
    registry_ca: str = ""


def resolve_path(file: Path, folder: Path) -> Path:
    """Where a path of the configuration leads; relative ones start at `folder`.

    Raises FileNotFoundError for the home folder of nobody (`~name/…`).
    """
    try:
        return folder / file.expanduser()
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "no such user") from None


def read(
    repositories: Repositories, registry: Registry, folder: Path, faults: list[str]
) -> Sources:
    """The keys and certificates that these sections name.

    folder: where relative paths start. faults: gets a line for each file that cannot be used; that
    file's content is empty then.
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
    ca = ""
    if registry.ca_file is not None:
        wanted = "a CA certificate in PEM form"
        ca = _block(registry.ca_file, folder, _CERTIFICATE, "registry.caFile", wanted, faults)
    return Sources(signing_keys=keys, registry_ca=ca)


def _block(
    file: Path, folder: Path, form: re.Pattern[str], key: str, wanted: str, faults: list[str]
) -> str:
    """Everything in the file that has this form, and nothing else of it."""
    try:
        text = resolve_path(file, folder).read_text()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        faults.append(f"{key}: {redacted(str(file))} cannot be read ({reason}); give {wanted}")
        return ""
    blocks = form.findall(text.replace("\r\n", "\n"))
    if not blocks:
        faults.append(f"{key}: {redacted(str(file))} is something else; give {wanted}")
        return ""
    return "\n".join([*blocks, ""])
