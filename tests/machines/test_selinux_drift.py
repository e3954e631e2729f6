"""What SELinux's labels and policy lose on a machine is named, and put right."""

from __future__ import annotations

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.selinux import KEYS, RIGHT, labels
from tests.support.tiers import MACHINES

pytestmark = [*MACHINES, pytest.mark.long]
SYSTEM: System = "vm-selinux"
SHOWS = "drift of a label and of the policy's module"


def test_a_lost_label_and_a_lost_module_are_drift(formed: Stack, hosts: Lab) -> None:
    """Each named, and mended, without a restart of etcd."""
    before = hosts.ssh("etcd02", "pgrep -x etcd").stdout
    hosts.ssh("etcd01", f"chcon -t etc_t {KEYS}/server.key")
    hosts.ssh("etcd02", "semodule -r etcd_host")
    text = formed.preview()
    assert f"{KEYS}/server.key has the SELinux label " in text
    assert f"SELinux's policy labels {KEYS} as " in text
    formed.up()
    assert labels(hosts) == RIGHT
    formed.pulumi("preview", "--expect-no-changes")
    assert hosts.ssh("etcd02", "pgrep -x etcd").stdout == before
