"""What every host of a stack has in common, whatever runs on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from .. import versions
from .sections import HostEntry, Section, Ssh
from .sources import Etcdctl, Registry, Repositories
from .values import ImageRepository, KubernetesVersion, PackageVersion


class HostSettings(Section):
    """What every host of a stack has in common, whatever runs on it."""

    kubernetes_version: KubernetesVersion = Field(description="of kubelet and kubeadm, as 1.35.4")
    container_runtime: Literal["containerd", "crio"] = Field(
        "containerd", description="the runtime on the hosts"
    )
    runtime_version: PackageVersion | None = Field(
        None, description="of the runtime's package; default: the newest there is that fits"
    )
    install: Literal["packages", "preinstalled"] = Field(
        "packages",
        description="packages: from repositories; preinstalled: the hosts' image has them",
    )
    repositories: Repositories = Field(
        default_factory=Repositories,
        description="where packages come from",
        validate_default=True,
    )
    etcdctl: Etcdctl = Field(default_factory=Etcdctl, description="where etcdctl comes from")
    image_repository: ImageRepository = Field(
        "registry.k8s.io", description="where images come from"
    )
    registry: Registry = Field(
        default_factory=Registry, description="how the runtime talks to that registry"
    )
    cgroup_driver: Literal["systemd", "cgroupfs"] = Field("systemd", description="as the runtime's")
    allow_cgroup_v1: bool = Field(False, description="let kubelets from 1.31 on run on cgroup v1")
    ssh: Ssh = Field(description="how the hosts are reached")
    deletion_protection: bool = Field(True, description="`destroy` refuses while this is true")

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
                "crio is not given, and the CRI-O project's repositories begin with 1.28; give "
                "repositories.crio.url with a mirror that has CRI-O 1.27"
            )
        return value

    @property
    def hosts(self) -> dict[str, HostEntry]:
        """Every host, by where it stands in the configuration: `members[0]`."""
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
    def release(self) -> versions.Release:
        """The row of the versions table."""
        return versions.parse(self.kubernetes_version)[0]
