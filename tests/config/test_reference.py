"""The configuration reference: every key, as the fields have it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from etcd_cluster.config import messages, reference
from etcd_cluster.config.settings import Settings

ROWS = {
    heading: dict(re.findall(r"(?m)^\| `(\w+)` \| (.*) \|$", text))
    for heading, _, text in (
        part.partition("\n") for part in reference.reference().split("\n## ")[1:]
    )
}


def sections(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The section and all sections below it."""
    yield model
    for field in model.model_fields.values():
        inner = messages.section(field.annotation)
        if inner is not None:
            yield from sections(inner)


def test_every_key_of_every_section_has_a_row() -> None:
    """Once, although three repositories are described by the same table."""
    wanted = [
        sorted(field.alias or name for name, field in each.model_fields.items())
        for each in dict.fromkeys(sections(Settings))
    ]
    assert sorted(sorted(rows) for rows in ROWS.values()) == sorted(wanted)


@pytest.mark.parametrize("model", dict.fromkeys(sections(Settings)), ids=lambda m: m.__name__)
def test_every_key_is_described_in_sentences(model: type[BaseModel]) -> None:
    """They are shown in the reference and, the first of them, in errors."""
    for name, field in model.model_fields.items():
        assert re.fullmatch(r"[A-Z].*\.", field.description or ""), name


@pytest.mark.parametrize(
    ("heading", "key", "value", "default"),
    [
        ("Top level", "members", "[list](#members)", "required"),
        ("Top level", "containerRuntime", "`containerd` or `crio`", "`containerd`"),
        ("Top level", "deletionProtection", "`true` or `false`", "`true`"),
        ("Top level", "healthTimeoutSeconds", "integer from 15 to 3600", "`300`"),
        ("`ssh`", "port", "integer from 1 to 65535", "`22`"),
        ("`ssh`", "privateKey", "string, secret", "none"),
        ("`members[]`", "address", "IPv4 or IPv6 address, e.g. 10.107.88.15", "required"),
        ("`etcd`", "quotaBackendBytes", "integer from 67108864 to 8589934592", "`2147483648`"),
        ("`certificates`", "renewBeforeDays", "integer of at least 0", "`30`"),
        ("`repositories.NAME`", "signingKeyFile", "path", "none"),
    ],
)
def test_row_has_value_limits_and_default_of_the_field(
    heading: str, key: str, value: str, default: str
) -> None:
    """What the configuration accepts, and what it takes if the key is left out."""
    assert ROWS[heading][key].split(" | ")[:2] == [value, default]
