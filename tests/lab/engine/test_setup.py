"""What the engine is made of."""

from __future__ import annotations

import pytest

from lab.engine import setup
from lab.errors import LabError


def test_versions_to_match_come_from_the_requirements() -> None:
    """One place says which engine and which plugins: the pins of the Python packages."""
    pins = (
        "pulumi==3.259.0\npulumi-command==1.2.1\npulumi-random==4.21.4\npulumi-tls==5.6.2\nx==1\n"
    )
    expected = {"pulumi": "3.259.0", "tls": "5.6.2", "random": "4.21.4", "command": "1.2.1"}
    assert setup._pinned(pins) == expected


def test_missing_pin_is_named() -> None:
    """The error says which package and what would do."""
    with pytest.raises(LabError, match=r"pulumi-tls; pin it with =="):
        setup._pinned("pulumi==3.259.0\npulumi-command==1.2.1\npulumi-random==4.21.4\n")
