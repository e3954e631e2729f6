"""Flags of etcd that came or went with one of its minors. Pure.

Source: the programs 3.5.35, 3.6.16 and 3.7.3, each asked for every name that any of them has.
"""

from __future__ import annotations

from .versions import Etcd

_GONE_WITH: dict[tuple[int, int], str] = {
    (3, 6): """
        enable-v2 experimental-enable-v2v3 proxy proxy-dial-timeout proxy-failure-wait
        proxy-read-timeout proxy-refresh-interval proxy-write-timeout
        """,
    (3, 7): """
        discovery discovery-proxy experimental-bootstrap-defrag-threshold-megabytes
        experimental-compact-hash-check-enabled experimental-compact-hash-check-time
        experimental-compaction-batch-limit experimental-compaction-sleep-interval
        experimental-corrupt-check-time experimental-distributed-tracing-address
        experimental-distributed-tracing-instance-id experimental-distributed-tracing-sampling-rate
        experimental-distributed-tracing-service-name experimental-downgrade-check-time
        experimental-enable-distributed-tracing experimental-enable-lease-checkpoint
        experimental-enable-lease-checkpoint-persist experimental-initial-corrupt-check
        experimental-memory-mlock experimental-peer-skip-client-san-verification
        experimental-snapshot-catchup-entries experimental-stop-grpc-service-on-defrag
        experimental-txn-mode-write-with-shared-buffer experimental-warning-apply-duration
        experimental-warning-unary-request-duration experimental-watch-progress-notify-interval
        """,
}
_NEW_WITH: dict[tuple[int, int], str] = {
    (3, 6): """
        bootstrap-defrag-threshold-megabytes compact-hash-check-time compaction-batch-limit
        compaction-sleep-interval corrupt-check-time discovery-cacert discovery-cert
        discovery-dial-timeout discovery-endpoints discovery-insecure-skip-tls-verify
        discovery-insecure-transport discovery-keepalive-time discovery-keepalive-timeout
        discovery-key discovery-password discovery-request-timeout discovery-token discovery-user
        distributed-tracing-address distributed-tracing-instance-id
        distributed-tracing-sampling-rate distributed-tracing-service-name downgrade-check-time
        enable-distributed-tracing experimental-warning-unary-request-duration feature-gates
        log-format max-learners memory-mlock peer-skip-client-san-verification
        snapshot-catchup-entries warning-apply-duration warning-unary-request-duration
        watch-progress-notify-interval
        """,
}


def flag_fault(flag: str, etcd: Etcd) -> str:
    """Why this version of etcd would not start with this flag, or an empty string.

    Empty as well for a name that no table has: a patch may have brought it.
    """
    version = ".".join(map(str, etcd))
    for minor, names in _GONE_WITH.items():
        if flag in names.split() and etcd[:2] >= minor:
            told = f"removed in {minor[0]}.{minor[1]}"
            instead = flag.removeprefix("experimental-")
            known = f"; its name is {instead!r} now" if _since(instead, etcd) else ""
            return f"{flag!r} is unknown to etcd {version}: {told}{known}"
    for minor, names in _NEW_WITH.items():
        if flag in names.split() and etcd[:2] < minor:
            return f"{flag!r} is unknown to etcd {version}: it came with {minor[0]}.{minor[1]}"
    return ""


def _since(flag: str, etcd: Etcd) -> bool:
    return any(flag in names.split() and etcd[:2] >= minor for minor, names in _NEW_WITH.items())
