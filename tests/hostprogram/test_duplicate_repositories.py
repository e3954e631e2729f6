"""A repository that the host has already: told before anything of ours is in its way."""

from __future__ import annotations

import pytest

from .complaints import URL
from .packages import REFUSED
from .repositories import KEY, Host

THEIRS = {
    "deb [signed-by=/etc/apt/keyrings/theirs.gpg] {url}/deb/ /": "kubernetes.list",
    "# Kubernetes\n\ndeb\t[ arch=amd64 signed-by=/x.gpg ] {url}/deb /": "a.list",
    "deb {url}/deb/ /": "kubernetes.list",
    "Types: deb\nURIs: {url}/deb\nSuites: /\nSigned-By: /theirs.gpg": "k8s.sources",
}
HARMLESS = {
    "# deb [signed-by=/theirs.gpg] {url}/deb/ /": "kubernetes.list",
    "deb [signed-by=/theirs.gpg] {url}.1/deb/ /": "kubernetes.list",
    "Enabled: no\nTypes: deb\nURIs: {url}/deb\nSuites: /\nSigned-By: /x.gpg": "k8s.sources",
    "deb [signed-by=/theirs.gpg] {url}/deb/ / ": "kubernetes.list.disabled",
}


@pytest.mark.parametrize(("text", "name"), THEIRS.items())
@pytest.mark.parametrize("later", [False, True], ids=["before ours", "after ours"])
def test_apt_s_other_definition_is_named_when_it_has_another_key(
    apt: Host, text: str, name: str, later: bool
) -> None:
    """apt refuses all work where there are two: ours is not left beside it."""
    if later:
        assert apt.install(key=KEY).returncode == 0
    (apt.definitions / name).write_text(text.format(url=URL) + "\n")
    done = apt.install(key=KEY)
    assert done.returncode == REFUSED
    assert f"repository kubernetes: {apt.definitions}/{name} on this host already" in done.stderr
    assert "etcd-host-kubernetes.list" not in apt.files()
    (apt.definitions / name).unlink()
    assert apt.install(key=KEY).returncode == 0
    assert "etcd-host-kubernetes.list" in apt.files()


def test_apt_s_main_list_is_named_when_the_definition_is_there(apt: Host) -> None:
    """Not every host's are in a folder."""
    (apt.root / "sources.list").write_text(f"deb [signed-by=/theirs.gpg] {URL}/deb/ /\n")
    done = apt.install(key=KEY)
    assert done.returncode == REFUSED
    assert f"{apt.root}/sources.list on this host already defines {URL}" in done.stderr


@pytest.mark.parametrize(("text", "name"), HARMLESS.items())
def test_apt_s_other_definition_is_passed_by_when_it_is_not_in_the_way(
    apt: Host, text: str, name: str
) -> None:
    """Commented out, disabled, of another repository, or no list at all."""
    (apt.definitions / name).write_text(text.format(url=URL) + "\n")
    assert apt.install(key=KEY).returncode == 0


def test_apt_s_own_words_are_told_when_the_host_s_sources_are_broken(apt: Host) -> None:
    """By others, before we came: with the file's real place."""
    (apt.definitions / "other.list").write_text("rubbish\n")
    done = apt.install(key=KEY)
    assert done.returncode == REFUSED
    assert "apt cannot read this host's package sources: E: Malformed" in done.stderr
    assert f"{apt.definitions}/other.list" in done.stderr
    assert apt.files() == {}


SECTION = "[kubernetes]\nname=Kubernetes\n{}\ngpgcheck=1\n[other]\nbaseurl=https://o.example.com\n"


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ("baseurl={url}/rpm/", True),
        ("baseurl = {url}/rpm\nenabled=1", True),
        ("baseurl=https://x.example.com/\n  {url}/rpm/", True),
        ("baseurl={url}/rpm/\nenabled=0", False),
        ("enabled = False\nbaseurl={url}/rpm/", False),
        ("#baseurl={url}/rpm/", False),
        ("baseurl={url}.1/rpm/", False),
        ("baseurl={url}/deb/\ngpgkey={url}/rpm/repodata/repomd.xml.key", False),
    ],
)
def test_dnf_s_other_definition_is_named_when_it_is_enabled(
    dnf: Host, lines: str, refused: bool
) -> None:
    """Packages would come through either, by another key or by none."""
    theirs = dnf.definitions / "k8s.repo"
    theirs.write_text(SECTION.format(lines.format(url=URL)))
    done = dnf.install()
    assert done.returncode == (REFUSED if refused else 0), done.stderr
    named = f"repository kubernetes: {theirs} on this host already defines {URL}"
    assert (named in done.stderr) == refused
    assert (dnf.files() == {}) == refused
