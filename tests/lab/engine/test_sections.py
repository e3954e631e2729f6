"""What the lab adds to a stack's configuration, and that the committed one stays as it is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from lab.engine import backend, cli, sections
from lab.engine.setup import Engine

COMMITTED = "encryptionsalt: v1:x\nconfig:\n  etcd-cluster:kubernetesVersion: 1.35.4\n"
SECTION = {"to": "bucket/dev", "remote": {"secret_access_key": {"secure": "v1:y"}}}


@pytest.fixture(autouse=True)
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of its own, with one stack; its committed file."""
    monkeypatch.setattr(sections, "TREE", tmp_path)
    for module in (sections, cli):
        monkeypatch.setattr(module, "STATE", tmp_path / ".state")
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(COMMITTED)
    return path


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is never run, and a backend that needs nothing."""
    engine = Engine(pulumi=Path("/bin/pulumi"), env={}, source="none")
    monkeypatch.setattr(cli, "prepare", lambda: engine)
    monkeypatch.setattr(backend.StoredStack, "make_ready", lambda *_, **__: None)


def test_sections_are_in_a_copy_for_root_alone(committed: Path) -> None:
    """What Pulumi needs to read it, e.g. the salt, is in it too."""
    assert sections.current("dev") is None
    path = sections.write("dev", {"backup": SECTION})
    assert committed.read_text() == COMMITTED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = yaml.safe_load(path.read_text())
    assert told["encryptionsalt"] == "v1:x"
    assert told["config"]["etcd-cluster:backup"] == SECTION
    assert sections.added("dev") == {"backup": SECTION}


def test_an_id_that_looks_like_a_number_is_in_quotes() -> None:
    """Pulumi takes 161388595176e079 for a number, and PyYAML does not."""
    path = sections.write("dev", {"restore": {"replaces": "161388595176e079"}})
    assert '"161388595176e079"' in path.read_text()
    assert sections.added("dev") == {"restore": {"replaces": "161388595176e079"}}


def test_copy_follows_what_is_committed(committed: Path) -> None:
    """A setting that is edited while there are backups counts with the next command."""
    sections.write("dev", {"backup": SECTION})
    committed.write_text(COMMITTED.replace("1.35.4", "1.36.3"))
    path = sections.current("dev")
    assert path is not None
    config = yaml.safe_load(path.read_text())["config"]
    assert config == {"etcd-cluster:kubernetesVersion": "1.36.3", "etcd-cluster:backup": SECTION}
    sections.forget("dev")
    assert sections.current("dev") is None


@pytest.mark.usefixtures("line")
@pytest.mark.parametrize(
    ("words", "used"),
    [
        ("up --yes --stack dev", True),
        ("preview --diff", True),
        ("destroy --stack organization/etcd-cluster/dev", True),
        ("preview --stack seed", False),
        ("up -C examples/kubernetes --stack dev", False),
        ("up --stack dev --config-file mine.yaml", False),
        ("config set a b --stack dev", False),
        ("stack output --stack dev", False),
    ],
)
def test_commands_that_read_the_configuration_read_the_copy(words: str, used: bool) -> None:
    """Of this stack of this project alone, and only where nobody names another file."""
    assert cli.invocation(words.split()).command[1:] == words.split()
    path = sections.write("dev", {"backup": SECTION})
    more = ["--config-file", str(path)] if used else []
    assert cli.invocation(words.split()).command[1:] == [*words.split(), *more]


@pytest.mark.usefixtures("line")
def test_a_stack_of_another_backend_has_no_copy() -> None:
    """It may have the same name."""
    sections.write("dev", {"backup": SECTION})
    env = {"PULUMI_BACKEND_URL": "file:///elsewhere"}
    assert cli.invocation(["up"], env=env).command[1:] == ["up"]
