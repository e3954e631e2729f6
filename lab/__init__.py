"""Throw-away hosts, and an engine where Pulumi's downloads are out of reach; no product."""

from __future__ import annotations

from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
"""The checkout that this is part of."""
