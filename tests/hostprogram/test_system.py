"""The operating system: swap off for good, and what drifts of it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from .bash import run

# A line with swap, and what becomes of it.
SWAP = [
    "/dev/sda2 none swap sw 0 0",
    "UUID=0f3c-11 none swap sw 0 0",
    "/swapfile\tnone\tswap\tdefaults\t0\t0",
    "/swapfile swap swap sw",
    "/dev/sda2   none   swap",
    "LABEL=swap none swap sw,pri=5 0 0 # second disk",
]
OTHERS = [
    "# /dev/sda2 none swap sw 0 0",
    "#/dev/sda2 none swap sw 0 0",
    "  # /dev/sda2 none swap sw 0 0",
    "/dev/sda1 / ext4 errors=remount-ro 0 1",
    "/dev/sdb1 /mnt/swap ext4 defaults 0 2",
    "/dev/sdc1 /srv xfs swap 0 0",
    "swap /tmp tmpfs size=1g 0 0",
    "UUID=0f3c-12 /home btrfs noatime,subvol=@home 0 0",
    "",
    "# swap was on /dev/sda2",
]


def fstab(folder: Path, text: str) -> dict[str, str]:
    """A file in place of /etc/fstab."""
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc/fstab").write_text(text)
    return {"/etc/fstab": f"{folder}/etc/fstab"}


# Nothing of this machine is asked or changed: systemd and the kernel are played.
PLAYED = """
systemctl() { echo "$*" >>"$WORK/systemctl"; case $1 in is-enabled) cat "$WORK/$2" ;; esac; }
swapoff() { echo "$*" >>"$WORK/swapoff"; }
put_file() { cmp -s "$3" "$1" && return 0; cp "$3" "$1"; changed "$1"; }
swap_units() { cat "$WORK/units" 2>/dev/null || true; }
swap_is_on() { [[ -e $WORK/on ]]; }
"""


def swap_off(folder: Path, text: str) -> tuple[str, str]:
    """Turns swap off with this fstab: what it holds then, and what was said."""
    done = run(f"WORK={folder}; {PLAYED} swap_off; report_changes", places=fstab(folder, text))
    assert done.returncode == 0, done.stderr
    return (folder / "etc/fstab").read_text(), done.stderr


@pytest.mark.parametrize("line", SWAP)
@pytest.mark.parametrize("indent", ["", "  ", "\t"])
def test_swap_in_fstab_is_commented_out_when_it_is_turned_off(
    tmp_path: Path, line: str, indent: str
) -> None:
    """Else it is on again after a boot, and the kubelet does not start."""
    others = "\n".join(OTHERS)
    now, said = swap_off(tmp_path, f"{others}\n{indent}{line}\n{others}\n")
    assert now == f"{others}\n# etcd-host: {line}\n{others}\n"
    assert said == f"etcd-host: changed: {tmp_path}/etc/fstab\n"
    assert (tmp_path / "systemctl").read_text() == "daemon-reload\n"


def test_modes_of_fstab_stay_when_it_is_a_link(tmp_path: Path) -> None:
    """The modes of a link would let everybody write it; and the link stays."""
    places = fstab(tmp_path, "/swapfile none swap sw 0 0\n")
    (tmp_path / "etc/fstab").rename(tmp_path / "own")
    (tmp_path / "own").chmod(0o644)
    (tmp_path / "etc/fstab").symlink_to(tmp_path / "own")
    own = PLAYED.replace("put_file()", "another()")
    done = run(f"WORK={tmp_path}; {own} swap_off", places=places)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc/fstab").is_symlink()
    assert (tmp_path / "own").read_text().startswith("# etcd-host: ")
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("line", SWAP)
def test_swap_in_fstab_is_commented_out_when_its_line_has_no_end(tmp_path: Path, line: str) -> None:
    """The last line of a file that an editor left so."""
    now, _ = swap_off(tmp_path, f"/dev/sda1 / ext4 defaults 0 1\n{line}")
    assert now == f"/dev/sda1 / ext4 defaults 0 1\n# etcd-host: {line}"


@pytest.mark.parametrize("text", ["\n".join([*OTHERS, ""]), ""], ids=["others", "empty"])
def test_fstab_is_left_alone_when_it_has_no_swap(tmp_path: Path, text: str) -> None:
    """Byte for byte; systemd is not asked to read it again."""
    assert swap_off(tmp_path, text) == (text, "etcd-host: unchanged\n")
    assert not (tmp_path / "systemctl").exists()


def test_second_run_says_unchanged_when_swap_is_off(tmp_path: Path) -> None:
    """What is commented out is not commented out again."""
    once, _ = swap_off(tmp_path, "".join(f"{line}\n" for line in SWAP))
    twice, said = swap_off(tmp_path, once)
    assert (twice, said) == (once, "etcd-host: unchanged\n")


def test_host_without_fstab_is_taken_when_swap_is_turned_off(tmp_path: Path) -> None:
    """A cloud image need not have one."""
    places = fstab(tmp_path, "")
    (tmp_path / "etc/fstab").unlink()
    done = run(f"WORK={tmp_path}; {PLAYED} swap_off; report_changes", places=places)
    assert (done.returncode, done.stderr) == (0, "etcd-host: unchanged\n")


@pytest.mark.parametrize(
    ("state", "called"),
    [
        ("enabled", "disable -q --now swapfile.swap"),
        ("generated", "mask -q --now swapfile.swap"),
        ("static", "mask -q --now swapfile.swap"),
        ("masked", ""),
        ("masked-runtime", ""),
        ("disabled", ""),
    ],
)
def test_swap_unit_is_off_for_good_when_systemd_has_one(
    tmp_path: Path, state: str, called: str
) -> None:
    """zram's comes from a generator at each boot: it can only be masked."""
    (tmp_path / "units").write_text("swapfile.swap\n")
    (tmp_path / "swapfile.swap").write_text(f"{state}\n")
    _, said = swap_off(tmp_path, "")
    first, *rest = (tmp_path / "systemctl").read_text().splitlines()
    assert first == "is-enabled swapfile.swap"
    assert rest == ([called] if called else [])
    assert said.endswith("swapfile.swap off\n" if called else "unchanged\n")


def test_running_swap_is_turned_off_when_nothing_names_it(tmp_path: Path) -> None:
    """Somebody ran swapon by hand."""
    (tmp_path / "on").touch()
    _, said = swap_off(tmp_path, "")
    assert (tmp_path / "swapoff").read_text() == "-a\n"
    assert said == "etcd-host: changed: swap off\n"


HEADING = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


@pytest.mark.parametrize(
    ("text", "on"),
    [(HEADING, False), (f"{HEADING}/dev/sda2 partition 1048572 0 -2\n", True)],
    ids=["heading", "a device"],
)
def test_swap_is_on_only_when_a_device_stands_below_the_heading(
    tmp_path: Path, text: str, on: bool
) -> None:
    """As the kernel lists it."""
    (tmp_path / "swaps").write_text(text)
    done = run("if swap_is_on; then echo on; fi", places={"/proc/swaps": f"{tmp_path}/swaps"})
    assert done.stdout == ("on\n" if on else "")


KEYS = (
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/ipv4/ip_forward",
)


def drift(folder: Path, **values: str) -> list[str]:
    """What is said of a system with these sysctls; those not named are 1."""
    for key in KEYS:
        path = folder / "sys" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(values.get(key.rpartition("/")[2].replace("-", "_"), "1") + "\n")
    (folder / "swaps").write_text(values.get("swaps", HEADING))
    places = fstab(folder, values.get("fstab", "")) | {
        "/proc/swaps": f"{folder}/swaps",
        "/proc/sys/$name": f"{folder}/sys/$name",
    }
    return run("system_drift", places=places).stdout.splitlines()


def test_system_did_not_drift_when_it_is_as_it_was_left(tmp_path: Path) -> None:
    """Nothing to say."""
    assert drift(tmp_path) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"swaps": f"{HEADING}/dev/zram0 partition 1 0 100\n"}, "swap on"),
        ({"fstab": SWAP[0]}, "swap in fstab"),
        ({"ip_forward": "0"}, "net.ipv4.ip_forward not 1"),
        ({"bridge_nf_call_iptables": "0"}, "net.bridge.bridge-nf-call-iptables not 1"),
    ],
    ids=lambda value: shlex.join(value) if isinstance(value, dict) else None,
)
def test_drift_names_what_is_different_when_somebody_changed_the_system(
    tmp_path: Path, values: dict[str, str], said: str
) -> None:
    """One reason for one thing."""
    assert drift(tmp_path, **values) == [said]


def test_drift_names_a_setting_when_its_module_is_gone(tmp_path: Path) -> None:
    """Without br_netfilter, the keys of the bridge are not there at all."""
    drift(tmp_path)
    for key in KEYS[:2]:
        (tmp_path / "sys" / key).unlink()
    places = fstab(tmp_path, "") | {
        "/proc/swaps": f"{tmp_path}/swaps",
        "/proc/sys/$name": f"{tmp_path}/sys/$name",
    }
    assert run("system_drift", places=places).stdout.splitlines() == [
        "net.bridge.bridge-nf-call-iptables not 1",
        "net.bridge.bridge-nf-call-ip6tables not 1",
    ]


def test_swap_unit_of_the_administrators_own_is_kept_beside_and_masked(tmp_path: Path) -> None:
    """systemd masks no unit whose file lies where the mask is to be."""
    units = tmp_path / "system"
    units.mkdir()
    (units / "swapfile.swap").write_text("[Swap]\nWhat=/swapfile\n")
    script = f"""
    WORK={tmp_path}; {PLAYED}
    swap_units() {{ echo swapfile.swap; }}; stamped_paths() {{ :; }}
    systemctl() {{
      case $1 in is-enabled) echo static ;; mask) [[ ! -e {units}/$4 ]] && echo MASKED ;; esac
    }}
    swap_off
    """
    places = {**fstab(tmp_path, ""), "UNITS=/etc/systemd/system": f"UNITS={units}"}
    done = run(script, places=places)
    assert (done.returncode, done.stdout) == (0, "MASKED\n"), done.stderr
    assert (units / "swapfile.swap.before-etcd-host").exists()


def test_swap_unit_that_stays_is_said(tmp_path: Path) -> None:
    """With its name, and what to do."""
    script = f"""
    WORK={tmp_path}; {PLAYED}
    swap_units() {{ echo zram.swap; }}
    systemctl() {{ case $1 in is-enabled) echo static ;; mask) return 1 ;; esac; }}
    swap_off
    """
    done = run(script, places=fstab(tmp_path, ""))
    assert done.returncode == 4
    assert "zram.swap could not be turned off for good: static. Turn it off by hand" in done.stderr


def test_sysctls_have_the_last_word_at_boot() -> None:
    """/etc/sysctl.conf is read as 99-sysctl.conf."""
    name = run("echo ${SYSCTL_FILE##*/}").stdout.strip()
    assert sorted([name, "99-sysctl.conf"])[-1] == name
