"""The mirror's content, built once and shared."""

from __future__ import annotations

import pytest

from lab.mirror import Content, content


@pytest.fixture(scope="module")
def mirror() -> Content:
    """The mirror of the stack `dev`."""
    return content("dev")
