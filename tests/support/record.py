"""What was seen to work on which system: tests write it down, and docs/support.md shows it.

`pytest --record-support …` has each module that says what it SHOWS write a row for each system, if
all of it passed: a file in docs/support/, of the hosts' own facts. `python -m tests.support.record`
puts the rows into the page.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import engine
from lab.stack import Stack

OPTION = "--record-support"
_DOCS = Path(__file__).parents[2] / "docs"
FOLDER, PAGE = _DOCS / "support", _DOCS / "support.md"
BEGIN, END = "<!-- rows: written by tests.support.record -->\n", "<!-- end of the rows -->\n"
COLUMNS = {
    "system": "System",
    "runtime": "Runtime",
    "kubernetes": "Kubernetes",
    "etcd": "etcd",
    "kernel": "Kernel",
    "cgroup": "cgroup",
    "passed": "Passed",
    "plugin": "Command plugin",
    "when": "When",
}
_FACTS = """
. /etc/os-release; echo "system: $ID ${VERSION_ID:-$VERSION_CODENAME}"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo "cgroup: v2"; else echo "cgroup: v1"; fi
echo "kernel: $(uname -r)"
if systemctl -q is-active crio
then echo "runtime: CRI-O $(crio --version | sed -n 's/^Version: *//p')"
else echo "runtime: $(containerd --version | awk '{ print $1, $3 }')"; fi
echo "kubernetes: $(kubelet --version | awk '{ print $2 }')"
if [ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ]; then echo "selinux: enforcing"; fi
"""


@contextmanager
def recorded(request: pytest.FixtureRequest, stack: Stack) -> Iterator[None]:
    """Write a row when this ends, if it was asked for and no test failed meanwhile."""
    shows = getattr(request.module, "SHOWS", None)
    if shows is None or not request.config.getoption(OPTION):
        yield
        return
    failed = request.session.testsfailed
    row = {**_facts(stack), "passed": shows, "when": time.strftime("%Y-%m-%d")}
    yield
    if request.session.testsfailed == failed:
        write(FOLDER, row)


def write(folder: Path, row: dict[str, str]) -> Path:
    """Write a row, in place of one that shows the same on the same system and runtime."""
    folder.mkdir(exist_ok=True)
    name = "-".join(row[key] for key in ("system", "cgroup", "runtime", "kubernetes", "passed"))
    path = folder / f"{re.sub('[^a-z0-9.]+', '-', name.lower())[:120]}.json"
    path.write_text(json.dumps(row, indent=2) + "\n")
    return path


def table(folder: Path = FOLDER) -> str:
    """Return all rows as a table in Markdown."""
    rows = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    lines = [f"| {' | '.join(COLUMNS.values())} |", "|---" * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(row[key] for key in COLUMNS)} |" for row in rows]
    return "\n".join(lines) + "\n"


def page() -> str:
    """Return the page with the rows as they are now."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def _facts(stack: Stack) -> dict[str, str]:
    names = [member["name"] for member in stack.config["members"]]
    seen: dict[str, list[str]] = {}
    for name in names:
        for line in stack.lab.ssh(name, _FACTS).stdout.splitlines():
            key, _, value = line.partition(": ")
            if value and value not in seen.setdefault(key, []):
                seen[key].append(value)
    facts = {key: ", ".join(values) for key, values in seen.items()}
    # Of a kernel that containers share, the release is this machine's own name for it.
    facts["kernel"] = ", ".join(dict.fromkeys(_kernel(each) for each in seen["kernel"]))
    facts["system"] += f", SELinux {facts['selinux']}" if "selinux" in facts else ""
    versions = {each["etcdVersion"] for each in stack.outputs()["members"].values()}
    official = "plugin: official" in engine.prepare().source
    plugin = "official" if official else "stand-in"
    return {**facts, "etcd": ", ".join(sorted(versions)), "plugin": plugin}


def _kernel(release: str) -> str:
    known = re.match(r"[0-9]+\.[0-9]+", release)
    return f"{known[0] if known else release}{', its own' if '+deb' in release else ', shared'}"


if __name__ == "__main__":
    PAGE.write_text(page())
