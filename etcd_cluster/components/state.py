"""The stack's own last state, as the engine has it."""

from __future__ import annotations

from typing import Any

import pulumi

from ..errors import StateError
from ..plan import memory
from ..plan.memory import StackMemory
from ..plan.namesakes import clusters


def read_memory(cluster: str, *, alone: bool = False) -> StackMemory:
    """What this stack knows of its cluster since its last run, also one that was cut short.

    alone: whether the stack has no other cluster beside it.

    Raises StateError where the engine does not say, or says what this program never wrote: then
    nobody knows whether there is a cluster. And where it is alone, and the state has another one:
    that would be deleted.
    """
    stack = "/".join((pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack()))
    try:
        # The engine's own function, of all backends (pulumi, pkg/resource/deploy/builtins.go).
        answer: Any = pulumi.runtime.invoke(
            "pulumi:pulumi:readStackResourceOutputs", {"stackName": stack}
        ).value
        outputs = dict(answer["outputs"])
    except Exception as error:  # the SDK raises no kind of its own
        reason = str(error).rpartition("returned an error: ")[2]
        raise StateError(
            f"the stack's own state could not be read: {reason}. Without it nobody knows whether "
            "this stack has a cluster already, so nothing was touched. Check the backend of "
            f"{stack} and its passphrase or secrets provider, then run it again"
        ) from None
    try:
        there = clusters(outputs) if alone else ()
        found = memory.parse(stack, outputs, cluster)
    except ValueError as error:
        raise StateError(
            f"the stack's own state is not as this program writes it: {error}. So nobody knows "
            f"what this stack has, and nothing was touched. Put an earlier state of {stack} in its "
            "place (docs/runbooks/lost-state.md), then run it again"
        ) from None
    others = [name for name in there if name != cluster]
    if others and cluster in there:
        raise StateError(
            f"clusterName: {cluster} given, but {stack} has the cluster {', '.join(others)}, too, "
            "which would be deleted. Nothing was touched. Give each cluster a stack of its own: "
            "declare both in a program of your own (docs/library.md), or remove the one that is to "
            "go from this stack with `pulumi state unprotect` and `pulumi destroy --target`"
        )
    if others:
        raise StateError(
            f"clusterName: {cluster} given, but {stack} has the cluster {', '.join(others)}, which "
            "would be deleted, and an empty one be made in its place. Nothing was touched. Set "
            f"clusterName: {others[0]}, or select the stack that is meant; a cluster with another "
            "name takes a stack of its own"
        )
    return found
