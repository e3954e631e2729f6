"""A machine that was put back to an earlier state, as by a snapshot of a VM."""

from __future__ import annotations

import pytest

from etcd_cluster.errors import HostsError
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import ready, settings

from .decided import DIGEST, FORMED, decided, known, remembered, settled

ID, OLD, NEW = "a1", "e" * 64, "f" * 64
AREAS = ("packages", "registry", "host", "pki", "member", "backup")


def told(*, held: str = NEW, **converged: str) -> StackMemory:
    """What etcd02's commands have told the stack: each its serial, and the member's its id."""
    one = known(
        "10.107.88.16",
        serial=max(int(text.partition("-")[0]) for text in converged.values()),
        converged=converged,
        held=dict.fromkeys(converged, held),
    )
    return remembered(members={**remembered().members, "etcd02": one})


def host(*, held: str = NEW, without: tuple[str, ...] = (), **changes: str) -> Observation:
    """A host that remembers these convergences of its own."""
    facts = {f"held-{area}": f"{DIGEST} {held}" for area in AREAS if area not in without}
    return ready(**FORMED | facts | {"member-id": ID} | changes)


def warnings(seen: Observation, memory: StackMemory) -> tuple[str, ...]:
    """What a preview says of it, but for drift."""
    return decided(settings(), settled(etcd02=seen), preview=True, memory=memory).warnings


def test_member_whose_machine_was_put_back_is_named() -> None:
    """Also where nothing else differs; with what may be lost, and the way out."""
    (text,) = warnings(host(serial="13"), told(host="12", member="15-a1"))
    assert text.startswith(
        "etcd02 (10.107.88.16): was put back to an earlier state, e.g. by a snapshot of its "
        "machine: the host counts 13 convergences, and this stack has seen 15. Its etcd may lack "
        "writes that it acknowledged: replace its data, docs/runbooks/damaged-member.md"
    )


def test_the_next_up_ends_it() -> None:
    """Its command runs again, so that the state has its serial: the warning may be for a memory
    that was lost, and a run that repaired it was cut off."""
    memory = told(host="12", member="15-a1")
    plan = decided(settings(), settled(etcd02=host(serial="13")), preview=True, memory=memory)
    assert plan.drift == {("etcd02", "member"): "new at : put back to an earlier state"}
    again = settled(etcd02=host(serial="14"))
    done = told(host="12", member="14-a1")
    assert decided(settings(), again, preview=True, memory=done).drift == {}


def test_machine_that_was_put_back_is_known_by_what_it_holds_of_other_areas() -> None:
    """Its member has not changed since the snapshot, but its certificates have."""
    seen = host(serial="13", held=OLD)
    (text,) = warnings(seen, told(pki="14", member="9-a1"))
    assert "the host counts 13 convergences, and this stack has seen 14. " in text


@pytest.mark.parametrize(
    ("seen", "memory"),
    [
        (host(serial="15"), told(host="12", member="15-a1")),
        (host(serial="17", held=OLD), told(host="12", member="15-a1")),
        (host(serial="3", without=AREAS), told(host="12", member="15-a1")),
        (host(serial="3", without=("backup",)), told(host="3", member="2-a1", backup="30")),
        (host(serial="11"), told(host="14", member="11-a1")),
        (host(serial="4"), told(host="3", member="15-b2")),
        (host(serial="4"), told(host="3", member="15")),
        (host(serial="3", data="absent"), told(host="12", member="15-a1")),
        (host(serial="3", foreign="another's"), told(host="12", member="15-a1")),
        (host(serial=""), told(host="12", member="15-a1")),
        (Observation(unreachable="No route to host"), told(host="12", member="15-a1")),
    ],
    ids=[
        "nothing happened since",
        "a run was cut off after the host had counted",
        "it has lost its memory",
        "it has lost it, and a run that repairs it was cut off",
        "its data was replaced since",
        "it has moved to another host, and a run was cut off",
        "the stack does not know whose member it was",
        "it has no data",
        "it is somebody else's",
        "it does not say its serial",
        "it is not reachable",
    ],
)
def test_machine_is_not_said_to_be_put_back_when(seen: Observation, memory: StackMemory) -> None:
    """A member whose data is replaced for nothing is one less for that time."""
    try:
        found = warnings(seen, memory)
    except HostsError as error:  # what else is wrong with it is told elsewhere
        found = error.faults
    assert not [text for text in found if "put back" in text]
