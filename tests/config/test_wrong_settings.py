"""Settings: one clear error for everything that is not taken, all at once, without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.samples import (
    assert_one_fault,
)

WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "known key in snake case": (
        {"deletion_protection": "false"},
        "deletion_protection",
        "unknown",
        "deletionProtection",
    ),
    "version with a leading zero": (
        {"kubernetesVersion": "1.035.4"},
        "kubernetesVersion",
        "1.035.4",
        "e.g. 1.35.4",
    ),
    "unknown key": ({"kubernetes": "1.35.4"}, "kubernetes", "unknown", "kubernetesVersion"),
    "unknown key, with hyphens": (
        {"drift-detection": "true"},
        "drift-detection",
        "unknown",
        "driftDetection",
    ),
    "unknown key of etcd": (
        {"etcd": {"quota": 1}},
        "etcd.quota",
        "unknown",
        "quotaBackendBytes",
    ),
    "no version": (
        {"kubernetesVersion": None},
        "kubernetesVersion",
        "required",
        "version of kubelet and kubeadm",
    ),
    "version without patch": ({"kubernetesVersion": "1.35"}, "kubernetesVersion", "1.35", "1.35.4"),
    "version too old": (
        {"kubernetesVersion": "1.20.0"},
        "kubernetesVersion",
        "1.20.0",
        "1.27 to 1.",
    ),
    "version too new": (
        {"kubernetesVersion": "1.99.0"},
        "kubernetesVersion",
        "1.99.0",
        "1.27 to 1.",
    ),
    "version of another major": (
        {"kubernetesVersion": "2.35.4"},
        "kubernetesVersion",
        "2.35.4",
        "e.g. 1.35.4",
    ),
    "version is a word": (
        {"kubernetesVersion": "latest"},
        "kubernetesVersion",
        "latest",
        "e.g. 1.35.4",
    ),
    "version empty": ({"kubernetesVersion": ""}, "kubernetesVersion", "''", "e.g. 1.35.4"),
    "etcd without a flag of kubeadm 1.36": (
        {"kubernetesVersion": "1.36.3", "etcd": {"imageTag": "3.5.35-0"}},
        "etcd.imageTag",
        "3.5.35-0",
        "expected etcd 3.6 or newer, e.g. 3.6.11-0",
    ),
    "etcd without a flag of kubeadm 1.33": (
        {"kubernetesVersion": "1.33.13", "etcd": {"imageTag": "3.7.3-0"}},
        "etcd.imageTag",
        "3.7.3-0",
        "expected etcd 3.6 or older, e.g. 3.5.31-0",
    ),
    "unknown runtime": (
        {"containerRuntime": "docker"},
        "containerRuntime",
        "docker",
        "'containerd' or 'crio'",
    ),
    "unknown cgroup driver": (
        {"cgroupDriver": "none"},
        "cgroupDriver",
        "none",
        "'systemd' or 'cgroupfs'",
    ),
    "quota too small": (
        {"etcd": {"quotaBackendBytes": 1000}},
        "etcd.quotaBackendBytes",
        "1000",
        f"an integer from {64 * 1024**2} to",
    ),
    "quota too big": (
        {"etcd": {"quotaBackendBytes": 9 * 1024**3}},
        "etcd.quotaBackendBytes",
        str(9 * 1024**3),
        f"to {8 * 1024**3}",
    ),
    "election below five heartbeats": (
        {"etcd": {"heartbeatIntervalMilliseconds": 100, "electionTimeoutMilliseconds": 499}},
        "etcd",
        "electionTimeoutMilliseconds is 499",
        "1000 and 100",
    ),
    "flag that the program owns": (
        {"etcd": {"extraArgs": {"data-dir": "/data"}}},
        "etcd.extraArgs",
        "data-dir",
        "remove it",
    ),
    "flag that gives up durability": (
        {"etcd": {"extraArgs": {"unsafe-no-fsync": "true"}}},
        "etcd.extraArgs",
        "unsafe-no-fsync",
        "acknowledged writes would be lost",
    ),
    "flag that gives up the quorum's protection": (
        {"etcd": {"extraArgs": {"strict-reconfig-check": "false"}}},
        "etcd.extraArgs",
        "strict-reconfig-check",
        "would cost the quorum",
    ),
    "flag for a file that etcd could not write": (
        {"etcd": {"extraArgs": {"log-outputs": "stderr,/var/log/etcd.log"}}},
        "etcd.extraArgs",
        "stderr,/var/log/etcd.log",
        "/var/log/pods",
    ),
    "flag with a file that is not in etcd's container": (
        {"etcd": {"extraArgs": {"client-crl-file": "/etc/kubernetes/pki/etcd/crl.pem"}}},
        "etcd.extraArgs",
        "/etc/kubernetes/pki/etcd/crl.pem",
        "e.g. /var/lib/etcd/crl.pem",
    ),
    "flag with dashes": (
        {"etcd": {"extraArgs": {"--snapshot-count": "1000"}}},
        "etcd.extraArgs",
        "--snapshot-count",
        "without leading dashes",
    ),
    "flag's value with a quote": (
        {"etcd": {"extraArgs": {"log-level": "it's"}}},
        "etcd.extraArgs.log-level",
        "it's",
        "without spaces, quotes",
    ),
    "renewal as long as the life": (
        {"certificates": {"validityDays": 30, "renewBeforeDays": 30}},
        "certificates",
        "renewBeforeDays is 30",
        "less than validityDays, 30",
    ),
    "no authority": (
        {"certificates": {"authorities": []}},
        "certificates",
        "authorities is []",
        "e.g. [1], or [1, 2]",
    ),
    "one authority twice": (
        {"certificates": {"authorities": [2, 2]}},
        "certificates",
        "authorities is [2, 2]",
        "two different ones",
    ),
    "three authorities": (
        {"certificates": {"authorities": [1, 2, 3]}},
        "certificates",
        "authorities is [1, 2, 3]",
        "one number from 1 on, or two",
    ),
    "authority before the first": (
        {"certificates": {"authorities": [-1]}},
        "certificates",
        "authorities is [-1]",
        "one number from 1 on",
    ),
    "authority that is no number": (
        {"certificates": {"authorities": ["first"]}},
        "certificates.authorities[0]",
        "first",
        "an integer",
    ),
    "leaf outlives the CA": (
        {"certificates": {"caValidityDays": 100, "validityDays": 101}},
        "certificates",
        "validityDays is 101",
        "caValidityDays, 100",
    ),
    "no life at all": (
        {"certificates": {"validityDays": 0, "renewBeforeDays": 0}},
        "certificates.validityDays",
        "0",
        "an integer from 1 to 3650",
    ),
    "boolean is a word": (
        {"deletionProtection": "perhaps"},
        "deletionProtection",
        "perhaps",
        "true or false",
    ),
    "health timeout too short": (
        {"healthTimeoutSeconds": "14"},
        "healthTimeoutSeconds",
        "14",
        "an integer from 15 to 3600",
    ),
    "health timeout too long": (
        {"healthTimeoutSeconds": "3601"},
        "healthTimeoutSeconds",
        "3601",
        "an integer from 15 to 3600",
    ),
    "health timeout with a unit": (
        {"healthTimeoutSeconds": "5m"},
        "healthTimeoutSeconds",
        "5m",
        "integer",
    ),
    "cluster name with a blank": (
        {"clusterName": "my etcd"},
        "clusterName",
        "my etcd",
        "e.g. etcd01",
    ),
    "flag's value empty": (
        {"etcd": {"extraArgs": {"log-level": ""}}},
        "etcd.extraArgs.log-level",
        "''",
        "the value is empty",
    ),
    "flag's value is a number": (
        {"etcd": {"extraArgs": {"snapshot-count": 1000}}},
        "etcd.extraArgs.snapshot-count",
        "1000",
        "in quotes",
    ),
}


@pytest.mark.parametrize(
    ("changes", "key", "given", "offered"), list(WRONG.values()), ids=list(WRONG)
)
def test_one_error_names_key_given_and_allowed_when_wrong(
    changes: dict[str, Any], key: str, given: str, offered: str
) -> None:
    """Each kind of mistake by itself."""
    assert_one_fault(changes, key, given, offered)
