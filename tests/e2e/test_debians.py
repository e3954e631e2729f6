"""Other releases of Debian than the one that most tests run on: each by itself, and side by side.

From bare hosts: what the distribution has is installed, with its own runtime where that will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import (
    NAMES,
    configured,
    have_no_member,
    have_quota,
    last_changes,
    reboot_all,
    settled,
    up_changes_nothing,
)
from tests.support.tiers import tiered

pytestmark = pytest.mark.matrix
SHOWS = "first up, second up unchanged, reboot of all, a setting rolled, destroy"

RELEASES: Mapping[str, tuple[str, ...]] = {
    "debian13": ("13", "13", "13"),
    "debian11": ("11", "11", "11"),
    "debian12": ("12", "12", "12"),
    "mixed": ("11", "12", "13"),
}
"""The release of each host."""
_QUOTA = 3 * 2**30


# (All of them side by side in one cluster with `make test-matrix`, each by itself with -long.)
@pytest.fixture(
    scope="module", params=tiered({name: name for name in RELEASES}, always=[], matrix=["mixed"])
)
def system(request: pytest.FixtureRequest) -> str:
    """Each system in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: str) -> Iterator[Lab]:
    """Three bare hosts of these releases."""
    for name, release in zip(NAMES, RELEASES[system], strict=True):
        lab.fresh([name], image=f"debian{release}".replace("debian12", "debian"))
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def stack(hosts: Lab, system: str, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that has not been brought up."""
    made_for: Mapping[str, System] = {"debian12": "debian", "debian13": "debian13"}
    return Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES, made_for.get(system, "debian11"))


def test_each_host_is_of_its_release(hosts: Lab, system: str) -> None:
    """The lab's image is what it says."""
    for name, release in zip(NAMES, RELEASES[system], strict=True):
        told = hosts.ssh(name, ". /etc/os-release; echo $VERSION_ID").stdout.strip()
        assert told == release


@pytest.mark.long
def test_a_containerd_that_is_too_old_is_refused_before_it_is_installed(
    stack: Stack, hosts: Lab, system: str
) -> None:
    """Debian 11 has 1.4, which no kubelet of today can use: the way out is said, nothing done."""
    if system != "debian11":
        pytest.skip("these releases have a containerd that will do")
    with configured(stack, containerRuntime="containerd"):
        done = stack.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.status != 0
    assert "containerd 1.4" in done.text
    assert "a kubelet needs 1.6 or newer" in done.text
    for name in NAMES:
        assert hosts.ssh(name, "type -P containerd kubelet", check=False).stdout == ""


def test_the_first_up_ends_with_a_healthy_cluster(
    formed: Stack, hosts: Lab, client: Client
) -> None:
    """Everything is installed from the release's own repositories and those of the projects."""
    assert client.all_healthy()
    for name in NAMES:
        settled(hosts, name)


def test_a_second_up_changes_nothing(formed: Stack, hosts: Lab) -> None:
    """All resources are unchanged, and nothing was restarted or written."""
    before = last_changes(hosts)
    up_changes_nothing(formed)
    assert last_changes(hosts) == before


def test_the_cluster_comes_back_after_a_reboot(
    formed: Stack, hosts: Lab, client: Client, tmp_path: Path
) -> None:
    """All hosts at once; what was written is there, and a preview has nothing to say."""
    client.run("put", "/e2e/before-the-reboot", "yes")
    reboot_all(hosts)
    assert client.all_healthy()
    assert client.run("get", "/e2e/before-the-reboot", "--print-value-only").stdout == "yes\n"
    formed.pulumi("preview", "--expect-no-changes")


def test_a_setting_is_rolled(formed: Stack, hosts: Lab, client: Client) -> None:
    """The quota is raised member by member."""
    formed.config["etcd"] = {**formed.config.get("etcd", {}), "quotaBackendBytes": _QUOTA}
    formed.up()
    assert client.all_healthy()
    have_quota(hosts, _QUOTA)


def test_destroy_leaves_no_member(formed: Stack, hosts: Lab) -> None:
    """No etcd runs, and the data is aside."""
    formed.destroy()
    have_no_member(hosts)
