"""Which hosts a stack gets, and that one stack never comes on top of another."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from lab import dev
from lab.engine import sections
from lab.errors import LabError
from lab.hosts.host import HostStatus, State
from lab.hosts.images.kind import Kind
from lab.instance import Instance
from lab.lab import Lab

URN = "urn:pulumi:dev::etcd-cluster::pulumi:pulumi:Stack::etcd-cluster-dev"


@pytest.fixture(autouse=True)
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty backend in place of the developer's; its folder of stacks."""
    for module in (dev, sections):
        monkeypatch.setattr(module, "STATE", tmp_path)
    folder = tmp_path / "backend/.pulumi/stacks/etcd-cluster"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def commands(stacks: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every command that Pulumi would have been given."""
    given: list[str] = []

    def run(*arguments: str) -> str:
        given.append(" ".join(arguments))
        if arguments[:2] == ("stack", "rm"):
            (stacks / f"{arguments[-1]}.json").unlink()
        return ""

    monkeypatch.setattr(dev, "_pulumi", run)
    return given


def write_state(stacks: Path, name: str, *, resources: bool) -> None:
    """Have a stack of this name in the backend."""
    latest = {"resources": [{"urn": URN}]} if resources else {}
    (stacks / f"{name}.json").write_text(
        json.dumps({"version": 3, "checkpoint": {"latest": latest}})
    )


class Hosts(Lab):
    """A lab with one host in this state, without any machine."""

    def __init__(self, state: State | None, number: int = 0) -> None:
        super().__init__(Instance(number))
        self._state = state

    def status(self) -> list[HostStatus]:
        """One row, or none."""
        if self._state is None:
            return []
        return [
            HostStatus(
                name="etcd01",
                address=str(IPv4Address("10.107.88.15")),
                image=Kind.DEBIAN,
                state=self._state,
                connected=True,
                processes=1,
                memory=None,
            )
        ]


def test_each_of_the_labs_stacks_has_hosts_of_its_own_kind() -> None:
    """`dev` starts from bare Debian, `seed` from the family of the manual procedure."""
    assert (dev.kind_for("dev"), dev.kind_for("seed")) == ("debian", "el")
    assert dev.kind_for("mine") == dev.kind_for("dev")


@pytest.mark.parametrize(
    ("system", "kind"),
    [
        ("", "debian"),
        *((f"debian{n}", "debian" if n == 12 else f"debian{n}") for n in (12, 13, 14)),
    ],
)
def test_the_hosts_of_dev_can_be_of_another_release(system: str, kind: str) -> None:
    """`make up SYSTEM=debian13`."""
    assert dev.kind_for("dev", system) == kind


def test_the_hosts_of_seed_can_be_of_debian_11() -> None:
    """Its containerd is too old for dev's Kubernetes; seed brings CRI-O."""
    assert dev.kind_for("seed", "debian11") == "debian11"


@pytest.mark.parametrize(
    ("stack", "system", "known"),
    [
        ("dev", "debian11", "none .debian., or one of debian12, debian13, debian14"),
        ("dev", "rhel", "none .debian., or one of debian12, debian13, debian14"),
        ("seed", "debian13", "none .el., or one of debian11"),
    ],
)
def test_a_system_that_a_stack_cannot_have_is_an_error_with_those_that_it_can(
    stack: str, system: str, known: str
) -> None:
    """Each stack has its own."""
    with pytest.raises(
        LabError, match=rf'"{system}" is not a system for the stack {stack}; expected {known}'
    ):
        dev.kind_for(stack, system)


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED])
def test_a_stack_is_refused_where_the_hosts_carry_another(stacks: Path, state: State) -> None:
    """Both name the same hosts; the way out is in the refusal."""
    write_state(stacks, "dev", resources=True)
    with pytest.raises(LabError, match=r"carry the stack dev.*make down STACK=dev"):
        dev.refuse_another("seed", Hosts(state))
    dev.refuse_another("dev", Hosts(state))


def test_a_stack_that_was_only_previewed_is_in_nobodys_way(stacks: Path) -> None:
    """A preview leaves a state without resources."""
    write_state(stacks, "seed", resources=False)
    dev.refuse_another("dev", Hosts(State.RUNNING))


def test_stacks_are_forgotten_when_their_hosts_are_gone(stacks: Path, commands: list[str]) -> None:
    """As after a reboot of the machine: whichever of them it was."""
    write_state(stacks, "seed", resources=True)
    dev.forget_if_gone(Hosts(State.RUNNING))
    assert commands == []
    dev.forget_if_gone(Hosts(None))
    assert commands == ["stack rm --yes --force --preserve-config --stack seed"]


def test_down_ends_whichever_stack_there_is(stacks: Path, commands: list[str]) -> None:
    """`make down` names dev, and seed is on the hosts; what the lab added to it ends, too."""
    write_state(stacks, "seed", resources=True)
    sections.write("seed", {"backup": {}})
    dev.destroy("dev", Hosts(State.STOPPED))
    assert commands == ["stack rm --yes --force --preserve-config --stack seed"]
    assert not sections.place("seed").exists()


def test_the_developers_stacks_are_none_of_another_labs_business(
    stacks: Path, commands: list[str]
) -> None:
    """They name hosts of the first lab; a test's lab that has no hosts says nothing about those."""
    write_state(stacks, "dev", resources=True)
    sections.write("dev", {"backup": {}})
    other = Hosts(None, number=9)
    dev.forget_if_gone(other)
    dev.destroy("dev", other)
    dev.refuse_another("seed", other)
    assert not dev.is_up("dev", other)
    assert commands == []
    assert sections.place("dev").exists()


@pytest.mark.parametrize(
    ("state", "resources", "up"),
    [(State.RUNNING, True, True), (State.RUNNING, False, False), (State.STOPPED, True, False)],
)
def test_a_stack_is_up_where_its_hosts_run(
    stacks: Path, state: State, resources: bool, up: bool
) -> None:
    """A preview alone, or a host without power, is not enough; a person's own stack never is."""
    for name in ("dev", "mine"):
        write_state(stacks, name, resources=resources)
    assert dev.is_up("dev", Hosts(state)) is up
    assert not dev.is_up("mine", Hosts(state))
