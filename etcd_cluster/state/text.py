"""The form of desired state: flat YAML, simple enough for a shell to read. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import yaml


def flat_yaml(state: Mapping[str, str]) -> str:
    """`key: value` lines, in the order given: YAML, and simple enough for a shell to read.

    Raises ValueError for a value that would need quoting a shell could not undo.
    """
    for key, value in state.items():
        plain = value.isascii() and value.isprintable() and value == value.strip()
        if not value or not plain or any(quote in value for quote in "'\"\\"):
            raise ValueError(f"{key}: not a plain one-line value")
    return yaml.safe_dump(dict(state), sort_keys=False, width=2**31, default_flow_style=False)


def encoded(files: Mapping[str, str]) -> str:
    """Files as `etcd-host pki` and `client` expect them: each text in base64, by its name."""
    return flat_yaml({name: in_one_line(text) for name, text in sorted(files.items())})


def in_one_line(text: str) -> str:
    """A text in base64: flat YAML has no values of several lines."""
    return base64.b64encode(text.encode()).decode()


def digest_of(text: str) -> str:
    """SHA-256 of a text, in hex: as the host says what it was told."""
    return hashlib.sha256(text.encode()).hexdigest()
