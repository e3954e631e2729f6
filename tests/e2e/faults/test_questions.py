"""Answers about the cluster come half, late, from elsewhere or for others: no guard opens."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, etcd_flags
from tests.support.tiers import tiered
from tests.support.unharmed import leader, refused_up, unharmed
from tests.support.untouched import untouched

QUOTA = 5 * 1024**3
FAKE = "/usr/local/bin/etcdctl"


class Proxy(socketserver.ThreadingTCPServer):
    """Takes connections, notes what each asks for, and ends them."""

    daemon_threads = True
    asked: list[bytes]

    class Handler(socketserver.StreamRequestHandler):
        """One connection."""

        def handle(self) -> None:
            """Note its first line."""
            assert isinstance(self.server, Proxy)
            self.server.asked.append(self.rfile.readline(200))


@contextmanager
def proxy(lab: Lab) -> Iterator[Proxy]:
    """One that hosts reach."""
    with Proxy((str(lab.instance.gateway), 0), Proxy.Handler) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def environment(lab: Lab, **variables: str) -> Iterator[None]:
    """What every login on the hosts has."""
    lines = "".join(f"{key}={value}\n" for key, value in variables.items())
    for name in NAMES:
        lab.ssh(name, "cp -p /etc/environment /etc/environment.kept; cat >>/etc/environment", lines)
    try:
        for name in NAMES:
            for key, value in variables.items():
                assert lab.ssh(name, f"printenv {key}").stdout.strip() == value
        yield
    finally:
        for name in NAMES:
            lab.ssh(name, "mv /etc/environment.kept /etc/environment")


@pytest.mark.parametrize(
    "listens", [True, pytest.param(False, marks=pytest.mark.long)], ids=["proxy", "closed port"]
)
def test_a_roll_is_as_ever_with_a_proxy_in_the_hosts_environment(
    hosts: Lab, cluster: Stack, client: Client, listens: bool
) -> None:
    """By itself etcdctl would ask the proxy, or another cluster, or in a version of no use."""
    known = cluster.outputs()["clusterId"]
    before = cluster.config.get("etcd", {}).get("quotaBackendBytes", 2 * 1024**3)
    with proxy(hosts) as server:
        host, port = server.server_address[:2]
        url = f"http://{host!s}:{port if listens else 9}"
        with (
            environment(
                hosts,
                HTTPS_PROXY=url,
                https_proxy=url,
                ALL_PROXY=url,
                ETCDCTL_API="2",
                ETCDCTL_ENDPOINTS="https://192.0.2.1:2379",
            ),
            unharmed(client) as writer,
        ):
            cluster.config["etcd"] = {"quotaBackendBytes": before + 1024**3}
            cluster.up()
            cluster.pulumi("preview", "--expect-no-changes")
    assert server.asked == []
    assert len(writer.failed) <= len(NAMES)  # at each stop of a member one may be in flight
    assert cluster.outputs()["clusterId"] == known
    for name in NAMES:
        assert f"--quota-backend-bytes={before + 1024**3}" in etcd_flags(hosts, name)


NOT_FOUND_OUT = "the others hold the quorum without it, and whether they do could not be found out"
# What it does (asked for its version it always says that), and what is said of it.
ANSWERS = {
    "for another cluster": (
        '"$real" "$@" | sed "s/\\"ClusterID\\" : .*/\\"ClusterID\\" : 4711/"',
        "answers for cluster 1267, and this host is a member of cluster",
    ),
    "half": (
        'out=$("$real" "$@") && printf %s "$out" | head -c $((${#out} / 2)); exit 0',
        NOT_FOUND_OUT,
    ),
    "nothing": ("exit 0", NOT_FOUND_OUT),
    "an error": ("echo 'Error: context deadline exceeded' >&2; exit 1", NOT_FOUND_OUT),
    "late": ("trap '' TERM; sleep 3600 & wait; wait", NOT_FOUND_OUT),
}


@contextmanager
def etcdctl_that(lab: Lab, name: str, answers: str) -> Iterator[None]:
    """This host's etcdctl answers so."""
    script = (
        f'#!/bin/bash\nreal=/usr/bin/etcdctl\n[[ $1 == version ]] && exec "$real" "$@"\n{answers}\n'
    )
    lab.ssh(name, f"test -x /usr/bin/etcdctl && test ! -e {FAKE} && cat >{FAKE}", script)
    lab.ssh(name, f"chmod 755 {FAKE}")
    try:
        yield
    finally:
        lab.ssh(name, f"rm {FAKE}; pkill -P1 -fx 'sleep 3600'; true")


@pytest.mark.parametrize(
    ("answers", "said"),
    # (All but the first are asked for 30 seconds. What follows from each: tests/hostprogram.)
    tiered(ANSWERS, always=("for another cluster",)),
)
def test_a_roll_stops_at_a_host_whose_etcdctl_does_not_answer_right(
    hosts: Lab, cluster: Stack, client: Client, answers: str, said: str
) -> None:
    """It is the first whose turn it is: nothing changes anywhere, and the reason is given."""
    known = cluster.outputs()["clusterId"]
    first = next(name for name in NAMES if name != leader(client))
    with (
        etcdctl_that(hosts, first, answers),
        unharmed(client),
        untouched(hosts),
        configured(cluster, etcd={"quotaBackendBytes": QUOTA}),
    ):
        text = refused_up(cluster)
    assert f"etcd-host: {first}: " in text
    assert said in text
    if said == NOT_FOUND_OUT:
        assert "Nothing was changed" in text
        assert "then run it again" in text
    assert hosts.ssh(first, "cat /var/lib/etcd-host/formed").stdout.strip() == known
    cluster.up()
    assert f"--quota-backend-bytes={QUOTA}" not in etcd_flags(hosts, first)
