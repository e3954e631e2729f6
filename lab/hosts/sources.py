"""Where a bare host gets its distribution's packages: the mirror alone, by signature.

The mirror has another address in each lab, so these files are written when a host is made.
"""

from __future__ import annotations

from lab.hosts.images.kind import Kind

_APT_KEY = "usr/share/keyrings/lab.asc"
_RPM_KEY = "etc/pki/rpm-gpg/RPM-GPG-KEY-lab"


def source_files(kind: Kind, url: str, key: str) -> dict[str, str]:
    """Return the files, by path, that make the mirror at `url` the distribution of a bare host."""
    if kind is Kind.EL:
        return {_RPM_KEY: key, "etc/yum.repos.d/lab.repo": _dnf(url)}
    return {_APT_KEY: key, "etc/apt/sources.list.d/lab.sources": _apt(kind, url)}


def _apt(kind: Kind, url: str) -> str:
    return (
        "Types: deb\n"
        f"URIs: {url}/{kind}\n"
        f"Suites: {kind.suite}\n"
        "Components: main\n"
        f"Signed-By: /{_APT_KEY}\n"
    )


def _dnf(url: str) -> str:
    return (
        "[lab-el]\n"
        "name=The distribution, as the lab plays it\n"
        f"baseurl={url}/el\n"
        "enabled=1\n"
        "gpgcheck=1\n"
        "repo_gpgcheck=1\n"
        f"gpgkey=file:///{_RPM_KEY}\n"
    )
