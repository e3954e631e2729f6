"""What of a member no longer is as it was left: each reason, and nothing where all is well."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcd_cluster import wellknown

from .bash import run

# A member as it was left.
WELL = """
mkdir -p "$STATE"; touch "$STATE/member.stamp" "$MANIFEST"
has_data() { true; }; etcd_pid() { echo 7; }; selinux_on() { false; }
manifest_flags() { echo --name=etcd01; }; running_flags() { echo --name=etcd01; }
file_drift() { :; }; user_drift() { :; }; foreign_manifests() { :; }
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("", ""),
        ("etcd_pid() { :; }", "etcd not running"),
        ("running_flags() { echo --name=etcd02; }", "etcd runs with other flags"),
        ("running_flags() { :; }", "etcd runs with other flags"),
        ("has_data() { false; }", "data missing"),
        ('rm "$STATE/member.stamp"', "what this host remembered of its member is lost"),
        ('rm "$STATE/member.stamp" "$MANIFEST"', "no member here"),
        ("file_drift() { echo etcd.yaml edited; }", "etcd.yaml edited"),
        (
            "foreign_manifests() { echo web.yaml; }",
            "web.yaml in the manifests folder, which the kubelet runs",
        ),
        ("recall() { [[ $1 != adopted ]] || echo yes; }", "adopted"),
    ],
)
def test_reason_is_named_when_the_member_is_not_as_it_was_left(
    tmp_path: Path, change: str, said: str
) -> None:
    """One line each; the preview shows it."""
    places = {
        "readonly STATE=/var/lib/etcd-host RUN": f"readonly STATE={tmp_path}/state RUN",
        "readonly MANIFEST=$MANIFESTS": f"readonly MANIFEST={tmp_path}",
    }
    done = run(f"{WELL}{change}\nmember_drift", places=places)
    assert (done.stdout, done.stderr) == (f"{said}\n" if said else "", "")


def test_ports_are_those_that_the_program_and_pulumi_agree_on() -> None:
    """Written twice, because neither language reads the other."""
    ports = wellknown.CLIENT_PORT, wellknown.PEER_PORT, wellknown.METRICS_PORT
    assert run('echo "${PORTS[*]}"; echo "$PEER_PORT ${OWN_URL##*:}"').stdout == (
        f"{' '.join(map(str, ports))}\n{wellknown.PEER_PORT} {wellknown.CLIENT_PORT}\n"
    )
