"""A host whose packages are installed from a repository, for tests."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from etcd_cluster.state.text import flat_yaml

from .bash import run
from .complaints import URL

KEY = "S0VZCg=="
"""A signing key, as the verb is told it."""

# Packages are played, and are all missing; `apt-get indextargets` is the real one.
PLAYED = """
take_host() { :; }
type() { [[ $1 == -P && $2 == "$FAMILY" ]] && echo "/usr/bin/$2"; }
download() { echo "key of $1" >"$2"; }
apt_version() { if [[ -e $PLAY/installed ]]; then cat "$PLAY/installed"; fi; }
dnf_version() { apt_version; }
apt_choice() { echo "$2"; }
apt_hold() { :; }
played() { echo "$*" >>"$PLAY/asked"; cat "$PLAY/says"; [[ ! -s $PLAY/says ]]; }
apt_get() { played "$@"; }
dnf() { played "$@"; }
pkill() { :; }
"""


class Host:
    """Folders in place of a host's, and what is installed from where."""

    def __init__(self, root: Path, family: str) -> None:
        self.root, self.family = root, family
        self.definitions = root / ("lists" if family == "apt-get" else "repos")
        self.definitions.mkdir()
        (root / "says").touch()
        (root / "sources.list").touch()
        (root / "apt.conf").write_text(f'Dir::Etc::SourceList "{root}/sources.list";\n')

    def install(
        self,
        url: str = URL,
        *,
        key: str = "",
        play: str = "",
        says: str = "",
        more: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs `etcd-host install` of Kubernetes' packages with this repository.

        `play`: more functions that are played. `says`: how the package manager fails. `more`: of
        the desired state.
        """
        (self.root / "says").write_text(says)
        places = {
            "APT_KEYS=/etc/apt/keyrings APT_LISTS=/etc/apt/sources.list.d": (
                f"APT_KEYS={self.root}/keys APT_LISTS={self.root}/lists"
            ),
            "DNF_KEYS=/etc/pki/rpm-gpg DNF_REPOS=/etc/yum.repos.d": (
                f"DNF_KEYS={self.root}/keys DNF_REPOS={self.root}/repos"
            ),
            "ETCDCTL=/usr/local/bin/etcdctl ETCDUTL=/usr/local/bin/etcdutl": (
                f"ETCDCTL={self.root}/etcdctl ETCDUTL={self.root}/etcdutl"
            ),
            "/etc/apt/sources.list ": f"{self.root}/sources.list ",
            "STATE=/var/lib/etcd-host RUN=/run/etcd-host": (
                f"STATE={self.root}/state RUN={self.root}/run"
            ),
        }
        state = {
            "cluster": "etcd",
            "member": "etcd01",
            "kubernetes-version": "v1.35.4",
            "runtime-package": "cri-o",
            "runtime-version": "any",
            "repository.kubernetes.url": url,
            **({"repository.kubernetes.key": key} if key else {}),
            **(more or {}),
        }
        setting = f"export APT_CONFIG={self.root}/apt.conf; PLAY={self.root} FAMILY={self.family}; "
        return run(setting + PLAYED + play + "main install", flat_yaml(state), places=places)

    def files(self) -> dict[str, str]:
        """Our definitions and keys that are there, with their content."""
        folders = (self.definitions, self.root / "keys")
        found = [path for folder in folders if folder.exists() for path in folder.iterdir()]
        return {path.name: path.read_text() for path in found if "etcd-host" in path.name}

    def asked(self) -> list[str]:
        """What the package manager was asked for."""
        path = self.root / "asked"
        return path.read_text().splitlines() if path.exists() else []
