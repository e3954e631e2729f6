"""A host whose systemd is played, with its units' masks and what was done to them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .asking import STATE
from .bash import run

# systemd, as far as it is asked: masks in two places, and what it was told to do. `/usr` masks a
# unit in a place that `unmask` does not reach.
SYSTEMD = r"""
systemctl() {
  local unit=${*: -1} place=etc
  [[ $* != *--runtime* ]] || place=run
  case $1 in
    is-enabled)
      local said
      if [[ -e $OUT/etc.$unit || -e $OUT/usr.$unit ]]; then said=masked
      elif [[ -e $OUT/run.$unit ]]; then said=masked-runtime
      else said=$(cat "$OUT/state.$unit" 2>/dev/null || echo enabled); fi
      [[ $* == *-q* ]] || echo "$said"
      [[ $said == enabled || $said == static ]] ;;
    unmask) rm -f "$OUT/$place.$unit" ;;
    is-active) [[ ! -e $OUT/stopped.$unit ]] ;;
    *)
      echo "$*" >>"$OUT/done"
      [[ $(systemctl is-enabled "$unit") != masked* ]] || { echo "Unit is masked." >&2; return 1; }
      [[ $1 != enable ]] || echo enabled >"$OUT/state.$unit" ;;
  esac
}
put_file() { cmp -s "$3" "$1" && return 0; cp "$3" "$1"; echo "put ${1##*/}" >>"$OUT/done"; }
"""


def host(
    folder: Path, script: str, stdin: str = "", places: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A host with such a systemd."""
    where = {STATE: f"readonly STATE={folder}/state RUN={folder}/run", **(places or {})}
    (folder / "work").mkdir(exist_ok=True)
    return run(f"OUT={folder} WORK={folder}/work\n{SYSTEMD}\n{script}", stdin, places=where)


def done(folder: Path) -> list[str]:
    """What was done since this was last asked."""
    file = folder / "done"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


QUIET = """
file_drift() { :; }; system_drift() { :; }; selinux_drift() { :; }; foreign_dropins() { :; }
kubelet_current() { true; }
SHOW='MainPID=7 ActiveState=active UnitFileState=enabled'
eval "systemd_$(declare -f systemctl)"
systemctl() { if [[ $1 == show ]]; then printf '%s\\n' $SHOW; else systemd_systemctl "$@"; fi; }
etcd_pid() { echo 7; }
"""


def drift(folder: Path, unit: str, stubs: str = "", **places: str) -> str:
    """What is said of a prepared host with that runtime, on which all else is well."""
    (folder / "state").mkdir(exist_ok=True)
    if not (folder / "state/host.stamp").exists():
        (folder / "state/host.stamp").write_text("x\n")
    said = host(folder, f"{QUIET}{stubs}\nhost_drift {unit}", places=places)
    assert (said.returncode, said.stderr) == (0, "")
    return said.stdout


CONFIGURE = """
S[pause-image]=pause:3; S[runtime-unit]=containerd; render_containerd() { echo "$SETTINGS"; }
spare_member() { echo "asked" >>"$OUT/done"; }
SETTINGS=ours
"""
CONFIG = "/etc/containerd/config.toml"


def configured(folder: Path, stubs: str = "", *, guard: bool = False, ends: int = 0) -> list[str]:
    """What `configure_runtime` does on this host; with what it asks the guard, if wanted."""
    places = {CONFIG: f"{folder}/config.toml"}
    said = host(folder, f"{CONFIGURE}{stubs}\nconfigure_runtime", places=places)
    assert said.returncode == ends, said.stderr
    return [each for each in done(folder) if guard or each != "asked"]
