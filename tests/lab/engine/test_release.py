"""Pulumi's own release is taken where it answers."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lab.cache import cache_root
from lab.engine import release


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Serve what the test appends as Pulumi's release; with nothing appended, answer 404."""
    served: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if served else 404)
            self.end_headers()
            self.wfile.write(served[0] if served and self.command == "GET" else b"")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/{{version}}-{{system}}-{{machine}}"
    monkeypatch.setattr(release, "_RELEASE", address)
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path / "cache"))
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _archive() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo("pulumi/pulumi")
        member.size, member.mode = 4, 0o755
        archive.addfile(member, io.BytesIO(b"1234"))
    return content.getvalue()


def test_release_is_downloaded_once(downloads: list[bytes]) -> None:
    """The second time it is there, whatever the network says."""
    downloads.append(_archive())
    folder = release.installed("3.259.0")
    assert folder is not None
    assert (folder / "pulumi").read_bytes() == b"1234"
    assert os.access(folder / "pulumi", os.X_OK)
    downloads.clear()
    assert release.installed("3.259.0") == folder


def test_release_cut_off_leaves_nothing(downloads: list[bytes]) -> None:
    """Half an archive is no engine, and the build takes over."""
    downloads.append(_archive()[:60])
    assert release.installed("3.259.0") is None
    assert [p.name for p in cache_root().iterdir() if p.is_dir()] == []


@pytest.mark.parametrize("there", [True, False])
def test_release_answers_or_not(downloads: list[bytes], there: bool) -> None:
    """A page that is not there is no answer."""
    downloads.extend([b"x"] if there else [])
    assert release.answers("3.259.0") is there
