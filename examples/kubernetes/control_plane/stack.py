"""The etcd cluster's stack, of which this one needs only the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from etcd_cluster import EtcdClusterError

NEEDED = ("caCertificate", "clientCertificate", "clientKey", "kubeadmExternalEtcd")


class EtcdStackError(EtcdClusterError):
    """The etcd stack cannot be read, or lacks an output; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class EtcdStack:
    """The outputs that a control plane needs. client_key is a secret."""

    ca_certificate: pulumi.Output[str]
    client_certificate: pulumi.Output[str]
    client_key: pulumi.Output[str]
    kubeadm_external_etcd: pulumi.Output[str]


def read(name: str) -> EtcdStack:
    """The outputs of the stack of this name."""
    reference = pulumi.StackReference(name)
    ca, certificate, key, snippet = (reference.require_output(output) for output in NEEDED)
    return EtcdStack(
        ca_certificate=ca,
        client_certificate=certificate,
        client_key=key,
        kubeadm_external_etcd=snippet,
    )


def check(name: str) -> None:
    """Raises EtcdStackError where `read` would fail.

    The same question as a StackReference's, asked in a way that can fail: a StackReference that
    fails ends the program, with an error of the engine's and another one of its own.
    """
    try:
        answer = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": name}).value
    except Exception as error:  # the SDK raises no kind of its own
        raise EtcdStackError(unreadable(name, str(error))) from None
    found = fault(name, (answer or {}).get("outputs") or {})
    if found:
        raise EtcdStackError(found)


def unreadable(name: str, said: str) -> str:
    """What to do if the engine refused to read the stack; `said`: its reason."""
    reason = said.rpartition("returned an error: ")[2]
    if "unknown stack" in reason:
        return (
            f"etcdStack: there is no stack {name!r} in this backend; use the name that "
            "`pulumi stack ls --all` shows for the etcd cluster, or bring that one up first"
        )
    return f"etcdStack: the stack {name!r} cannot be read: {reason}"


def fault(name: str, outputs: Mapping[str, Any]) -> str:
    """What is wrong with these outputs, and what to do; empty if nothing is."""
    missing = [output for output in NEEDED if output not in outputs]
    if missing:
        return (
            f"etcdStack: the stack {name!r} has no output {', '.join(missing)}; run "
            "`pulumi up` of the etcd cluster first, or correct the name of its stack"
        )
    if not isinstance(outputs["clientKey"], str):  # an empty map: the engine left it out
        return (
            f"etcdStack: the secrets of {name!r} cannot be decrypted with this passphrase; "
            "set PULUMI_CONFIG_PASSPHRASE to that stack's, and use the same one for this stack "
            "(`pulumi stack change-secrets-provider passphrase`)"
        )
    return ""
