"""What a restore has staged, where etcd's version changes before all have started with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .restoring import FENCE, REFUSED, SNAPSHOT, STAGE, SURVIVOR, Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A member of a cluster that is to be restored."""
    return Host(tmp_path)


OLDER, NEWER = "S[image-tag]=3.5.9-0\n", "S[image-tag]=3.7.1-0\n"


@pytest.mark.parametrize("versions", ["3.6 3.6.6", "3.5 3.6.6"], ids=["snapshot", "etcdutl"])
def test_snapshot_is_staged_anew_for_an_older_etcd(host: Host, versions: str) -> None:
    """That could not start from what was staged for another one, and nothing is stopped yet."""
    host.do(f"VERSIONS='{versions}'\n" + SNAPSHOT + STAGE)
    host.do("S[restore-snapshot]=broken\n" + NEWER + STAGE)
    done = host.do("S[restore-snapshot]=broken\n" + OLDER + STAGE, status=REFUSED)
    assert "broken is damaged" in done.stderr
    host.do(SNAPSHOT + OLDER + "VERSIONS='3.5 3.5.9'\n" + STAGE + FENCE)
    assert not host.runs


def test_snapshot_is_staged_anew_where_its_version_is_not_known(host: Host) -> None:
    """What an earlier program has staged has none with it."""
    host.do("VERSIONS=\n" + SNAPSHOT + STAGE, status=REFUSED)
    host.do("S[restore-snapshot]=broken\n" + STAGE, status=REFUSED)
    host.do(SNAPSHOT + STAGE)


@pytest.mark.parametrize("lines", [SURVIVOR, SNAPSHOT], ids=["survivor", "snapshot"])
def test_fenced_host_does_not_start_an_older_etcd_on_what_it_has_staged(
    host: Host, lines: str
) -> None:
    """It keeps that for an etcd that can read it, whatever the configuration says meanwhile."""
    host.do(lines + STAGE + FENCE)
    start = "put_restored\n"
    for verb in (STAGE, start):
        text = host.do(lines + OLDER + verb, status=REFUSED).stderr
        assert "the staged data is of etcd 3.6, and etcd 3.5.9 could not start from it" in text
        assert "Set etcd.imageTag to a version of 3.6; or give the restore up" in text
        assert "STOPPED" not in text
    assert host.staged()
    assert host.restoring == "r1"
    host.do(lines + STAGE)


def test_host_that_an_earlier_program_has_fenced_goes_on(host: Host) -> None:
    """That noted no versions, and compared them before. A note that is there has to be whole."""
    host.do(SNAPSHOT + STAGE + FENCE)
    noted = host.data / ".restore/r1/versions"
    noted.write_text("")
    text = host.do(SNAPSHOT + STAGE, status=REFUSED).stderr
    assert "the etcd version of the staged data is not known" in text
    noted.unlink()
    host.do(SNAPSHOT + STAGE)
    assert host.staged() == "one"
