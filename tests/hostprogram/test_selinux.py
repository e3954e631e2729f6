"""SELinux: which labels etcd's files get, and what is said where they cannot have them."""

from __future__ import annotations

import subprocess
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
type() { [[ $2 != "${MISSING-}" ]] || return 1; echo "$2"; }
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
matchpathcon() {
  for path in "${@:2}"; do
    if [[ $1 == -n ]]; then policy "$path" | sed "s/:s0/${NAMED-:s0}/"; else policy "$path"; fi
  done | sed s/^/system_u:object_r:/
}
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
    sed -i "s/:s0/${NAMED-:s0}/" "$WORK/labels.${path##*/}"
  done
}
"""


def on(
    folder: Path, script: str, *, selinux: bool = True, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it on that host, or on one without SELinux."""
    off = "" if selinux else 'rm "$SELINUX/enforce"\n'
    return run(
        f"{HOST}{off}{script}",
        stdin,
        places={
            "readonly STATE=/var/lib/etcd-host RUN": f"readonly STATE={folder}/state RUN",
            "RUN=/run/etcd-host": f"RUN={folder}/run",
            "readonly DATA=/var/lib/etcd": f"readonly DATA={folder}/data",
            "readonly OWN=/etc/kubernetes/etcd-host": f"readonly OWN={folder}/own",
            "readonly MANIFEST=$MANIFESTS": f"readonly MANIFEST={folder}",
            "readonly SELINUX=/sys/fs/selinux": f"readonly SELINUX={folder}/selinux",
        },
    )


def called(folder: Path) -> list[str]:
    """What was run of SELinux's programs."""
    file = folder / "state" / "work" / "called"
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
    assert "enable_selinux = true" not in told.stdout
    assert "sandbox_image" in told.stdout


def test_pod_has_no_categories_and_containerd_confines_it(tmp_path: Path) -> None:
    """Each start would have others, and etcd could not read what it wrote before."""
    pod = yaml.safe_load(on(tmp_path, "render_patch").stdout)["spec"]["securityContext"]
    assert pod["seLinuxOptions"] == {"level": "s0"}
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    settings = "S[pause-image]=p S[cgroup-driver]=systemd"
    told = on(tmp_path, f"{settings} S[kubernetes-version]=v1; render_containerd").stdout
    assert '\n  sandbox_image = "p"\n  enable_selinux = true\n' in told
    # A host that is prepared for a control plane: nothing labels what its pods mount.
    assert "enable_selinux" not in on(tmp_path, f"{settings}; render_containerd").stdout


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
        "files could not be installed: Failed to resolve filecon statement at x:2. Etcd was left",
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


@pytest.mark.parametrize("named", [":SystemLow", ""])
def test_levels_may_have_names(tmp_path: Path, named: str) -> None:
    """Where mcstransd runs, s0 is said to be something else, or nothing."""
    script = f"NAMED='{named}'; put_labels; selinux_drift; put_labels; echo ON"
    assert on(tmp_path, script).stdout == "ON\n"
    assert called(tmp_path) == ["semodule -i", "restorecon -RF"]


def test_busy_store_of_modules_is_no_refusal(tmp_path: Path) -> None:
    """Another semodule is at work: the same run succeeds later."""
    said = "libsemanage.semanage_get_lock: Could not get direct transaction lock at its store"
    done = on(tmp_path, f"semodule() {{ echo '{said}'; return 1; }}; put_labels")
    assert done.returncode == 5
    assert "transaction lock" in done.stderr


def test_labels_come_before_the_runtime_confines(tmp_path: Path) -> None:
    """What stops a run in between must not leave an etcd that cannot start again."""
    keys = ("cluster", "member", "kubernetes-version", "runtime-unit", "runtime-socket")
    state = "".join(f"{key}: x\n" for key in (*keys, "cgroup-driver", "cgroup-v1"))
    stubs = "unset S; declare -A S; need_program() { :; }; prepare_system() { echo system; exit; };"
    done = on(
        tmp_path, f"{stubs} put_labels() {{ echo labels; }}; verb_prepare_kubelet", stdin=state
    )
    assert done.stdout == "labels\nsystem\n", done.stderr


@pytest.mark.parametrize("selinux", [True, False])
def test_pod_without_the_level_is_drift_where_selinux_is_on(tmp_path: Path, selinux: bool) -> None:
    """It was made while SELinux was off: after its second restart it could not read its data."""
    stubs = """
      touch $STATE/member.stamp; has_data() { :; }; file_drift() { :; }; user_drift() { :; }
      etcd_pid() { echo 7; }; foreign_manifests() { :; }; running_flags() { :; }
      manifest_flags() { :; }
      printf 'spec:\\n  securityContext:\\n' >$MANIFEST; member_drift
      printf '    seLinuxOptions:\\n      level: s0\\n' >>$MANIFEST; member_drift"""
    done = on(tmp_path, stubs, selinux=selinux)
    assert done.stdout == ("etcd's pod has no SELinux level\n" if selinux else ""), done.stderr


def test_keys_that_are_renewed_have_their_labels_at_once(tmp_path: Path) -> None:
    """Etcd reads them at its next handshake, whatever became of the module."""
    stubs = "put_folder() { :; }; put_file() { :; };"
    on(tmp_path, f"{stubs} give_keys 777:997")
    assert called(tmp_path) == []
    on(tmp_path, f'{stubs} put_labels; rm "$WORK/module"; give_keys 777:997')
    assert called(tmp_path).count("semodule -i") == 2


def test_linked_folder_has_its_rule_by_both_names(tmp_path: Path) -> None:
    """Also while its disk is not mounted; never a rule for all files."""
    link = 'rm -rf "$DATA"; ln -s {} "$DATA"; render_selinux | grep container_file_t'
    real = tmp_path / "disk/etcd"
    paths = [f"{tmp_path}/data", f"{tmp_path}/data/.*", f"{real}", f"{real}/.*"]
    lines = on(tmp_path, link.format(real)).stdout.splitlines()
    assert [line.split('"')[1] for line in lines] == paths
    (other := tmp_path / "other").mkdir()
    lines = on(other, link.format("/")).stdout.splitlines()
    assert [line.split('"')[1] for line in lines] == [f"{other}/data", f"{other}/data/.*"]


def test_module_goes_with_the_member(tmp_path: Path) -> None:
    """And only where it is ours."""
    on(tmp_path, "forget_labels")
    assert called(tmp_path) == []
    on(tmp_path, "put_labels; forget_labels; forget_labels")
    assert called(tmp_path) == ["semodule -i", "restorecon -RF", "semodule -r", "restorecon -RF"]


def test_module_of_a_run_that_was_refused_goes_too(tmp_path: Path) -> None:
    """It is there, although the run ended before it was used."""
    on(tmp_path, "LOCAL=admin_home_t:s0; put_labels")
    on(tmp_path, "forget_labels")
    assert called(tmp_path)[:2] == ["semodule -i", "semodule -r"]


def test_module_that_stays_is_told_of(tmp_path: Path) -> None:
    """With the command that removes it; the member's end does not wait for it."""
    fails = "semodule() { [[ $1 == -l ]] && echo etcd_host || { echo why; return 1; }; }"
    hurry = """
      eval "as_ever_$(declare -f wait_until)"
      wait_until() {
        if [[ $2 == module_gone ]]; then module_gone; else as_ever_wait_until "$@"; fi
      }"""
    done = on(tmp_path, f"put_labels\n{fails}{hurry}\nforget_labels; echo ON")
    assert done.stdout == "ON\n"
    assert "semodule -r etcd_host" in done.stderr
