"""Signing with the mirror's key."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.mirror.signing import signer


def test_signing_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither gpg's agent nor a copy of the private key."""
    before = set(Path("/tmp").glob("mirror-gpg-*"))
    (tmp_path / "file").write_text("text")
    with signer() as signs:
        (home,) = set(Path("/tmp").glob("mirror-gpg-*")) - before
        signs.detached(tmp_path / "file", tmp_path / "file.asc")
    assert (tmp_path / "file.asc").read_text().startswith("-----BEGIN PGP SIGNATURE-----")
    assert not home.exists()
    running = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True)
    assert str(home) not in running.stdout
