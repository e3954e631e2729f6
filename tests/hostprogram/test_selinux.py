"""SELinux: which labels etcd's files get, and what is said where they cannot have them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
import yaml

from .bash import run

# Its policy has no label for etcd's files until the module comes; how each file is labelled is in
# a file of ours, and restorecon makes it the policy's. A type has a second name.
HOST = r"""
WORK=$STATE/work; mkdir -p "$WORK" "$SELINUX" "$DATA/member" "$ETCD_PKI"; touch "$SELINUX/enforce"
S[member]=etcd01
ETCD_OWNER=777:997
type() { [[ $2 != "${MISSING-}" ]] || return 1; echo "/usr/sbin/$2"; }
canonical() { [[ $1 == "${UNKNOWN-}" ]] || echo "${1/svirt_sandbox/container}"; }
policy() {
  case "${LOCAL-}|$1" in
    ?*"|$DATA"*) echo "$LOCAL" ;;
    *) if [[ -e $WORK/module ]]; then label "$1"; else echo etc_t:s0; fi ;;
  esac
}
label() { if [[ $1 == "$DATA"* ]]; then echo "$DATA_LABEL"; else echo "$KEYS_LABEL"; fi; }
DATA_LABEL=container_file_t:s0 KEYS_LABEL=container_ro_file_t:s0
semodule() {
  echo "semodule $1" >>"$WORK/called"
  case $1 in -i) cp "$2" "$WORK/module" ;; -r) rm "$WORK/module" ;; esac
}
matchpathcon() { for path in "${@:2}"; do echo "system_u:object_r:$(policy "$path")"; done; }
find() {
  local file=$WORK/labels.${1##*/}
  [[ -e $file ]] || echo "unconfined_u:object_r:var_lib_t:s0 $1/db" >"$file"
  cat "$file"
}
restorecon() {
  echo "restorecon $1" >>"$WORK/called"
  [[ -z ${STUCK-} ]] || { echo "restorecon: Operation not supported"; return 1; }
  for path in "${@:2}"; do
    label=$(policy "$path" | sed s/svirt_sandbox/container/)
    echo "system_u:object_r:$label $path/db" >"$WORK/labels.${path##*/}"
  done
}
"""


def on(folder: Path, script: str, *, selinux: bool = True) -> subprocess.CompletedProcess[str]:
    """Run it on that host, or on one without SELinux."""
    off = "" if selinux else 'rm "$SELINUX/enforce"\n'
    return run(
        f"{HOST}{off}{script}",
        places={
            "readonly STATE=/var/lib/etcd-host RUN": f"readonly STATE={folder}/state RUN",
            "RUN=/run/etcd-host": f"RUN={folder}/run",
            "readonly DATA=/var/lib/etcd": f"readonly DATA={folder}/data",
            "readonly OWN=/etc/kubernetes/etcd-host": f"readonly OWN={folder}/own",
            "readonly SELINUX=/sys/fs/selinux": f"readonly SELINUX={folder}/selinux",
        },
    )


def called(folder: Path) -> list[str]:
    """What was run of SELinux's programs."""
    file = folder / "state/work/called"
    return file.read_text().splitlines() if file.exists() else []


def test_files_get_their_labels_once(tmp_path: Path) -> None:
    """By a module, so that a relabelled host has them; the second time nothing is done."""
    done = on(tmp_path, 'put_labels; put_labels; printf "%s\n" "${CHANGES[@]}"; selinux_drift')
    assert done.returncode == 0, done.stderr
    assert done.stdout == "SELinux module etcd_host\nSELinux labels of etcd's files\n"
    assert called(tmp_path) == ["semodule -i", "restorecon -RF"]


def test_module_has_a_rule_for_each_folder_and_what_is_in_it(tmp_path: Path) -> None:
    """Etcd may write to its data, and read its keys; a dot in a path is a dot."""
    folder = tmp_path / "a.b"
    folder.mkdir()
    *_, rules = on(folder, "render_selinux").stdout.partition("\n")
    path = str(folder).replace(".", "\\.")
    levels = "((s0) (s0))"
    assert rules.splitlines() == [
        f'(filecon "{path}/data" any (system_u object_r container_file_t {levels}))',
        f'(filecon "{path}/data/.*" any (system_u object_r container_file_t {levels}))',
        f'(filecon "{path}/own/pki" any (system_u object_r container_ro_file_t {levels}))',
        f'(filecon "{path}/own/pki/.*" any (system_u object_r container_ro_file_t {levels}))',
    ]


def test_nothing_is_done_without_selinux(tmp_path: Path) -> None:
    """Nor said, nor asked of the pod and of containerd."""
    script = "put_labels; label_files; selinux_drift; selinux_fault; forget_labels; render_patch"
    done = on(tmp_path, script, selinux=False)
    assert "seLinuxOptions" not in yaml.safe_load(done.stdout)["spec"]["securityContext"]
    assert called(tmp_path) == []
    told = on(
        tmp_path, "S[pause-image]=p S[cgroup-driver]=systemd; render_containerd", selinux=False
    )
    assert "enable_selinux" not in told.stdout


def test_pod_has_no_categories_and_containerd_confines_it(tmp_path: Path) -> None:
    """Each start would have others, and etcd could not read what it wrote before."""
    pod = yaml.safe_load(on(tmp_path, "render_patch").stdout)["spec"]["securityContext"]
    assert pod["seLinuxOptions"] == {"level": "s0"}
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    told = on(tmp_path, "S[pause-image]=p S[cgroup-driver]=systemd; render_containerd").stdout
    assert '\n  sandbox_image = "p"\n  enable_selinux = true\n' in told


def test_lost_module_is_named_and_put_back(tmp_path: Path) -> None:
    """Another policy may have come without it."""
    done = on(tmp_path, 'put_labels; rm "$WORK/module"; selinux_drift; put_labels; selinux_drift')
    said = done.stdout
    assert said.startswith("SELinux's policy labels ")
    assert "as system_u:object_r:etc_t:s0, and a confined etcd needs container_file_t:s0" in said
    assert called(tmp_path).count("semodule -i") == 2
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "label",
    [
        "system_u:object_r:var_lib_t:s0",
        "system_u:object_r:container_file_t:s0:c12,c345",
        "system_u:object_r:container_ro_file_t:s0",
        "unlabeled",
        "?",
    ],
)
def test_wrong_label_is_named_and_mended(tmp_path: Path, label: str) -> None:
    """Another type, or categories of a pod that was here before."""
    damage = f'echo "{label} $DATA/member/db" >"$WORK/labels.data"'
    done = on(tmp_path, f"put_labels; {damage}; selinux_drift; label_files; selinux_drift")
    assert done.stdout == f"{tmp_path}/data/member/db has the SELinux label {label}\n"
    assert called(tmp_path) == ["semodule -i", "restorecon -RF", "restorecon -RF"]


def test_labels_that_cannot_be_read_are_no_labels(tmp_path: Path) -> None:
    """Not known is not right."""
    done = on(tmp_path, "put_labels; find() { return 1; }; selinux_drift; label_files")
    assert f"the SELinux labels under {tmp_path}/data could not be read" in done.stdout
    assert done.returncode == 4


REFUSED = {
    "no semodule": ("MISSING=semodule", "not installed: semodule; install policycoreutils"),
    "no type": ("UNKNOWN=container_ro_file_t", "no type container_ro_file_t for the files"),
    "a rule of the host's own": (
        "LOCAL=admin_home_t:s0",
        "as system_u:object_r:admin_home_t:s0, and a confined etcd needs container_file_t:s0",
    ),
    "a rule with categories": ("LOCAL=container_file_t:s0:c1,c2", "c1,c2, and a confined etcd"),
    "a disk without labels": ("STUCK=yes", "restorecon does not change it (restorecon: Operation"),
    "a module that is rejected": (
        "semodule() { printf '%s\\n' 'Failed to resolve filecon statement at x:2' "
        "'Failed to resolve AST' 'semodule:  Failed!'; return 1; }",
        "SELinux rejected the rule for the labels of etcd's files: Failed to resolve filecon",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_host_where_files_cannot_be_labelled_is_refused(
    tmp_path: Path, case: tuple[str, str]
) -> None:
    """With the reason, and no step later than that."""
    given, why = case
    done = on(tmp_path, f"{given}\nput_labels; echo ON")
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("etcd-host: etcd01: ")
    assert why in done.stderr


def test_another_name_of_the_type_is_the_same(tmp_path: Path) -> None:
    """A rule from an older guide: RHEL knows container_file_t by its former name, too."""
    done = on(tmp_path, "LOCAL=svirt_sandbox_file_t:s0; put_labels; selinux_drift; echo ON")
    assert (done.stdout, done.stderr) == ("ON\n", "")


def test_module_goes_with_the_member(tmp_path: Path) -> None:
    """And only where it is ours."""
    on(tmp_path, "forget_labels")
    assert called(tmp_path) == []
    on(tmp_path, "put_labels; forget_labels; forget_labels")
    assert called(tmp_path) == ["semodule -i", "restorecon -RF", "semodule -r", "restorecon -RF"]


def test_program_of_the_system_writes_to_a_pipe_and_has_no_lock(tmp_path: Path) -> None:
    """It may not write to our files; a daemon that it leaves behind holds nothing up."""
    log = tmp_path / "log"
    script = f"""
      exec 9>{tmp_path}/lock
      ends() {{
        ls /proc/self/fd; test -p /proc/self/fd/1 && echo pipe; sleep 60 & echo said >&2; return 3
      }}
      apart {log} ends || echo "$? $SECONDS"; test -e /proc/self/fd/9 && echo kept
      exec 8>{tmp_path}/lock; flock -u 9; exec 9>&-; flock -n 8 && echo free"""
    begin = time.monotonic()
    ended, kept, free = on(tmp_path, script).stdout.splitlines()
    status, seconds = ended.split()
    assert (status, kept, free) == ("3", "kept", "free")
    assert 4 < int(seconds) < 30
    assert time.monotonic() - begin < 40
    *fds, pipe, said = log.read_text().split()
    assert (pipe, said) == ("pipe", "said")
    assert "9" not in fds
