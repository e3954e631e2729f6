"""A password in the wrong place: no error shows it, and no setting takes it."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.config.values import redacted
from tests.support.samples import SSH, faults, members

SECRET = "s3cr3t"
MISPLACED: dict[str, dict[str, Any]] = {
    "login in a user's name": {"registry": {"username": f"puller:{SECRET}", "password": "x"}},
    "login in the user of SSH": {"ssh": {**SSH, "user": f"root:{SECRET}"}},
    "login in a repository": {"imageRepository": f"puller:{SECRET}@registry.example.com/k8s"},
    "login in a repository's URL": {"imageRepository": f"https://p:{SECRET}@r.example.com/k8s"},
    "token before a repository": {"imageRepository": f"{SECRET}@registry.example.com/k8s"},
    "login in a snapshot": {
        "restore": {"snapshot": f"https://u:{SECRET}@s.example.com/x.db", "replaces": "beef"}
    },
    "signature in a snapshot": {
        "restore": {"snapshot": f"https://s.example.com/x.db?sig={SECRET}", "replaces": "beef"}
    },
    "signature in a store": {"backup": {"to": f"https://x?sig={SECRET}"}},
    "login in an address": {"members": [{**members()[0], "address": f"root:{SECRET}@10.0.0.1"}]},
    "login in a host": {"members": [{**members()[0], "sshHost": f"root:{SECRET}@10.0.0.1"}]},
    "login in two hosts": {
        "members": [{**each, "sshHost": f"root:{SECRET}@bastion"} for each in members()]
    },
    "password with a slash": {
        "members": [{**members()[0], "sshHost": f"root:a/{SECRET}@10.0.0.1"}]
    },
    "token before a store": {"backup": {"to": f"{SECRET}@store.example.com/x"}},
    "login in a flag": {"etcd": {"extraArgs": {"log-outputs": f"https://u:{SECRET}@h/x"}}},
    "login in a URL": {"etcdctl": {"url": f"https://u:{SECRET}@r.example.com/x", "sha256": "0"}},
    "login in an endpoint": {
        "takeOver": {"cluster": "beef", "endpoints": [f"https://u:{SECRET}@10.0.0.1:2379"]}
    },
}


@pytest.mark.parametrize("changes", MISPLACED.values(), ids=MISPLACED)
def test_password_in_the_wrong_place_is_refused_and_not_shown(changes: dict[str, Any]) -> None:
    """It would end in a log, or be in the state, in previews and in files that all can read."""
    found = faults(**changes)
    assert found
    assert SECRET not in "\n".join(found)


@pytest.mark.parametrize(
    "value",
    ["10.0.0.1:2379", "a@b", "*-*-* 03:00:00", "mirror.example.com:5000/x", "x=1", "[fd00::1]:22"],
)
def test_what_is_no_secret_is_shown(value: str) -> None:
    """Who reads it has to see what was given."""
    assert redacted(value) == repr(value)
