"""Another program's etcd on the port of ours: what it says is not taken for our member's word."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from etcd_cluster.plan.probe import parse

from .bash import run
from .test_observe import OBSERVED

METRICS = """\
etcd_server_id{server_id="f00d"} 1
etcd_server_is_leader 1
etcd_server_version{server_version="3.6.6"} 1
"""


class _Etcd(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Its health, or its metrics."""
        said = METRICS if self.path == "/metrics" else '{"health":"true","reason":""}\n'
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def place() -> Iterator[dict[str, str]]:
    """Where such an etcd listens, in place of port 2381."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Etcd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"/dev/tcp/127.0.0.1/2381": f"/dev/tcp/127.0.0.1/{server.server_port}"}
        server.shutdown()


@pytest.mark.parametrize(
    ("pid", "said"),
    [("$$", "healthy leader=1 id=f00d healthy"), ("", "unknown leader= id=beef unknown")],
    ids=["ours runs", "ours does not run"],
)
def test_another_etcd_is_not_taken_for_ours(place: dict[str, str], pid: str, said: str) -> None:
    """It may be what keeps ours from starting: the data of a good voter would be moved aside."""
    script = f"""
      etcd_pid() {{ echo {pid}; }}; recall() {{ [[ $1 != member-id ]] || echo beef; }}
      echo "$(own_word) leader=$(metric etcd_server_is_leader) id=$(own_id) $(lasting_word)"
    """
    assert run(script, places=place).stdout.strip() == said


@pytest.mark.parametrize("pid", ["$$", ""], ids=["ours runs", "ours does not run"])
def test_plan_does_not_take_another_etcd_for_a_member(place: dict[str, str], pid: str) -> None:
    """Ours that is down is not healthy, and says neither its version nor whether it leads."""
    stubs = OBSERVED.replace("http_get() { false; }; ", "")
    script = f"{stubs} etcd_pid() {{ echo {pid}; }}; recall() {{ :; }}; verb_observe"
    facts = parse(run(script, places=place).stdout)
    assert facts["healthy"] == ("yes" if pid else "no")
    assert facts["health"] == ("true" if pid else "")
    assert facts.get("etcd-version", "") == ("3.6.6" if pid else "")
    assert facts.get("leader", "") == ("yes" if pid else "")
