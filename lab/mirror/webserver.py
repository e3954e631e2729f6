"""A plain HTTP server for one folder of files: a program that needs the standard library alone.

usage: webserver.py ADDRESS PORT FOLDER
"""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Files(SimpleHTTPRequestHandler):
    """Gives files away, and no lists of them."""

    protocol_version = "HTTP/1.1"  # dnf and apt ask for many files over one connection
    disable_nagle_algorithm = True  # a small file would wait 40 ms for the client's delayed ACK
    timeout = 60

    def list_directory(self, path: Any) -> None:
        """Refuse: a repository's clients know what they want."""
        self.send_error(404)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Let the kernel copy: these are whole programs, and hosts share this machine's cores."""
        self.connection.sendfile(source)


class Server(ThreadingHTTPServer):
    """One thread for each connection."""

    request_queue_size = 128
    daemon_threads = True


def main() -> None:
    """Serve until killed."""
    address, port, folder = sys.argv[1:]
    with Server((address, int(port)), partial(Files, directory=folder)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
