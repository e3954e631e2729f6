"""The stack's own last state, as the engine has it."""

from __future__ import annotations

from typing import Any

import pulumi

from ..errors import StateError
from ..plan import memory
from ..plan.memory import StackMemory


def read_memory(cluster: str) -> StackMemory:
    """What this stack knows of its cluster since its last run, also one that was cut short.

    Raises StateError where the engine does not say, or says what this program never wrote: then
    nobody knows whether there is a cluster.
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
        return memory.parse(stack, outputs, cluster)
    except ValueError as error:
        raise StateError(
            f"the stack's own state is not as this program writes it: {error}. So nobody knows "
            f"what this stack has, and nothing was touched. Put an earlier state of {stack} in its "
            "place (docs/runbooks/lost-state.md), then run it again"
        ) from None
