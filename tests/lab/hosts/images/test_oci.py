"""Container images do not vary."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

from lab.hosts.images.oci import write_image


def test_an_image_has_the_same_bytes_when_written_twice(tmp_path: Path) -> None:
    """Neither a clock nor a file's owner, mode or age gets in."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    write_image(tmp_path / "one.tar", "example.test/it:1", {"it": program})
    os.utime(program, (1, 1))
    program.chmod(0o600)
    write_image(tmp_path / "two.tar", "example.test/it:1", {"it": program})
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_an_image_carries_its_reference_and_its_programs(tmp_path: Path) -> None:
    """The archive is what `ctr images import` and `skopeo` read as docker-archive."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    write_image(tmp_path / "it.tar", "example.test/it:1", {"it": program}, ["/usr/local/bin/it"])
    with tarfile.open(tmp_path / "it.tar") as archive:

        def member(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        (manifest,) = json.loads(member("manifest.json"))
        assert manifest["RepoTags"] == ["example.test/it:1"]
        config = json.loads(member(manifest["Config"]))
        assert config["config"]["Entrypoint"] == ["/usr/local/bin/it"]
        (layer,) = manifest["Layers"]
        with tarfile.open(fileobj=io.BytesIO(member(layer))) as content:
            entry = content.getmember("usr/local/bin/it")
        assert (entry.mode, entry.size, entry.mtime) == (0o755, 4, 0)
