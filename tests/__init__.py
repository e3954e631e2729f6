"""Every test of the project."""

from pathlib import Path

import pytest

# A failure in what tests share says what it found, as one in a test does.
pytest.register_assert_rewrite(
    *(f"tests.{each.parent.name}" for each in Path(__file__).parent.glob("*/__init__.py"))
)
