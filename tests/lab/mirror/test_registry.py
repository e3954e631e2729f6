"""The image registry, as a client of a real docker-registry sees it."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import http.server
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.mirror import Content, docker_registry
from lab.shell import ENDS_WITH_US


@pytest.fixture
def registry(mirror: Content, tmp_path: Path) -> Iterator[http.client.HTTPConnection]:
    """A connection to a docker-registry that serves the mirror's images and takes none."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {
            "filesystem": {"rootdirectory": str(mirror.registry)},
            "maintenance": {"readonly": {"enabled": True}},
        },
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (tmp_path / "config.yml").write_text(json.dumps(config))
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            [*ENDS_WITH_US, docker_registry(), "serve", tmp_path / "config.yml"],
            stdout=log, stderr=log,
        ) as process,
    ):  # fmt: skip
        deadline = time.monotonic() + 20
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            try:
                connection.connect()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.02)
        yield connection
        connection.close()
        process.terminate()


@pytest.mark.parametrize(
    ("image", "program"), [("etcd/3.6.6-0", "etcd"), ("pause/3.10.1", "pause")]
)
def test_a_registry_serves_the_images(
    registry: http.client.HTTPConnection, image: str, program: str
) -> None:
    """Every digest is that of what comes, so a runtime accepts it."""
    name, tag = image.split("/")

    def got(path: str) -> bytes:
        headers = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        registry.request("GET", f"/v2/{name}/{path}", headers=headers)
        answer = registry.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        assert answer.headers["Docker-Content-Digest"] == digest
        return body

    manifest = json.loads(got(f"manifests/{tag}"))
    config = json.loads(got(f"blobs/{manifest['config']['digest']}"))
    (layer,) = manifest["layers"]
    unpacked = gzip.decompress(got(f"blobs/{layer['digest']}"))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(unpacked).hexdigest()}"]
    assert f"usr/local/bin/{program}".encode() in unpacked
