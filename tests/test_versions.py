"""The versions table and the versions that it takes."""

from __future__ import annotations

import re

import pytest

from etcd_cluster import versions

# kubeadm 1.31 brought v1beta4; every version up to 1.30 knows v1beta3 at most.
APIS = {
    27: "v1beta3",
    28: "v1beta3",
    29: "v1beta3",
    30: "v1beta3",
    31: "v1beta4",
    32: "v1beta4",
    33: "v1beta4",
    34: "v1beta4",
    35: "v1beta4",
    36: "v1beta4",
    37: "v1beta4",
}


@pytest.mark.parametrize(("minor", "api"), list(APIS.items()))
def test_kubeadm_api_is_the_newest_of_the_minor_when_looked_up(minor: int, api: str) -> None:
    """kubeadm refuses an API that it does not know."""
    assert versions.parse(f"1.{minor}.0")[0].kubeadm_api == api


@pytest.mark.parametrize("minor", list(APIS))
def test_kubelet_knows_fail_cgroup_v1_when_the_minor_is_31_or_later(minor: int) -> None:
    """An older kubelet does not start with a field that it does not know."""
    assert versions.parse(f"1.{minor}.0")[0].kubelet_knows_fail_cgroup_v1 is (minor >= 31)


def test_table_has_every_minor_when_read_from_oldest_to_newest() -> None:
    """Without a gap: the error for a wrong version gives a range."""
    assert sorted(versions.RELEASES) == list(range(versions.OLDEST, versions.NEWEST + 1))


@pytest.mark.parametrize("release", versions.RELEASES.values(), ids=lambda r: f"1.{r.minor}")
def test_image_tag_has_a_build_number_when_in_the_table(release: versions.Release) -> None:
    """The tags of registry.k8s.io/etcd are `3.6.6-0`; without it there is no such image."""
    assert re.fullmatch(r"3\.\d+\.\d+-\d+", release.etcd_tag)


def test_etcd_never_goes_back_when_the_minor_goes_up() -> None:
    """etcd cannot be downgraded in place."""
    tags = [versions.RELEASES[minor].etcd_tag for minor in sorted(versions.RELEASES)]
    ordered = sorted(tags, key=lambda tag: [int(part) for part in re.split(r"[.-]", tag)])
    assert tags == ordered


@pytest.mark.parametrize("minor", range(versions.OLDEST, versions.NEWEST))
def test_the_next_default_may_be_taken_when_it_is_of_another_minor_of_etcd(minor: int) -> None:
    """Whoever keeps to the defaults never meets a step that etcd forbids."""
    now, then = (versions.parse_etcd(versions.RELEASES[n].etcd_tag) for n in (minor, minor + 1))
    assert now is not None
    assert then is not None
    assert then[0] == now[0]
    assert then[1] - now[1] in (0, 1)
    if then[1] != now[1]:
        assert now >= versions.ETCD_LEAST[then[:2]]


@pytest.mark.parametrize("release", versions.RELEASES.values(), ids=lambda r: f"1.{r.minor}")
def test_etcd_knows_kubeadms_flags_when_it_is_the_default(release: versions.Release) -> None:
    """With a flag that it does not know etcd does not start."""
    etcd = versions.parse_etcd(release.etcd_tag)
    assert etcd is not None
    assert release.suits(etcd)


@pytest.mark.parametrize(
    ("minor", "etcd", "suits"),
    [
        (33, (3, 6, 16), True),
        (33, (3, 7, 3), False),
        (35, (3, 5, 35), True),
        (35, (3, 7, 3), True),
        (36, (3, 5, 35), False),
        (36, (3, 6, 6), True),
        (37, (3, 5, 35), False),
    ],
)
def test_etcd_suits_when_it_knows_the_flags_of_that_kubeadm(
    minor: int, etcd: versions.Etcd, suits: bool
) -> None:
    """`--experimental-…` went with 3.7; what took its place came with 3.6."""
    assert versions.RELEASES[minor].suits(etcd) is suits


@pytest.mark.parametrize("text", ["1.35.4", "v1.35.4"])
def test_version_is_canonical_when_given_with_or_without_v(text: str) -> None:
    """One version, one spelling."""
    release, canonical = versions.parse(text)
    assert (release.minor, canonical) == (35, "v1.35.4")


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.35", "1.35.", "1.35.x", "latest", "1.35.4-rc.1", "2.35.4", " 1.35.4", "vv1.35.4"],
)
def test_error_gives_value_and_example_when_it_is_not_a_version(text: str) -> None:
    """Given and example; a release candidate is none of the table's."""
    with pytest.raises(ValueError, match=re.escape(repr(text))) as caught:
        versions.parse(text)
    assert "e.g. 1.35.4" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1.26.15", "too old"), ("1.0.0", "too old"), ("1.99.0", "not supported yet")],
)
def test_error_gives_the_range_when_the_minor_is_outside(text: str, reason: str) -> None:
    """Too old and unknown are told apart."""
    with pytest.raises(ValueError, match=reason) as caught:
        versions.parse(text)
    assert f"1.{versions.OLDEST} to 1.{versions.NEWEST}" in str(caught.value)
