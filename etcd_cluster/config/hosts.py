"""Settings that apply to every host of a stack, whatever runs on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from .. import versions, wellknown
from .sections import HostEntry, Section, Ssh
from .sources import Etcdctl, Registry, Repositories
from .values import ImageRepository, KubernetesVersion, PackageVersion


class HostSettings(Section):
    """Settings that apply to every host of a stack, whatever runs on it."""

    kubernetes_version: KubernetesVersion = Field(
        description="Version of kubelet and kubeadm on the hosts. Supported: "
        f"1.{versions.OLDEST} to 1.{versions.NEWEST}."
    )
    container_runtime: Literal["containerd", "crio"] = Field(
        "containerd", description="Container runtime on the hosts."
    )
    runtime_version: PackageVersion | None = Field(
        None,
        description="Version of the runtime's package. Without it, the newest suitable version is "
        "installed.",
    )
    install: Literal["packages", "preinstalled"] = Field(
        "packages",
        description="Whether the required packages are installed from repositories (`packages`), "
        "or are part of the hosts' image (`preinstalled`).",
    )
    repositories: Repositories = Field(
        default_factory=Repositories,
        description="Package repositories.",
        validate_default=True,
    )
    etcdctl: Etcdctl = Field(
        default_factory=Etcdctl,
        description="Source of etcdctl, unless `repositories.etcd` is set.",
    )
    image_repository: ImageRepository = Field(
        "registry.k8s.io", description="Repository of the images of etcd and pause."
    )
    registry: Registry = Field(
        default_factory=Registry, description="Access to the image registry."
    )
    cgroup_driver: Literal["systemd", "cgroupfs"] = Field(
        "systemd",
        description="Cgroup driver of the kubelet and, with `install: packages`, of the runtime.",
    )
    allow_cgroup_v1: bool = Field(
        False, description="Allow kubelets from 1.31 on to run on hosts with cgroup v1."
    )
    ssh: Ssh = Field(description="SSH access to the hosts.")
    deletion_protection: bool = Field(
        True,
        description="Refuse to delete the CA, the token, and every resource whose deletion changes "
        "a host.",
    )

    @field_validator("repositories")
    @classmethod
    def _official_has_it(cls, value: Repositories, info: ValidationInfo) -> Repositories:
        given = info.data.get("kubernetes_version", ""), info.data.get("container_runtime")
        if (
            given[0].startswith("v1.27.")
            and given[1] == "crio"
            and info.data.get("install") == "packages"
            and "crio" not in value.model_fields_set
        ):
            raise ValueError(
                "crio.url is required with CRI-O 1.27: the CRI-O project's own repositories start "
                "at 1.28; set repositories.crio.url to a mirror that has CRI-O 1.27"
            )
        return value

    @property
    def hosts(self) -> dict[str, HostEntry]:
        """Every host, by its path in the configuration, e.g. `members[0]`."""
        found: dict[str, HostEntry] = {}
        for name, field in type(self).model_fields.items():
            place, value = field.alias or name, getattr(self, name)
            if isinstance(value, HostEntry):
                found[place] = value
            elif isinstance(value, tuple):
                rows = ((f"{place}[{index}]", each) for index, each in enumerate(value))
                found |= {row: each for row, each in rows if isinstance(each, HostEntry)}
        return found

    @property
    def runtime_socket(self) -> str:
        """Where the container runtime listens: `/run/containerd/containerd.sock`."""
        return wellknown.RUNTIME_SOCKETS[self.container_runtime]

    @property
    def release(self) -> versions.Release:
        """The row of the versions table."""
        return versions.parse(self.kubernetes_version)[0]
