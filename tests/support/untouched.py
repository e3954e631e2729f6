"""What a change on a host would leave its mark on: files, units, and when processes began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lab.lab import Lab
from tests.support.hosts import NAMES

_PLACES = (
    "/usr/local/sbin /usr/local/bin /var/lib/etcd-host /etc/kubernetes /var/lib/kubelet/*.yaml "
    "/etc/systemd/system/kubelet.service.d /etc/containerd /etc/modules-load.d /etc/sysctl.d"
)
# Folders by mode and owner, files also by content and by when they were written. Then the units,
# each with the start of its main process, and every etcd by process id and start.
_LOOK = f"""
for place in {_PLACES}; do
  [ -e "$place" ] || {{ echo "absent $place"; continue; }}
  find "$place" -type d -printf 'folder %m %U:%G %p\\n' -o -printf '%y %m %U:%G %T@ %p %l\\n'
  find "$place" -type f -exec sha256sum {{}} +
done | sort
shown=ActiveState,UnitFileState,MainPID,ExecMainStartTimestampMonotonic,DropInPaths
for unit in kubelet containerd; do echo "$unit:" $(systemctl show -p $shown "$unit"); done
for process in $(pgrep -x etcd); do
  echo "etcd: $process $(cut -d' ' -f22 /proc/$process/stat)"
done
data="/var/lib/etcd /var/lib/etcd.aside"
find $data -maxdepth 2 -type d -printf 'data %i %m %U:%G %p\\n' 2>/dev/null
true
"""


def look(lab: Lab, names: Sequence[str] = NAMES) -> dict[str, list[str]]:
    """Per host, a line for each file, unit and process that a change would show in."""
    return {name: lab.ssh(name, _LOOK).stdout.splitlines() for name in names}


@contextmanager
def untouched(lab: Lab, *names: str) -> Iterator[None]:
    """Nothing changes on these hosts (on all without names) while this lasts."""
    chosen = names or NAMES
    before = look(lab, chosen)
    assert all(any(line.startswith("kubelet:") for line in lines) for lines in before.values())
    yield
    after = look(lab, chosen)
    changes = {
        name: sorted(set(before[name]) ^ set(after[name]))
        for name in chosen
        if before[name] != after[name]
    }
    assert changes == {}
