"""Sections for the sources of packages and images."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from .messages import SectionError
from .sections import Section
from .values import Checksum, Url, UserName


def _refuse_http(info: ValidationInfo, harm: str, instead: str) -> None:
    """Raises SectionError if `url` is plain http and nothing else authenticates its content."""
    url = info.data.get("url", "")
    if url.startswith("http://"):
        raise SectionError(
            f"url is {url!r}: plain http lets an attacker {harm}; set {instead}, or use https"
        )


class Repository(Section):
    """A package repository with the layout of pkgs.k8s.io: flat, with `deb/` and `rpm/`."""

    url: Url = Field(description="Base URL. `{minor}` is replaced, e.g. by 1.35.")
    signing_key_file: Path | None = Field(
        None,
        description="Public key that the repository is signed with, armored. Without it, hosts use "
        "the key that the repository offers, over https only. Required with http.",
        validate_default=True,
    )

    @field_validator("signing_key_file")
    @classmethod
    def _known_key(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None:
            _refuse_http(info, "substitute the key", "signingKeyFile")
        return value


class Repositories(Section):
    """Package repositories other than the distribution's."""

    kubernetes: Repository = Field(
        Repository(url="https://pkgs.k8s.io/core:/stable:/v{minor}"),
        description="Repository of kubelet, kubeadm, kubectl and cri-tools.",
    )
    crio: Repository = Field(
        Repository(url="https://download.opensuse.org/repositories/isv:/cri-o:/stable:/v{minor}"),
        description="Repository of cri-o, of the same minor version as Kubernetes.",
    )
    etcd: Repository | None = Field(
        None,
        description="Repository of etcd-client. Without it, etcdctl comes from etcd's release "
        "archive.",
    )


class Etcdctl(Section):
    """etcd's release archive, the source of etcdctl unless `repositories.etcd` is set."""

    url: Url = Field(
        "https://github.com/etcd-io/etcd/releases/download",
        description="Base URL of etcd's release archives, laid out as on GitHub.",
    )
    sha256: Checksum | None = Field(
        None,
        description="Checksum of the archive. Without it, hosts use the SHA256SUMS file next to "
        "the archive, over https only. Required with http.",
        validate_default=True,
    )

    @field_validator("sha256")
    @classmethod
    def _known_content(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            _refuse_http(info, "substitute the archive", "sha256")
        return value


class Registry(Section):
    """Access of the hosts' runtime to the registry of `imageRepository`, always over TLS."""

    ca_file: Path | None = Field(
        None,
        description="CA certificate of the registry, PEM. Without it, the hosts' own CAs are used.",
    )
    username: UserName | None = Field(
        None,
        description="User name for the registry. With containerd, the registry must accept basic "
        "authentication on every request.",
    )
    password: SecretStr | None = Field(
        None, description="Password of that user.", validate_default=True
    )

    @field_validator("password")
    @classmethod
    def _both(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        user = info.data.get("username")
        if value is not None and not value.get_secret_value():
            raise ValueError("'' is invalid: the value is empty; set one, or remove the key")
        if "username" in info.data and (value is None) != (user is None):
            given, missing = ("username", "password") if user else ("password", "username")
            raise SectionError(f"{given} is set without {missing}; set both, or neither")
        return value
