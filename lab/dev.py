"""What `make` does with a stack on the lab's hosts: make them for it, use it, end it, forget it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import builds, engine
from lab.choice import MIRRORS
from lab.engine import STATE
from lab.errors import LabError
from lab.hosts.host import State
from lab.hosts.images.kind import Kind, image
from lab.lab import Lab
from lab.mirror import content, docker_registry
from lab.progress import say, step
from lab.versions import UPGRADES

STACKS: Mapping[str, Kind] = {"dev": Kind.DEBIAN, "seed": Kind.EL}
"""The lab's own stacks, and what their hosts are made of.

They name the same hosts, so one of them can be up at a time.
"""

ETCD, KUBERNETES = "etcd-cluster", "kubernetes"
PROJECTS: Mapping[str, Path] = {KUBERNETES: Path("examples/kubernetes"), ETCD: Path()}
"""The projects with such stacks, and where they are; first the one that stands on the other."""


SYSTEMS: Mapping[Kind, Mapping[str, Kind]] = {
    Kind.DEBIAN: {"debian12": Kind.DEBIAN, "debian13": Kind.DEBIAN13, "debian14": Kind.DEBIAN14},
    # Its containerd is too old for any Kubernetes of today; the stack seed brings CRI-O.
    Kind.EL: {"debian11": Kind.DEBIAN11},
}
"""What else a stack's hosts can be made of, by what they are made of usually."""


def kind_for(stack: str, system: str = "") -> Kind:
    """Return the hosts that a stack needs; one that the lab does not know gets those of dev."""
    kind = STACKS.get(stack, STACKS["dev"])
    if not system:
        return kind
    known = SYSTEMS[kind]
    if system not in known:
        raise LabError(
            f'SYSTEM: "{system}" is not a system for the stack {stack}; expected none '
            f"({kind}), or one of {', '.join(known)}."
        )
    return known[system]


def prepare(stack: str, *, control_plane: bool = False) -> None:
    """Build what `up` of a stack needs: the hosts' image, the mirror's content, the engine."""
    kind = kind_for(stack)
    image(kind)
    content(MIRRORS[kind], control_plane=control_plane)
    docker_registry()
    engine.prepare()


def prepare_every_etcd() -> None:
    """Build the further versions of etcd: a test that waited for that would run out of its time."""
    for row in UPGRADES:
        builds.etcd(row.etcd)


def usage(stack: str) -> str:
    """The endpoints, and what a person does with the outputs next."""
    told = outputs(stack)
    members = told["members"]
    rows = [
        f"  {name}  {each['clientUrl']}  etcd {each['etcdVersion']}  id {each['id']}  "
        f"certificate until {each['certificateExpiry'][:10]}"
        for name, each in sorted(members.items())
    ]
    output = f"{engine.MAKE_PULUMI} stack output --stack {stack}"
    given = named(stack)
    return "\n".join(
        [
            f"✓ etcd cluster {told['clusterId']}: {len(members)} members, all healthy",
            *rows,
            "",
            "Use it as a client (the key is a secret: keep the file to yourself):",
            f"  {output} caCertificate > ca.crt",
            f"  {output} clientCertificate > client.crt",
            f"  (umask 077; {output} clientKey --show-secrets > client.key)",
            "  etcdctl --cacert ca.crt --cert client.crt --key client.key \\",
            f"    --endpoints {','.join(told['endpoints'])} endpoint health",
            "Give it to Kubernetes (kubeadm's ClusterConfiguration with etcd.external):",
            f"  {output} kubeadmExternalEtcd",
            f"Review a change before it touches a member:  make preview{given}",
            f"See a backup, and restore it:                make backup{given}; make restore{given}",
            "Look at a host:                              .venv/bin/python -m lab ssh etcd01",
            "End it all:                                  make down",
        ]
    )


def named(stack: str) -> str:
    """What make has to be told of a stack that is not the usual one."""
    return "" if stack == "dev" else f" STACK={stack}"


def outputs(stack: str, project: str = ETCD) -> dict[str, Any]:
    """A stack's outputs, without secrets."""
    text = _pulumi(*_in(project), "stack", "output", "--json", "--stack", stack)
    found: dict[str, Any] = json.loads(text)
    return found


def kubernetes_usage(stack: str) -> str:
    """What a person does with the control plane next."""
    output = f"{engine.MAKE_PULUMI} stack output -C {PROJECTS[KUBERNETES]} --stack {stack}"
    told = outputs(stack, KUBERNETES)
    return "\n".join(
        [
            f"✓ control plane of Kubernetes at {told['endpoint']}, on the etcd of {stack}",
            "",
            "Use it (the kubeconfig is a secret: keep the file to yourself):",
            f"  (umask 077; {output} kubeconfig \\",
            "    --show-secrets > kubeconfig)",
            "  kubectl --kubeconfig kubeconfig get --raw='/readyz?verbose'",
            "Or on its host:",
            "  .venv/bin/python -m lab ssh master01 -- \\",
            "    kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes",
            "End it all, the etcd cluster too:  make down",
        ]
    )


def forget_if_gone(lab: Lab) -> None:
    """Forget the lab's stacks if their hosts are all gone, as after a reboot of this machine.

    The product rightly refuses to found a second cluster in their place: here it is meant.
    """
    if not any(row.state in (State.RUNNING, State.STOPPED) for row in lab.status()):
        destroy(None, lab)


def refuse_another(stack: str, lab: Lab) -> None:
    """Raise LabError if the lab's hosts carry another one of the lab's stacks."""
    for other in STACKS:
        if other != stack and _is_here(other, lab) and _resources(other):
            raise LabError(
                f"The lab's hosts carry the stack {other}, and {stack} would come on top of it; "
                f"run `make down STACK={other}` first."
            )


def destroy(stack: str | None, lab: Lab) -> None:
    """End this stack, and the lab's own: through the hosts where they run, else by forgetting them.

    The hosts are thrown away next, so a host that is gone must not keep a stack alive.
    """
    named = [stack] if stack else []
    here = [name for name in dict.fromkeys([*named, *STACKS]) if _is_here(name, lab)]
    for project in PROJECTS:
        for name in here:
            if _state(name, project) is not None:
                _destroy(name, lab, project)
    for name in here:
        engine.sections.forget(name)


def is_up(stack: str, lab: Lab) -> bool:
    """Whether one of the lab's own stacks is on this lab's hosts, and those run."""
    rows = lab.status()
    running = bool(rows) and all(row.state is State.RUNNING for row in rows)
    return stack in STACKS and _is_here(stack, lab) and running and bool(_resources(stack))


def _is_here(stack: str, lab: Lab) -> bool:
    """Say whether a stack may be on this lab's hosts: the lab's own name those of the first."""
    return stack not in STACKS or lab.instance.number == 0


def _destroy(stack: str, lab: Lab, project: str) -> None:
    rows = lab.status()
    if _resources(stack, project) and rows and all(row.state is State.RUNNING for row in rows):
        with step(f"pulumi destroy of {stack} ({project})"):
            end = ("destroy", "--yes", "--skip-preview", "--stack", stack)
            status, said = _run(*_in(project), *end)
        if status != 0:
            say(f"  it did not end well, and is forgotten with its hosts:\n{said}")
    # The configuration is committed: removing a stack would remove its file too.
    forget = ("stack", "rm", "--yes", "--force", "--preserve-config", "--stack", stack)
    _pulumi(*_in(project), *forget)


def _in(project: str) -> list[str]:
    """Return pulumi's arguments for a project; the tree itself needs none."""
    return [] if project == ETCD else ["-C", str(PROJECTS[project])]


def _resources(stack: str, project: str = ETCD) -> list[Any]:
    """Return what a stack has, by its state in the lab's backend; a preview alone makes nothing."""
    latest = ((_state(stack, project) or {}).get("checkpoint") or {}).get("latest") or {}
    found: list[Any] = latest.get("resources") or []
    return found


def _state(stack: str, project: str) -> dict[str, Any] | None:
    path = STATE / "backend/.pulumi/stacks" / project / f"{stack}.json"
    try:
        told: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return told


def _pulumi(*arguments: str) -> str:
    status, said = _run(*arguments)
    if status != 0:
        raise LabError(f"pulumi {' '.join(arguments[:2])} failed:\n{said}")
    return said


def _run(*arguments: str) -> tuple[int, str]:
    """Return how pulumi ended, and all it said."""
    options = ("--non-interactive", "--color", "never")
    with engine.invocation([*arguments, *options]).start() as running:
        said, _ = running.communicate()
    return running.returncode, said
