"""The SSH server that the cases run against leaves nothing open."""

import gc
import socket
from contextlib import closing
from pathlib import Path

from .sshd import new_key, serving


def test_no_connection_is_left_when_a_client_keeps_its_own(tmp_path: Path) -> None:
    """A leaked one is a ResourceWarning, which ends a run whose tests have all passed."""
    key = new_key()
    (tmp_path / "authorized").write_bytes(key.export_public_key())
    with closing(socket.socket()) as client:
        with serving(new_key(), tmp_path / "authorized") as port:
            client.connect(("127.0.0.1", port))
            assert client.recv(100).startswith(b"SSH-2.0-")
        client.settimeout(5)
        while client.recv(1000):
            continue
    gc.collect()
