"""What the lab's bare hosts install from: package repositories, release archives, a registry.

`content("dev")` returns it; see lab.mirror.content for the layout.
"""

from __future__ import annotations

from lab.mirror.content import SETS, Content, MirrorSet, content, docker_registry

__all__ = ["SETS", "Content", "MirrorSet", "content", "docker_registry"]
