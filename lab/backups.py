"""What `make backup` and `make restore` do with a stack of the lab, around `pulumi up`.

The section goes into a copy of the stack's configuration (lab.engine.sections): what is committed
stays as it is, and holds no credentials.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import dev, engine
from lab.engine import sections
from lab.errors import LabError
from lab.lab import Lab
from lab.store import Store

BUCKET = "etcd-backups"
KEPT, LATER = "/lab/kept", "/lab/later"
VALUE = "written before the backup"
OLDEST_ETCD = (3, 5, 10)


def backup_before(stack: str, lab: Lab) -> None:
    """Start the store, and point the stack's configuration to it; `pulumi up` comes next."""
    _require_up(stack, lab)
    store = lab.store()
    store.bucket(BUCKET)
    remote = {key: value for key, value in store.remote.items() if key != "secret_access_key"}
    section = {"to": f"{BUCKET}/{stack}", "remote": remote, "caFile": str(store.authority)}
    path = sections.write(stack, {**sections.added(stack), "backup": section})
    # As anybody does it: neither the file nor what Pulumi remembers of a run has it in clear.
    name = "etcd-cluster:backup.remote.secret_access_key"
    words = ("config", "set", "--secret", "--path", name, "--config-file", str(path))
    _pulumi(*words, "--stack", stack, text=store.secret_key)
    print(f"• the stack {stack} gets the section backup, in a copy of its configuration:\n  {path}")


def backup_after(stack: str, lab: Lab) -> None:
    """Have the leader make a backup, and say what there is now."""
    names = sorted(dev.outputs(stack)["members"])
    _etcdctl(lab, names[0], "put", KEPT, VALUE)
    name = leader(lab, names)
    print(f"• {name} leads: etcd-host backup", flush=True)
    done = lab.ssh(name, "etcd-host backup", timeout=600)
    print("\n".join(f"  {line}" for line in (done.stderr + done.stdout).splitlines()))
    shown = _pulumi("preview", "--stack", stack)
    store = lab.store()
    rows = [f"  {path(each)}  {each.stat().st_size} bytes" for each in backups(store, stack)]
    said = shown.partition("Diagnostics:")[2].partition("\n\n")[0]
    of_preview = re.findall(r"(?m)^ +(.*\bbackup\b.*)$", said)
    print(
        "\n".join(
            [
                f"✓ in the store, at {store.url}, bucket and prefix {BUCKET}/{stack}:",
                *rows,
                f"  as files: {store.folder / BUCKET / stack}",
                "✓ a preview says:",
                *(f"  {line}" for line in of_preview or ["nothing of backups"]),
                "",
                f"Lose a key, and restore the newest:  make restore{dev.named(stack)}",
                "What the timer did:",
                f"  {_lab('ssh', name)} -- journalctl -u etcd-host-backup",
                "Fetch the newest, and prove it anew:",
                f"  {_lab('ssh', name)} -- etcd-host backup prove",
            ]
        )
    )


def restore_before(stack: str, lab: Lab) -> None:
    """Lose something, and ask for the newest backup; `pulumi up` comes next."""
    _require_up(stack, lab)
    added = sections.added(stack)
    if "backup" not in added:
        raise LabError(
            f"The stack {stack} has no backups; run `make backup{dev.named(stack)}` first."
        )
    if "restore" in added:  # of a run that did not come to its end; the next one finishes it
        print(f"• as asked for before: restore {added['restore']['snapshot']}")
        return
    found = backups(lab.store(), stack)
    if not found:
        raise LabError(f"The store has no backup; run `make backup{dev.named(stack)}` first.")
    told = dev.outputs(stack)
    name = min(told["members"])
    _refuse_old_etcd(told["members"][name]["etcdVersion"])
    _etcdctl(lab, name, "del", KEPT)
    _etcdctl(lab, name, "put", LATER, "written after the backup")
    section = {"snapshot": path(found[-1]), "replaces": told["clusterId"]}
    sections.write(stack, {**added, "restore": section})
    print(f"• {KEPT} is deleted, and {LATER} written: this is what gets lost, and undone")
    print(f"• restore: {json.dumps(section)}", flush=True)


def restore_after(stack: str, lab: Lab) -> None:
    """Look at what came of it, and take the section out again."""
    added = sections.added(stack)
    former, snapshot = (added["restore"][key] for key in ("replaces", "snapshot"))
    sections.write(stack, {"backup": added["backup"]})
    told = dev.outputs(stack)
    name = min(told["members"])
    kept, later = (_etcdctl(lab, name, "get", "--print-value-only", key) for key in (KEPT, LATER))
    if told["clusterId"] == former or kept != VALUE or later:
        raise LabError(
            f"The restore is not what it should be: cluster {told['clusterId']} after {former}, "
            f'{KEPT} is "{kept}", {LATER} is "{later}".'
        )
    print(
        "\n".join(
            [
                f"✓ cluster {former} ended, and {told['clusterId']} began with {snapshot}",
                f'✓ {KEPT} is back: "{kept}"; {LATER} is gone',
                "",
                "The section restore is taken out again; the next `up` forgets its resources, and",
                "does nothing on the hosts.",
                f"See the new cluster's backups:  make backup{dev.named(stack)}",
                "End it all:                     make down",
            ]
        )
    )


def backups(store: Store, stack: str) -> list[Path]:
    """The files of a stack's whole backups, oldest first, whichever cluster they are of."""
    found = (store.folder / BUCKET / stack).glob("*/*/*.db.gz")
    whole = [each for each in found if each.with_suffix("").with_suffix(".json").exists()]
    return sorted(whole, key=lambda each: each.name)


def path(file: Path) -> str:
    """The object as `restore.snapshot` names it."""
    return "/".join(file.parts[-3:])


def leader(lab: Lab, names: Sequence[str]) -> str:
    """The host whose etcd leads."""
    for name in names:
        (told,) = json.loads(_etcdctl(lab, name, "endpoint", "status", "-w", "json"))
        status: dict[str, Any] = told["Status"]
        if status["leader"] == status["header"]["member_id"]:
            return name
    raise LabError(f"None of {', '.join(names)} leads; look at them with `{_lab('status')}`.")


def _etcdctl(lab: Lab, name: str, *words: str) -> str:
    """Run etcdctl on a host, against its own member; what it printed."""
    pki = "/etc/kubernetes/pki/etcd"
    files = {"cacert": "ca.crt", "cert": "healthcheck-client.crt", "key": "healthcheck-client.key"}
    options = [f"--{option}={pki}/{file}" for option, file in files.items()]
    line = shlex.join(["etcdctl", "--endpoints=https://127.0.0.1:2379", *options, *words])
    return lab.ssh(name, line).stdout.strip()


def _require_up(stack: str, lab: Lab) -> None:
    if not dev.is_up(stack, lab):
        raise LabError(
            f"The stack {stack} is not up on the lab's hosts; run `make up{dev.named(stack)}` first "
            f"(this is for the lab's own stacks: {', '.join(dev.STACKS)})."
        )


def _refuse_old_etcd(version: str) -> None:
    """Before a key is deleted for nothing: each host would refuse to restore."""
    if tuple(map(int, version.split("."))) < OLDEST_ETCD:
        oldest = ".".join(map(str, OLDEST_ETCD))
        raise LabError(
            f"A backup of etcd {version} is not restored with its own etcdutl, which cannot raise "
            f"revisions: that takes {oldest} or newer. Nothing was changed; `make restore` shows "
            f"it on the stack dev."
        )


def _pulumi(*arguments: str, text: str = "") -> str:
    """Run pulumi with this on stdin; all it said."""
    options = ("--non-interactive", "--color", "never")
    call = engine.invocation([*arguments, *options])
    done = subprocess.run(
        call.command,
        cwd=call.cwd,
        env=call.env,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"pulumi {' '.join(arguments[:2])} failed:\n{done.stdout}")
    return done.stdout


def _lab(*words: str) -> str:
    """The lab's command line, as a person types it."""
    return " ".join((".venv/bin/python -m lab", *words))
