"""What goes wrong in the lab, in a sentence that says what would do."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the text says why and what would do."""
