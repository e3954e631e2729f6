"""The table of builds."""

from __future__ import annotations

import pytest

from lab import builds
from lab.go import compiler


def test_every_build_has_a_pinned_wrapper() -> None:
    """A row without go.mod and go.sum would build something else each time, or nothing."""
    for row in builds.BUILDS.values():
        assert (row.module() / "go.mod").is_file()
        assert (row.module() / "go.sum").is_file()


VERSIONS = {"pulumi": "3.259.0", "tls": "5.6.2", "random": "4.21.4", "command": "1.2.1"}


@pytest.mark.parametrize("wrapper", ["pulumi-3.259.0", "command-plugin-1.2.1"])
def test_engine_is_made_of_its_own_wrappers(wrapper: str) -> None:
    """A change of one of them means a new set-up."""
    digests = builds.engine_digests(VERSIONS)
    assert digests[wrapper] == compiler.digest(builds.BUILDS[wrapper])


@pytest.mark.parametrize("name", ["pulumi", "command"])
def test_engine_of_an_unknown_version_may_still_be_official(name: str) -> None:
    """What cannot be built here is refused when it would have to be, not before."""
    assert set(builds.engine_digests({**VERSIONS, name: "1.0.0"})) < set(
        builds.engine_digests(VERSIONS)
    )


def test_unknown_version_is_refused_with_the_known_ones() -> None:
    """The error says what there is and how to add to it."""
    with pytest.raises(
        builds.BuildError, match=r'"1\.2\.3" has no wrapper module; known: 3\.259\.0\.'
    ):
        builds.pulumi("1.2.3")
