"""One CA takes over from another: which step is next, which is refused, and what is warned of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from etcd_cluster.plan.decide import Plan
from etcd_cluster.plan.memory import KnownAuthority, StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import ready, settings

from .decided import FORMED, SILENT, decided, faults, known, remembered

NAMES = ("etcd01", "etcd02", "etcd03")
PRINTS = {number: str(number) * 64 for number in (0, 1, 2, 3)}
EMPTIED = {"data": "absent", "etcd": "stopped", "healthy": "no", "trusts": ""}
STRANGE = "f" * 64


def at(trusted: Sequence[int], signer: int | None, **facts: str) -> Observation:
    """A member that trusts these, with certificates of that one."""
    prints = " ".join(PRINTS[each] for each in trusted)
    said = {"trusts": prints, "issuer": "" if signer is None else PRINTS[signer]}
    return ready(**{**FORMED, **said, **facts})


ONE, BOTH, TAKEN, TWO = at([1], 1), at([1, 2], 1), at([1, 2], 2), at([2], 2)
"""The four stages that a member can be in: [1], [1, 2], [2, 1], [2]."""
CUT_OFF = at([1], 1, healthy="no")
"""One that came back from before the first step, and finds no quorum."""


def knows(*numbers: int, **ends: Any) -> StackMemory:
    """The state has these."""
    found = {n: KnownAuthority(fingerprint=PRINTS[n], **ends) for n in numbers}
    return remembered(authorities=found)


def goes_on(
    wanted: Sequence[int], seen: Sequence[Observation], memory: StackMemory | None = None
) -> Plan:
    """The plan of an `up`, which has no fault."""
    given = settings(certificates={"authorities": list(wanted)})
    by_name = dict(zip(NAMES, seen, strict=True))
    return decided(given, by_name, preview=False, memory=memory or knows(1, 2))


def refused(
    wanted: Sequence[int], seen: Sequence[Observation], memory: StackMemory | None = None
) -> str:
    """Every fault of such a plan."""
    return faults(
        preview=False,
        changes={"certificates": {"authorities": list(wanted)}},
        memory=memory or knows(1, 2),
        **dict(zip(NAMES, seen, strict=True)),
    )


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ([1, 2], [ONE, ONE, ONE]),
        ([1], [BOTH, BOTH, BOTH]),
        ([2, 1], [BOTH, BOTH, BOTH]),
        ([1, 2], [TAKEN, TAKEN, TAKEN]),
        ([2], [TAKEN, TAKEN, TAKEN]),
        ([2, 1], [TWO, TWO, TWO]),
        # A run that was cut off goes on, or back.
        ([1, 2], [BOTH, ONE, ONE]),
        ([1], [BOTH, ONE, ONE]),
        ([2, 1], [TAKEN, BOTH, BOTH]),
        ([1, 2], [TAKEN, BOTH, BOTH]),
        ([2], [TWO, TAKEN, TAKEN]),
        ([2, 1], [TWO, TAKEN, TAKEN]),
        # Another one comes in the place of one that nobody needs.
        ([1, 3], [BOTH, BOTH, BOTH]),
        # One is cut off already: the others have taken the step, and it comes back by it.
        ([2], [TWO, TWO, CUT_OFF]),
        ([2, 1], [TAKEN, TAKEN, CUT_OFF]),
        ([1, 2], [TAKEN, TAKEN, ONE]),
        # A host that was emptied trusts nobody, and takes part as soon as it joins.
        ([2, 1], [BOTH, BOTH, ready(**{**FORMED, **EMPTIED})]),
        # Nothing is left to do: nobody needs to answer for that.
        ([1], [ONE, ONE, SILENT]),
        ([2, 1], [TAKEN, SILENT, TAKEN]),
    ],
)
def test_step_is_allowed(wanted: list[int], seen: list[Observation]) -> None:
    """Who issues is trusted by every member, and who is dropped has issued nothing in use."""
    assert goes_on(wanted, seen).formed


@pytest.mark.parametrize(
    ("wanted", "seen", "first"),
    [
        ([2], [ONE, ONE, ONE], [1, 2]),
        ([2, 1], [ONE, ONE, ONE], [1, 2]),
        ([2], [BOTH, BOTH, BOTH], [2, 1]),
        ([1], [TAKEN, TAKEN, TAKEN], [1, 2]),
        ([1], [TWO, TWO, TWO], [2, 1]),
        ([1, 2], [TWO, TWO, TWO], [2, 1]),
        ([2, 3], [BOTH, BOTH, BOTH], [2, 1]),
        ([3, 2], [BOTH, BOTH, BOTH], [1, 3]),
        # Half a step is none.
        ([2, 1], [BOTH, BOTH, ONE], [1, 2]),
        ([2, 1], [BOTH, ONE, ONE], [1, 2]),
        ([2], [TAKEN, TAKEN, BOTH], [2, 1]),
        ([2], [TAKEN, BOTH, BOTH], [2, 1]),
        ([1], [BOTH, BOTH, TAKEN], [1, 2]),
        # It came back from before the first step: by the cross-certificate it accepts the others,
        # and its host would refuse the step while it is well.
        ([2, 1], [TAKEN, TAKEN, ONE], [1, 2]),
    ],
)
def test_skipped_step_is_refused_with_the_one_to_take(
    wanted: list[int], seen: list[Observation], first: list[int]
) -> None:
    """One line, that names the hosts and the step."""
    text = refused(wanted, seen)
    assert f"certificates.authorities {wanted} skips a step" in text
    assert f"First set authorities to {first} and run `pulumi up`" in text
    assert text.count("skips a step") == 1


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ([BOTH, BOTH, SILENT], "unreachable (No route to host)"),
        ([BOTH, BOTH, at([1, 2], 1, trusts="unknown")], "could not be determined"),
        ([BOTH, at([1, 2], None), at([1, 2], None)], "could not be determined"),
        ([BOTH, BOTH, at([1], 1, trusts=STRANGE)], "docs/runbooks/lost-state.md"),
        ([BOTH, BOTH, at([1], 1, issuer=STRANGE)], "docs/runbooks/lost-state.md"),
    ],
)
def test_step_is_refused_where_a_member_is_not_known(seen: list[Observation], said: str) -> None:
    """Unknown is a refusal: silence, a file that is gone, a CA of somebody else's."""
    text = refused([2, 1], seen)
    assert said in text
    assert "etcd03" in text or "etcd02" in text


@pytest.mark.parametrize(
    ("wanted", "seen", "offered"),
    [
        ([2, 1], [BOTH, BOTH, SILENT], True),
        ([1, 2], [ONE, SILENT, ONE], True),
        ([2, 1], [TAKEN, BOTH, SILENT], False),
        ([1, 2], [TAKEN, BOTH, SILENT], False),
        ([1, 2], [BOTH, ONE, SILENT], False),
        ([2], [TWO, SILENT, TAKEN], False),
    ],
)
def test_way_back_is_offered_while_no_member_has_taken_the_step(
    wanted: list[int], seen: list[Observation], offered: bool
) -> None:
    """Else the members would have to answer for that, too, and it would be refused likewise."""
    text = refused(wanted, seen)
    assert "No route to host" in text
    assert ("or set authorities back" in text) == offered
    back = {1: [1], 2: [1, 2]}[len((seen[0].fact("trusts")).split())]
    if offered:
        assert goes_on(back, seen).formed
    elif back != wanted:
        assert "No route to host" in refused(back, seen)


FORGOT = at([1, 2], None)


@pytest.mark.parametrize("wanted", [[1, 2], [2, 1]])
@pytest.mark.parametrize("seen", [[FORGOT] * 3, [FORGOT, FORGOT, at([1, 2], None, healthy="no")]])
def test_hosts_that_forgot_who_issued_their_certificates_are_repaired(
    wanted: list[int], seen: list[Observation]
) -> None:
    """Everybody trusts both. Not while one is silent, which may not."""
    assert goes_on(wanted, seen).formed
    assert "could not be determined" in refused(wanted, [FORGOT, FORGOT, SILENT])


def test_two_hosts_that_forgot_it_are_repaired_and_not_taken_on() -> None:
    """A step depends on it; what they have is repaired where they are."""
    seen = [at([1, 2], 1), FORGOT, FORGOT]
    assert goes_on([1, 2], seen).formed
    assert "could not be determined" in refused([2, 1], seen)


def test_a_host_that_has_the_given_authority_alone_is_not_left_to_refuse() -> None:
    """It was put back to before the first step. Hosts are told of that CA while it is listed."""
    left = at([0], 0, healthy="no")
    assert "[0, 1]" in refused([1], [ONE, ONE, left], knows(0, 1))
    both = at([0, 1], 1)
    given = {"authority": {"certificateFile": "ca.crt"}, "authorities": [1, 0]}
    told = decided(
        settings(certificates=given),
        dict(zip(NAMES, [both, both, left], strict=True)),
        preview=False,
        memory=knows(0, 1),
    )
    assert told.formed


def test_an_older_state_does_not_make_a_second_authority_of_the_same_number() -> None:
    """A state from before the first step knows the second CA no more, and the members trust it."""
    for wanted in ([1, 2], [2, 1], [2], [1]):
        assert "docs/runbooks/lost-state.md" in refused(wanted, [TAKEN] * 3, knows(1))


@pytest.mark.parametrize("given", [True, False])
def test_an_authority_that_was_taken_out_too_early_is_asked_for(given: bool) -> None:
    """Not just a state that was lost."""
    certificates: dict[str, Any] = {"authorities": [1]}
    if given:
        certificates["authority"] = {"certificateFile": "ca.crt"}
    strange = at([1], 1, trusts=f"{PRINTS[1]} {STRANGE}")
    text = faults(
        preview=False,
        changes={"certificates": certificates},
        memory=knows(1),
        **dict.fromkeys(NAMES, strange),
    )
    assert ("certificates.authority was removed before" in text) == (not given)


def test_a_file_that_is_gone_from_under_an_etcd_stops_no_repair() -> None:
    """What it was last told counts, which this stack had carried out."""
    told = {"trusted": "1-2", "member": "etcd03"}
    members = {**remembered().members, "etcd03": known("10.107.88.17", told=told)}
    memory = remembered(authorities=knows(1, 2).authorities, members=members)
    lost = at([1, 2], 2, trusts="unknown", data="absent")
    assert goes_on([2, 1], [TAKEN, TAKEN, lost], memory).formed
    assert "skips a step" in refused([2], [BOTH, BOTH, lost], memory)


def test_a_host_that_was_never_told_has_certificates_of_its_only_authority() -> None:
    """Hosts that a former version converged do not say whose theirs are."""
    assert goes_on([1, 2], [at([1], None)] * 3, knows(1)).formed
