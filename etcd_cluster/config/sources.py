"""Where packages and images come from: the sections that say so."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from .messages import SectionError
from .sections import Section
from .values import Checksum, Url, UserName


def _refuse_http(info: ValidationInfo, harm: str, instead: str) -> None:
    """Raises SectionError where nothing but the way to it vouches for what is behind `url`."""
    url = info.data.get("url", "")
    if url.startswith("http://"):
        raise SectionError(
            f"url is {url!r}, where anybody on the way could {harm}; give {instead}, or an https "
            "URL"
        )


class Repository(Section):
    """A package repository, laid out as pkgs.k8s.io is: flat, with `deb/` and `rpm/` below."""

    url: Url = Field(description="base URL; {minor} in it becomes e.g. 1.35")
    signing_key_file: Path | None = Field(
        None,
        description="public key that signs it; default: the one it offers, over https",
        validate_default=True,
    )

    @field_validator("signing_key_file")
    @classmethod
    def _known_key(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None:
            _refuse_http(info, "offer a key of theirs", "signingKeyFile")
        return value


class Repositories(Section):
    """Where packages come from, other than the distribution."""

    kubernetes: Repository = Field(
        Repository(url="https://pkgs.k8s.io/core:/stable:/v{minor}"),
        description="kubelet, kubeadm, kubectl and cri-tools",
    )
    crio: Repository = Field(
        Repository(url="https://download.opensuse.org/repositories/isv:/cri-o:/stable:/v{minor}"),
        description="cri-o, of the minor of Kubernetes",
    )
    etcd: Repository | None = Field(
        None, description="etcd-client; default: etcdctl comes from etcd's release archive"
    )


class Etcdctl(Section):
    """etcd's release archive: where etcdctl comes from, unless `repositories.etcd` is given."""

    url: Url = Field(
        "https://github.com/etcd-io/etcd/releases/download",
        description="folder of etcd's releases, as on GitHub",
    )
    sha256: Checksum | None = Field(
        None,
        description="of the archive; default: as SHA256SUMS beside it says, over https",
        validate_default=True,
    )

    @field_validator("sha256")
    @classmethod
    def _known_content(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            _refuse_http(info, "change the archive", "sha256")
        return value


class Registry(Section):
    """How the hosts' runtime talks to the registry of `imageRepository`, always over TLS."""

    ca_file: Path | None = Field(None, description="CA certificate of the registry, PEM")
    username: UserName | None = Field(None, description="who pulls")
    password: SecretStr | None = Field(
        None, description="of that user, as secret config", validate_default=True
    )

    @field_validator("password")
    @classmethod
    def _both(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        user = info.data.get("username")
        if value is not None and not value.get_secret_value():
            raise ValueError("'' is empty; give a value, or leave the key out")
        if "username" in info.data and (value is None) != (user is None):
            given, missing = ("username", "password") if user else ("password", "username")
            raise SectionError(f"{given} is given without {missing}; give both, or neither")
        return value
