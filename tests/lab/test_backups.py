"""`make backup` and `make restore`, as far as they go without hosts."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import backups, dev
from lab.engine import sections
from lab.errors import LabError
from lab.lab import Lab

SECTION = {"to": "etcd-backups/dev"}
ASKED = {"snapshot": "etcd/1/2026-11-28T22-00-00Z_r1_etcd01.db.gz", "replaces": "1"}


class Hosts(Lab):
    """A lab with a store in a folder, and hosts whose etcdctl gives these answers."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.answers: dict[str, str] = {}
        self.lines: list[str] = []

    def store(self) -> Any:
        """As much of it as is looked at."""
        return SimpleNamespace(folder=self.folder, url="https://store")

    def ssh(self, name: str, command: str, *_: Any, **__: Any) -> Any:
        """The first answer whose words are in the command."""
        self.lines.append(f"{name}: {command.partition('client.key ')[2] or command}")
        answers = [text for words, text in self.answers.items() if words in f"{name} {command}"]
        return SimpleNamespace(stdout=answers[0] if answers else "", stderr="")


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """The stack dev is up; its configuration is that of a tree of its own."""
    monkeypatch.setattr(sections, "TREE", tmp_path)
    monkeypatch.setattr(sections, "STATE", tmp_path / ".state")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    members = {f"etcd0{number}": {"etcdVersion": "3.6.6"} for number in (1, 2, 3)}
    monkeypatch.setattr(dev, "is_up", lambda *_: True)
    monkeypatch.setattr(dev, "outputs", lambda *_: {"clusterId": "2", "members": members})
    return Hosts(tmp_path / "store")


def put(hosts: Hosts, cluster: str, name: str, *, whole: bool = True) -> str:
    """Have a backup in the store; its path there."""
    folder = hosts.folder / backups.BUCKET / "dev/etcd" / cluster
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.db.gz").touch()
    if whole:
        (folder / f"{name}.json").touch()
    return f"etcd/{cluster}/{name}.db.gz"


def test_newest_whole_backup_is_asked_for_and_something_is_lost(hosts: Hosts) -> None:
    """Of whichever cluster: after a restore the newest may be of the one before."""
    sections.write("dev", {"backup": SECTION})
    put(hosts, "f", "2026-11-28T21-00-00Z_r9_etcd01")
    newest = put(hosts, "a", "2026-11-28T22-00-00Z_r1_etcd02")
    put(hosts, "f", "2026-11-28T23-00-00Z_r9_etcd01", whole=False)
    backups.restore_before("dev", hosts)
    assert sections.added("dev")["restore"] == {"snapshot": newest, "replaces": "2"}
    assert hosts.lines[0] == "etcd01: del /lab/kept"
    assert hosts.lines[1].startswith("etcd01: put /lab/later")


def test_restore_without_a_backup_says_what_to_run(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is touched: no section, none in the store, an etcd that is too old, no stack."""
    with pytest.raises(LabError, match="run `make backup` first"):
        backups.restore_before("dev", hosts)
    sections.write("dev", {"backup": SECTION})
    with pytest.raises(LabError, match="has no backup; run `make backup` first"):
        backups.restore_before("dev", hosts)
    put(hosts, "2", "2026-11-28T22-00-00Z_r1_etcd02")
    old = {"clusterId": "2", "members": {"etcd01": {"etcdVersion": "3.5.9"}}}
    monkeypatch.setattr(dev, "outputs", lambda *_: old)
    with pytest.raises(LabError, match=r"3\.5\.10 or newer"):
        backups.restore_before("dev", hosts)
    monkeypatch.setattr(dev, "is_up", lambda *_: False)
    with pytest.raises(LabError, match="run `make up STACK=seed` first"):
        backups.restore_before("seed", hosts)
    assert hosts.lines == []
    assert sections.added("dev") == {"backup": SECTION}


def test_restore_that_did_not_end_is_gone_on_with(hosts: Hosts) -> None:
    """The same lines, whatever is in the store by now; nothing is deleted once more."""
    sections.write("dev", {"backup": SECTION, "restore": ASKED})
    put(hosts, "2", "2026-11-28T23-00-00Z_r1_etcd02")
    backups.restore_before("dev", hosts)
    assert sections.added("dev")["restore"] == ASKED
    assert hosts.lines == []


def test_restored_keys_and_ids_are_told_and_the_section_goes(
    hosts: Hosts, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both ids, and what is back."""
    sections.write("dev", {"backup": SECTION, "restore": ASKED})
    hosts.answers = {"get --print-value-only /lab/kept": f"{backups.VALUE}\n"}
    backups.restore_after("dev", hosts)
    assert "cluster 1 ended, and 2 began with etcd/1/2026" in capsys.readouterr().out
    assert sections.added("dev") == {"backup": SECTION}


@pytest.mark.parametrize(
    "answers", [{}, {"/lab/kept": backups.VALUE, "/lab/later": "x"}, {"/lab/kept": "x"}]
)
def test_restore_that_changed_nothing_is_an_error(hosts: Hosts, answers: dict[str, str]) -> None:
    """Also where only one of the two keys is as it has to be; the next one begins anew."""
    sections.write("dev", {"backup": SECTION, "restore": ASKED})
    hosts.answers = answers
    with pytest.raises(LabError, match="not what it should be"):
        backups.restore_after("dev", hosts)
    assert sections.added("dev") == {"backup": SECTION}


def test_leader_makes_the_backup(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a key was written that will be lost; what the preview says of it is shown."""
    for number in (1, 2, 3):
        status = {"header": {"member_id": number}, "leader": 2}
        hosts.answers[f"etcd0{number} etcdctl"] = json.dumps([{"Status": status}])
    said = "Diagnostics:\n  pulumi:pulumi:Stack (x):\n    backup: newest 2026\n\nOutputs:\n"
    monkeypatch.setattr(backups, "_pulumi", lambda *_: f" running backup: no\n{said} + backup: {{")
    put(hosts, "2", "2026-11-28T22-00-00Z_r1_etcd02")
    backups.backup_after("dev", hosts)
    assert hosts.lines[0].startswith("etcd01: put /lab/kept")
    assert hosts.lines[-1] == "etcd02: etcd-host backup"
    shown = capsys.readouterr().out
    assert "etcd/2/2026-11-28T22-00-00Z_r1_etcd02.db.gz  0 bytes" in shown
    assert "says:\n  backup: newest 2026\n\n" in shown
