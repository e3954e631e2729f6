"""The lab's command line: python -m lab VERB."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab import builds
from lab.errors import LabError
from lab.hosts.host import HostStatus
from lab.hosts.images.kind import Kind, image
from lab.instance import DEFAULT_HOSTS, HOSTS, INSTANCES, Instance
from lab.lab import Lab
from lab.machine import install_packages, require_root_on_linux
from lab.mirror import SETS
from lab.mirror.server import MirrorStatus
from lab.store import Store

DEFAULT_STACK = "dev"

if TYPE_CHECKING:
    _Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status: 0, or 1 with a sentence on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["pulumi"]:  # all that follows is pulumi's own
            from lab import engine  # the hosts' verbs must not wait for its imports

            return engine.run(words[1:])
        return _run(_parser().parse_args(words))
    except LabError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("✗ interrupted; `python -m lab down` removes what there is", file=sys.stderr)
        return 130


def _run(given: argparse.Namespace) -> int:
    if given.verb == "usage":
        from lab import dev

        print((dev.kubernetes_usage if given.control_plane else dev.usage)(given.stack))
        return 0
    lab = Lab()
    match given.verb:
        case "up":
            _up(lab, given)
        case "down":
            for instance in leftovers(os.environ.get("ETCD_LAB_INSTANCE")):
                Lab(instance).down(anyones=given.anyones)
        case "packages":
            install_packages()
        case "setup":
            from lab import dev

            require_root_on_linux()
            install_packages()
            if given.stack == DEFAULT_STACK:
                image(Kind.GOLDEN)  # what most tests run on
                builds.versitygw()  # and keep things in
            dev.prepare(given.stack, control_plane=given.control_plane)
            if given.every_etcd:
                dev.prepare_every_etcd()
        case "destroy":
            from lab import dev

            dev.destroy(given.stack, lab)
        case "backup" | "restore":
            from lab import backups

            getattr(backups, f"{given.verb}_{given.step}")(given.stack, lab)
        case "status":
            print(_table(lab.status()))
            if mirror := lab.mirror.status():
                print(_mirror_line(mirror))
            if (store := Store(lab.instance)).running:
                print(f"the store is at {store.url}")
        case "ssh":
            return _ssh(lab, given.name, given.command)
        case "reset":
            lab.reset(given.names)
        case "logs":
            print(lab.logs(given.name))
        case "shape":
            lab.shape(given.name, delay=given.delay, loss=given.loss)
        case verb:
            getattr(lab, verb)(given.name)
    return 0


def _up(lab: Lab, given: argparse.Namespace) -> None:
    from lab import dev, engine

    names = _chosen(given)
    kind = given.image
    dev.forget_if_gone(lab)
    if given.stack:
        dev.refuse_another(given.stack, lab)
        kind = dev.kind_for(given.stack, given.system)
    lab.up(
        names,
        image=kind,
        mirror=given.mirror,
        control_plane=given.control_plane,
        fresh=given.fresh,
        keep=given.keep,
    )
    if given.stack and engine.sections.added(given.stack):
        lab.store()  # which a reboot of this machine has ended, too
    print(_table(lab.status()))
    print(f"Next: python -m lab ssh {names[0]}; python -m lab down", file=sys.stderr)


def leftovers(named: str | None) -> list[Instance]:
    """Which labs `down` ends: the named one; else the developer's and all that tests left behind.

    A test run that was killed could not end its own.
    """
    if named:
        return [Instance.from_environment()]
    return [each for each in map(Instance, range(INSTANCES)) if not each.number or each.exists]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab",
        description="Throw-away hosts on this machine, as root on Linux.",
        epilog="ETCD_LAB_INSTANCE=1 (to 9) is another lab, with other addresses, beside this one.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    _add_up(verbs)
    down = verbs.add_parser("down", help="remove all hosts, networks and processes of the lab")
    down.add_argument("--anyones", action="store_true", help="also if another checkout uses it")
    verbs.add_parser("packages", help="install the Debian packages that the lab and its tests need")
    for verb, text in {
        "setup": "build what `up` needs: packages, hosts' images, the mirror's content, the engine",
        "usage": "say what a stack's endpoints are and how to use them",
        "destroy": "destroy a stack, even if its hosts are gone",
    }.items():
        of_stack = verbs.add_parser(verb, help=text)
        of_stack.add_argument("--stack", default=DEFAULT_STACK)
        if verb != "destroy":
            of_stack.add_argument(
                "--control-plane", action="store_true", help="for Kubernetes on that stack"
            )
        if verb == "setup":
            of_stack.add_argument(
                "--every-etcd", action="store_true", help="also what etcd is upgraded to in tests"
            )
    for verb, text in {
        "backup": "set up backups in the lab's store; run it before and after `pulumi up`",
        "restore": "restore the newest of them; run it before and after `pulumi up`",
    }.items():
        of_stack = verbs.add_parser(verb, help=text)
        of_stack.add_argument("step", choices=("before", "after"))
        of_stack.add_argument("--stack", default=DEFAULT_STACK)
    _add_verbs_of_hosts(verbs)
    verbs.add_parser("pulumi", help="run pulumi with the engine that the lab uses")
    return parser


def _add_up(verbs: _Verbs) -> None:
    up = verbs.add_parser("up", help="bring hosts up and wait until they can be used")
    chosen = up.add_mutually_exclusive_group()
    chosen.add_argument("names", nargs="*", default=[], metavar="NAME", help=", ".join(HOSTS))
    chosen.add_argument(
        "--hosts", type=int, choices=range(1, len(HOSTS)), metavar="N", help="etcd01 to etcd0N"
    )
    made_of = up.add_mutually_exclusive_group()
    made_of.add_argument(
        "--image",
        choices=list(Kind),
        help="what new hosts are made of (golden, all packages there)",
    )
    made_of.add_argument("--stack", metavar="STACK", help="make the hosts that this stack is for")
    up.add_argument(
        "--system", default="", metavar="SYSTEM", help="of the stack's hosts, e.g. debian13"
    )
    up.add_argument(
        "--mirror", choices=SETS, help="what bare hosts can install (debian: dev, el: seed)"
    )
    up.add_argument(
        "--control-plane", action="store_true", help="have its images in the mirror, too"
    )
    up.add_argument("--fresh", action="store_true", help="make them anew from the image")
    up.add_argument(
        "--keep", action="store_true", help="keep hosts that do not come up, for `logs`"
    )


def _add_verbs_of_hosts(verbs: _Verbs) -> None:
    verbs.add_parser("status", help="show the hosts and the mirror")

    ssh = verbs.add_parser("ssh", help="open a shell on a host, or run a command there")
    ssh.add_argument("name", metavar="NAME")
    ssh.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")

    for verb, text in {
        "kill": "cut a host's power (SIGKILL to all its processes)",
        "start": "power a stopped host on, with the disk it had",
        "cut": "cut a host off from the network",
        "heal": "connect a host that was cut off",
        "wipe": "lose the content of a host's /var/lib/etcd, as a replaced disk does",
        "logs": "show the end of a host's console and journal, or of what `mirror` or `store` said",
    }.items():
        verbs.add_parser(verb, help=text).add_argument("name", metavar="NAME")

    shape = verbs.add_parser("shape", help="delay or drop what a host sends (no option: stop that)")
    shape.add_argument("name", metavar="NAME")
    shape.add_argument("--delay", type=float, default=0, metavar="MS", help="milliseconds more")
    shape.add_argument("--loss", type=float, default=0, metavar="PERCENT")

    reset = verbs.add_parser("reset", help="make hosts anew from the image")
    reset.add_argument("names", nargs="+", metavar="NAME")


def _chosen(given: argparse.Namespace) -> list[str]:
    if given.names:
        return list(given.names)
    if given.hosts:
        return [f"etcd0{number}" for number in range(1, given.hosts + 1)]
    return list(DEFAULT_HOSTS)


def _ssh(lab: Lab, name: str, command: Sequence[str]) -> int:
    words = list(command[1:] if command[:1] == ["--"] else command)
    line = lab.ssh_command(name)
    # This process becomes ssh: its terminal, its signals and its exit status are the person's.
    os.execvp(line[0], [*line, *words])  # noqa: S606 - an argument list, no shell


def _table(rows: Sequence[HostStatus]) -> str:
    if not rows:
        return "no hosts; `python -m lab up` makes some"
    cells = [("NAME", "ADDRESS", "IMAGE", "STATE", "NETWORK", "PROCESSES", "MEMORY")]
    for row in rows:
        memory = "-" if row.memory is None else f"{row.memory / 2**20:.0f} MiB"
        processes = str(row.processes)
        network = "up" if row.connected else "cut"
        state = row.state.value
        cells.append((row.name, row.address, row.image, state, network, processes, memory))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join(lines)


def _mirror_line(mirror: MirrorStatus) -> str:
    parts = (f"{part} {part.port if up else 'stopped'}" for part, up in mirror.running.items())
    return f"the mirror has {mirror.which}, on {mirror.address}: {', '.join(parts)}"


if __name__ == "__main__":
    sys.exit(main())
