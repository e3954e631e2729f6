"""Throw-away hosts, and an engine where Pulumi's downloads are out of reach; no product.

engine/  how Pulumi is had (PATH, release, build) and run, and its stacks' backend
hosts/   one systemd-nspawn host: disk, power, network, keys; hosts/images/ makes the disks
mirror/  package repositories and the image registry that bare hosts install from
go/      wrapper modules of all that is built, and the stand-in for the command plugin

lab.py is a lab of such hosts with its mirror, stack.py a stack on it, dev.py what `make` does with
both; tests/lab/test_layers.py says which of these may use which.
"""

from __future__ import annotations

from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
"""The checkout that this is part of."""
