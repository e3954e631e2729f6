"""What `make` does with a stack on the lab's hosts: say how to use it, end it, forget it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

from lab import engine
from lab.errors import LabError
from lab.host import State
from lab.hosts import Lab
from lab.progress import say, step


def usage(stack: str) -> str:
    """The endpoints, and what a person does with the outputs next."""
    outputs = json.loads(_pulumi("stack", "output", "--json", "--stack", stack))
    members = outputs["members"]
    rows = [
        f"  {name}  {told['clientUrl']}  etcd {told['etcdVersion']}  id {told['id']}  "
        f"certificate until {told['certificateExpiry'][:10]}"
        for name, told in sorted(members.items())
    ]
    output = f"{engine.MAKE_PULUMI} stack output --stack {stack}"
    return "\n".join(
        [
            f"✓ etcd cluster {outputs['clusterId']}: {len(members)} members, all healthy",
            *rows,
            "",
            "Use it as a client (the key is a secret: keep the file to yourself):",
            f"  {output} caCertificate > ca.crt",
            f"  {output} clientCertificate > client.crt",
            f"  (umask 077; {output} clientKey --show-secrets > client.key)",
            "  etcdctl --cacert ca.crt --cert client.crt --key client.key \\",
            f"    --endpoints {','.join(outputs['endpoints'])} endpoint health",
            "Give it to Kubernetes (kubeadm's ClusterConfiguration with etcd.external):",
            f"  {output} kubeadmExternalEtcd",
            "Review a change before it touches a member:  make preview",
            "Look at a host:                              .venv/bin/python -m lab ssh etcd01",
            "End it all:                                  make down",
        ]
    )


def forget_if_gone(stack: str, lab: Lab) -> None:
    """Forget a stack whose hosts are all gone, as after a reboot of this machine.

    The product rightly refuses to found a second cluster in its place: here it is meant.
    """
    if not any(row.state in (State.RUNNING, State.STOPPED) for row in lab.status()):
        destroy(stack, lab)


def destroy(stack: str, lab: Lab) -> None:
    """End the stack: through its hosts where they run, else by forgetting it with them.

    The hosts are thrown away next, so a host that is gone must not keep the stack alive.
    """
    state = engine.STATE / "backend/.pulumi/stacks/etcd-cluster" / f"{stack}.json"
    if not state.exists():
        return
    rows = lab.status()
    if rows and all(row.state is State.RUNNING for row in rows):
        with step(f"pulumi destroy of {stack}"):
            done = _run("destroy", "--yes", "--skip-preview", "--stack", stack)
        if done.returncode != 0:
            say(f"  it did not end well, and is forgotten with its hosts:\n{done.stdout}")
    # The configuration is committed: removing a stack would remove its file too.
    _pulumi("stack", "rm", "--yes", "--force", "--preserve-config", "--stack", stack)


def _pulumi(*arguments: str) -> str:
    done = _run(*arguments)
    if done.returncode != 0:
        raise LabError(f"pulumi {' '.join(arguments[:2])} failed:\n{done.stdout}")
    return done.stdout


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    call = engine.invocation(_quiet(arguments))
    return subprocess.run(
        call.command,
        cwd=call.cwd,
        env=call.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _quiet(arguments: Sequence[str]) -> list[str]:
    return [*arguments, "--non-interactive", "--color", "never"]
