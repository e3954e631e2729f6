"""The lab's object store, as a client on this machine sees it."""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from lab.errors import LabError
from lab.hosts import cgroups, network
from lab.instance import STORE
from lab.lab import Lab
from lab.store import Retention, Store
from tests.lab.support import assert_nothing_is_left, traces, wait_for
from tests.support.instances import instance

OBJECT = "/plain/cluster/a b.json"


@pytest.fixture
def store(lab: Lab) -> Store:
    """The store, running, with a bucket and an object, whatever the test before did."""
    store = lab.store()
    store.bucket("plain")
    store.client.request("PUT", OBJECT, body=b"kept")
    return store


def assert_kept(store: Store) -> None:
    """What was put is there, in whole."""
    assert store.client.request("GET", OBJECT) == (200, b"kept")


def test_objects_are_files_in_its_folder(store: Store) -> None:
    """A test that damages one does so behind the store's back."""
    assert_kept(store)
    file = store.folder.joinpath(*OBJECT.split("/"))
    file.write_bytes(b"lost")
    assert store.client.request("GET", OBJECT) == (200, b"lost")
    _, listed = store.client.request("GET", "/plain", {"list-type": "2", "prefix": "cluster/"})
    assert re.findall(rb"<Key>(.*?)</Key>", listed) == [b"cluster/a b.json"]


def test_it_wants_its_users_signature(store: Store) -> None:
    """Another key, another user and nobody are refused; so is the store by who lacks its CA."""
    client = store.client
    for wrong in (replace(client, secret_key="0" * 40), replace(client, access_key="nobody")):
        assert wrong.request("GET", OBJECT)[0] == 403
    stranger = replace(store.client, authority=store.authority.with_name("registry-ca.crt"))
    if stranger.authority.exists():
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.request("GET", OBJECT)
    assert store.authority.with_name("store.key").stat().st_mode & 0o777 == 0o600


def test_its_keys_are_in_no_command_line(store: Store) -> None:
    """They are made anew for each lab."""
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "versitygw" in told
    assert store.secret_key not in told
    assert (instance().folder / "store/keys.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("lock", ["GOVERNANCE", "COMPLIANCE"])
def test_a_locked_object_can_be_hidden_and_not_lost(store: Store, lock: Retention) -> None:
    """Deleting it puts a marker over it; its version is not given up."""
    bucket = lock.lower()
    store.bucket(bucket, lock)
    client = store.client
    assert client.request("PUT", f"/{bucket}/object", body=b"kept")[0] == 200
    _, listed = client.request("GET", f"/{bucket}", {"versions": ""})
    (version,) = re.findall(r"<VersionId>(.*?)</VersionId>", listed.decode())
    assert client.request("DELETE", f"/{bucket}/object")[0] == 204
    assert client.request("GET", f"/{bucket}/object")[0] == 404
    status, said = client.request("DELETE", f"/{bucket}/object", {"versionId": version})
    assert (status, b"<Code>AccessDenied</Code>" in said) == (403, True)
    got = client.request("GET", f"/{bucket}/object", {"versionId": version})
    assert got == (200, b"kept")


def test_a_bucket_that_cannot_be_made_is_an_error(store: Store) -> None:
    """The store's own words are in it."""
    with pytest.raises(LabError, match=r"refuses PUT /PLAIN: 400(?s:.)*<Code>InvalidB"):
        store.bucket("PLAIN")


def test_a_full_store_takes_nothing_and_gives_what_it_has(store: Store) -> None:
    """Until there is room again."""
    with store.full():
        status, said = store.client.request("PUT", "/plain/more", body=b"x" * 100_000)
        assert (status, b"InsufficientStorage" in said) == (507, True)
        assert_kept(store)
    assert store.client.request("PUT", "/plain/more", body=b"x" * 100_000)[0] == 200


def test_a_slow_store_is_slow_in_both_directions(store: Store) -> None:
    """And nobody else on the bridge."""
    body = b"x" * 250_000  # two megabits
    with store.slow("2mbit"):
        for method in ("PUT", "GET"):
            before = time.monotonic()
            assert store.client.request(method, "/plain/slow", body=body)[0] == 200
            assert 0.75 < time.monotonic() - before < 9
    before = time.monotonic()
    assert store.client.request("PUT", "/plain/slow", body=body)[0] == 200
    assert time.monotonic() - before < 0.75


def test_a_store_refuses_is_away_or_says_nothing(lab: Lab, store: Store) -> None:
    """What it has is there afterwards; a second start leaves it as it is."""
    before = cgroups.processes(f"{instance().name}/store")
    lab.store()
    assert cgroups.processes(f"{instance().name}/store") == before
    client = replace(store.client, seconds=1.0)
    for away in (store.silent(), store.cut()):
        with away, pytest.raises(OSError, match=r"timed out|No route to host"):
            client.request("GET", OBJECT)
        assert_kept(store)
    store.stop()
    with pytest.raises(ConnectionRefusedError):
        client.request("GET", OBJECT)
    lab.store()
    assert_kept(store)


def test_a_stop_and_a_start_undo_what_a_killed_test_did(lab: Lab, store: Store) -> None:
    """It was silent, cut off and full when the test was killed."""
    for broken in (store.silent(), store.cut(), store.full()):
        broken.__enter__()
    store.stop()
    lab.store()
    assert store.client.request("PUT", "/plain/after", body=b"x")[0] == 200


def test_down_leaves_nothing_of_the_store(lab: Lab, store: Store) -> None:
    """Also where its start was killed in the middle; the next one finds neither data nor keys."""
    assert any("mount" in trace for trace in traces(instance()))
    old = store.secret_key
    lab.down()
    assert_nothing_is_left()

    program = f"from lab.lab import *; Lab(Instance({instance().number})).store()"
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL) as starting:
        wait_for(network.namespace(instance(), STORE).exists)
        starting.send_signal(signal.SIGKILL)
    store = lab.store()
    assert store.secret_key != old
    assert store.client.request("GET", OBJECT)[0] == 404
    lab.down()
    assert_nothing_is_left()
