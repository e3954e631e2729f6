"""What is asked for over https comes over https, wherever the server sends us."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from trustme import CA

from .bash import run


@dataclass(frozen=True)
class Servers:
    """Two servers on loopback with the same files, and what trusts the one with TLS."""

    https: str
    http: str
    trust: str


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None, elsewhere: str = "") -> Iterator[str]:
    """A server of `/file`; its `/away` sends on to the file of the server `elsewhere`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing: a test's output is for its failure."""

        def do_GET(self) -> None:
            if self.path == "/away":
                self.send_response(302)
                self.send_header("Location", f"{elsewhere}/file")
            else:
                self.send_response(200)
            self.send_header("Content-Length", "5" if self.path == "/file" else "0")
            self.end_headers()
            if self.path == "/file":
                self.wfile.write(b"text\n")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """A certificate for loopback."""
    authority = CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "apt.conf").write_text(f'Acquire::https::CAInfo "{tmp_path}/ca.pem";\n')
    return context


def download(url: str, folder: Path, downloader: str) -> tuple[str, str]:
    """Downloads with one of the two: what arrived, and what was said where nothing did."""
    trust = f"export CURL_CA_BUNDLE={folder}/ca.pem APT_CONFIG={folder}/apt.conf; "
    if downloader == "apt":
        trust += 'type() { [[ $* != "-P curl" ]] && builtin type "$@"; }; '
    target = folder / "arrived"
    done = run(f'{trust} WORK={folder}; download {url} {target} || last_line "$WORK/download.log"')
    return target.read_text() if target.exists() else "", done.stdout


@pytest.mark.parametrize("downloader", ["curl", "apt"])
@pytest.mark.parametrize("path", ["/file", "/away"])
def test_file_arrives_when_it_stays_with_https(
    tls: ssl.SSLContext, tmp_path: Path, downloader: str, path: str
) -> None:
    """Also from another server: GitHub's releases come from one."""
    with serving(tls) as other, serving(tls, other) as server:
        assert download(server + path, tmp_path, downloader) == ("text\n", "")


@pytest.mark.parametrize("downloader", ["curl", "apt"])
def test_nothing_arrives_when_https_sends_on_to_http(
    tls: ssl.SSLContext, tmp_path: Path, downloader: str
) -> None:
    """There anybody on the way could put a key or a checksum of theirs."""
    with serving(None) as plain, serving(tls, plain) as server:
        assert download(f"{plain}/file", tmp_path, downloader) == ("text\n", "")
        (tmp_path / "arrived").unlink()
        text, said = download(f"{server}/away", tmp_path, downloader)
        assert text == ""
        assert "http" in said.lower()


@pytest.mark.parametrize("downloader", ["curl", "apt"])
def test_file_arrives_when_http_sends_on_to_https(
    tls: ssl.SSLContext, tmp_path: Path, downloader: str
) -> None:
    """As most servers do that once had only http."""
    with serving(tls) as secure, serving(None, secure) as server:
        assert download(f"{server}/away", tmp_path, downloader) == ("text\n", "")
