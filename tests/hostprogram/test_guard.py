"""A guard that does not know refuses: every question, and every way in which it is not answered."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .asking import CLUSTER, OTHERS, SELF, STATE, on_host
from .bash import run
from .quorums import rows

REFUSED, LATER = 4, 5
SPARE = 'spare_member "restarting it"; echo OPEN'
CUT = {
    name: f'{name}() {{ head -n 4 "$SAID/etcdctl-3.5-{name}.txt"; }}' for name in ("list", "status")
}
ANOTHER = "s/12900370036820246104/5/"


def test_guard_opens_when_the_others_hold_the_quorum(tmp_path: Path) -> None:
    """The case that all others differ from. What the quorum said of addresses is remembered."""
    done = on_host(tmp_path, SPARE, formed=CLUSTER)
    assert (done.returncode, done.stdout, done.stderr) == (0, "OPEN\n", "")
    remembered = (tmp_path / "state/endpoints").read_text().strip().split(",")
    assert sorted(remembered) == [f"http://127.0.0.1:{port}" for port in (42200, 42202, 42204)]


UNKNOWN = {
    "no address accepts a connection": "answering() { :; }",
    "the list fails": "list() { false; }",
    "the list fails with a text": "list() { cat $SAID/etcdctl-3.5-list.txt; return 1; }",
    "the list hangs": "list() { sleep 2; return 124; }",
    "the list is cut": CUT["list"],
    "the list is empty": "list() { :; }",
    "the list is of another cluster": f"list() {{ sed {ANOTHER} $SAID/etcdctl-3.5-list.txt; }}",
    "the list is of somebody not on it": (
        'list() { sed "/MemberID/s/ : .*/ : 9/" $SAID/etcdctl-3.5-list.txt; }'
    ),
    "the members' own addresses do not answer": (
        "answering() { if [[ $1 == *42201* || -z $MEMBERS ]]; then echo $1; fi; }"
    ),
}


@pytest.mark.parametrize("stub", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_guard_stays_shut_when_nobody_says_who_the_members_are(tmp_path: Path, stub: str) -> None:
    """It comes back later, and says that nothing was changed."""
    done = on_host(tmp_path, SPARE, stub, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "the quorum without it, and whether they do could not be found out" in done.stderr
    assert "Nothing was changed" in done.stderr


TOO_FEW = {
    "health fails": "health() { false; }",
    "health hangs": "health() { sleep 2; return 124; }",
    "health is cut": (
        "health() { echo 'http://127.0.0.1:42202 is healthy: x'; echo 'http://127.0.0.1:422'; }"
    ),
    "health is empty": "health() { :; }",
    "health is of other addresses": "health() { echo 'http://10.0.0.9:2379 is healthy: x'; }",
    "status fails": "status() { false; }",
    "status hangs": "status() { sleep 2; return 124; }",
    "status is cut": CUT["status"],
    "status is empty": "status() { :; }",
    "status is of another cluster": f"status() {{ sed {ANOTHER} $SAID/etcdctl-3.5-status.txt; }}",
    "another is stopped": "status() { cat $SAID/etcdctl-3.5-status-down.txt; }",
    "no leader": "status() { sed '/Leader/s/ : .*/ : 0/' $SAID/etcdctl-3.5-status.txt; }",
}


@pytest.mark.parametrize("stub", TOO_FEW.values(), ids=TOO_FEW.keys())
def test_guard_stays_shut_when_too_few_others_are_known_to_serve(tmp_path: Path, stub: str) -> None:
    """Who did not answer does not serve; it is said who that is."""
    done = on_host(tmp_path, SPARE, stub, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "would leave too few members for a quorum" in done.stderr
    assert OTHERS["c"] in done.stderr
    assert "Nothing was changed" in done.stderr
    assert "lost: true, and run `pulumi up` without this change" in done.stderr


def test_guard_stays_shut_when_this_member_is_not_on_the_list(tmp_path: Path) -> None:
    """Then it is not known whom its absence would cost what."""
    stub = """http_get() { case $1 in /health*) echo '{"health":"true"}';; *) :;; esac; }"""
    done = on_host(tmp_path, SPARE, stub, formed=CLUSTER, member_id="beef")
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "no member with this member's id beef" in done.stderr


@pytest.mark.parametrize(("voters", "learners"), [(2, 0), (2, 1), (1, 0), (1, 1)])
def test_guard_says_that_a_third_member_is_missing_when_two_can_spare_none(
    tmp_path: Path, voters: int, learners: int
) -> None:
    """Nobody is to be brought back, and nobody is dead."""
    serve = "\n".join(f"a{number}" for number in range(1, voters + 1))
    members = rows(voters, learners)
    stub = f"own_id() {{ echo a1; }}; look() {{ MEMBERS='{members}' SERVING='{serve}' WHY=; }}"
    done = on_host(tmp_path, SPARE, stub, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert f"the cluster has {voters}, and with fewer than three none can be spared" in done.stderr
    assert "Nothing was changed. Add members until there are three" in done.stderr
    assert "Bring them back" not in done.stderr


OWN = {
    "fails": "http_get() { false; }",
    "hangs": "http_get() { sleep 2; false; }",
    "answers half": """http_get() { echo '{"health":"tr'; }""",
    "answers empty": "http_get() { :; }",
}


@pytest.mark.parametrize("stub", OWN.values(), ids=OWN.keys())
def test_guard_stays_shut_when_its_own_etcd_says_nothing_and_no_id_is_remembered(
    tmp_path: Path, stub: str
) -> None:
    """Silence is not the absence of a quorum."""
    done = on_host(tmp_path, SPARE, stub, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "its own member id is not known" in done.stderr


@pytest.mark.parametrize("stub", OWN.values(), ids=OWN.keys())
def test_guard_asks_the_others_when_its_own_etcd_says_nothing(tmp_path: Path, stub: str) -> None:
    """By the id that it remembers: open while they hold the quorum, shut while they do not."""
    memory = {"formed": CLUSTER, "member_id": SELF}
    assert on_host(tmp_path, SPARE, stub, **memory).stdout == "OPEN\n"
    done = on_host(tmp_path, SPARE, f"{stub}\n{CUT['status']}", **memory)
    assert (done.returncode, done.stdout) == (REFUSED, "")


NO_LEADER = """http_get() { echo '{"health":"false","reason":"RAFT NO LEADER"}'; }"""


def test_guard_opens_when_its_own_etcd_keeps_saying_that_there_is_no_quorum(tmp_path: Path) -> None:
    """There is none to lose, and nobody else is asked."""
    done = on_host(tmp_path, SPARE, f"{NO_LEADER}; etcd_ctl() {{ echo ASKED; }}", formed=CLUSTER)
    assert (done.returncode, done.stdout) == (0, "OPEN\n")
    assert "no leader for 1 s" in done.stderr


def test_guard_waits_for_longer_where_elections_take_longer(tmp_path: Path) -> None:
    """Five of the timeouts that the running etcd was started with."""
    flags = "running_flags() { printf '%s\\n' --election-timeout=500 --name=a; }; "
    told = {timeout: flags.replace("500", timeout) for timeout in ("500", "1000", "12500", "x", "")}
    seconds = {
        timeout: on_host(tmp_path, "leaderless_seconds", stub).stdout.strip()
        for timeout, stub in told.items()
    }
    assert seconds == {"500": "2", "1000": "5", "12500": "62", "x": "1", "": "1"}
    begin = time.monotonic()
    done = on_host(tmp_path, SPARE, f"{NO_LEADER}; {flags}", formed=CLUSTER)
    assert "no leader for 2 s" in done.stderr
    assert time.monotonic() - begin >= 1


def test_guard_stays_shut_when_there_is_no_leader_for_a_moment(tmp_path: Path) -> None:
    """An election is no lost quorum."""
    once = (
        "http_get() { [[ $1 == /health* ]] || return 0; "
        'if [[ -e $STATE/once ]]; then echo \'{"health":"tr\'; else : >$STATE/once; '
        'echo \'{"health":"false","reason":"RAFT NO LEADER"}\'; fi; }'
    )
    done = on_host(tmp_path, SPARE, f"{once}\n{CUT['list']}", formed=CLUSTER, member_id=SELF)
    assert (done.returncode, done.stdout) == (LATER, "")


def test_member_that_takes_no_part_needs_no_guard(tmp_path: Path) -> None:
    """It is missed by nobody; nobody is asked."""
    stub = "serves_peers() { false; }; etcd_ctl() { echo ASKED; }; http_get() { echo ASKED; }"
    assert on_host(tmp_path, SPARE, stub).stdout == "OPEN\n"


STOP = """
need_room_as_user() { :; }; has_data() { false; }; give_keys() { :; }; own_data() { :; }
need_address() { :; }; render_manifest() { :; }; as_rendered() { false; }; update_peer_url() { :; }
set_aside_foreign_manifests() { :; }; put_file() { echo "WROTE $1"; }; ensure_kubelet() { :; }
apply_manifest guarded
"""


@pytest.mark.parametrize("stub", [*UNKNOWN.values(), *TOO_FEW.values()], ids=[*UNKNOWN, *TOO_FEW])
def test_member_is_not_stopped_and_nothing_written_when_the_guard_is_shut(
    tmp_path: Path, stub: str
) -> None:
    """Where the guard opens, both are done."""
    done = on_host(tmp_path, STOP, stub, formed=CLUSTER)
    assert done.returncode in (REFUSED, LATER)
    assert done.stdout == ""


def test_member_is_stopped_when_the_guard_opens(tmp_path: Path) -> None:
    """The case that those above differ from."""
    script = STOP.replace("apply_manifest", "dropin_digest() { :; }; apply_manifest")
    assert "STOPPED\nWROTE " in on_host(tmp_path, script, formed=CLUSTER).stdout


def test_members_that_were_down_together_ask_one_after_the_other(tmp_path: Path) -> None:
    """By their places in the list; each once more after that, for the one before may be down."""
    (tmp_path / "run").mkdir()
    note = tmp_path / "run/unwell"
    slept = "sleep() { echo SLEPT $1; }\n"
    note.touch()
    done = on_host(tmp_path, SPARE, slept, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (0, "SLEPT 10\nOPEN\n")  # the third of three
    done = on_host(tmp_path, SPARE, slept, formed=CLUSTER)
    assert done.stdout == "SLEPT 10\nOPEN\n"  # as long as it has not converged
    goes = "sleep() { health() { :; }; command sleep 0.5; }\n"
    done = on_host(tmp_path, SPARE, goes, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "would leave too few members for a quorum" in done.stderr


def test_member_that_has_converged_does_not_wait_any_more(tmp_path: Path) -> None:
    """Its turn is over."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/unwell").touch()
    done = on_host(tmp_path, f"stamp() {{ :; }}; stamp_member; {SPARE}", "sleep() { echo SLEPT; }")
    assert "OPEN" in done.stdout
    assert "SLEPT" not in done.stdout


def test_others_that_come_and_go_are_not_waited_for_without_an_end(tmp_path: Path) -> None:
    """As one whose etcd crashes again and again."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/unwell").touch()
    goes = "look() { MEMBERS=x; WHY=; }; can_spare() { ((N++ % 2 == 0)); }; sleep() { :; }\n"
    told = "refuse_to_spare() { echo REFUSED; exit 4; }\n"
    done = on_host(tmp_path, f"N=0; {SPARE}", goes + told, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "REFUSED\n")


# Of three members, each of which is down for three seconds when it may. Each takes what it sees of
# the others from files, and is in the list at the place of its name.
THREE = r"""
S[member]=etcd0$PLACE; mkdir -p "$WORK"
serves_peers() { true; }; own_word() { echo healthy; }; remember_endpoints() { :; }
own_id() { echo "a$PLACE"; }; all_urls() { :; }
sleep() { if [[ $1 == 0.5 ]]; then command sleep 0.1; else command sleep "$1"; fi; }
look() {
  local n
  MEMBERS='' SERVING=''
  for n in 1 2 3; do
    MEMBERS+="a$n started etcd0$n https://10.0.0.$n:2380 https://10.0.0.$n:2379 false"$'
'
    [[ -e $UP/$n ]] || continue
    SERVING+="a$n"$'
'
  done
}
for step in 1 2; do spare_member "installing packages"; done
mv "$UP/$PLACE" "$UP/down-$PLACE"
ls "$UP"
command sleep 3
mv "$UP/down-$PLACE" "$UP/$PLACE"
"""


def test_members_that_were_down_together_restart_one_after_the_other(tmp_path: Path) -> None:
    """However long each takes, and whatever is asked about before."""
    up = tmp_path / "up"
    up.mkdir()
    for place in "123":
        (up / place).touch()

    def change(place: str) -> str:
        folder = tmp_path / f"host{place}"
        (folder / "run").mkdir(parents=True)
        (folder / "run/unwell").touch()
        places = {
            STATE: f"readonly STATE={folder}/state RUN={folder}/run",
            "readonly TURN_SECONDS=5": "readonly TURN_SECONDS=1",
        }
        done = run(f"PLACE={place} UP={up} WORK={folder}/work\n{THREE}", places=places)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with ThreadPoolExecutor(3) as together:
        seen = list(together.map(change, "123"))
    assert [each.count("down") for each in seen] == [1, 1, 1]


def test_no_quorum_is_believed_of_a_clock_that_jumps(tmp_path: Path) -> None:
    """Of as many answers as seconds, whatever passed in between."""
    stub = f"{NO_LEADER}; passed() {{ true; }}; leaderless_seconds() {{ echo 4; }}\n"
    counted = 'own_word() { echo x >>$STATE/asked; echo "no leader"; }; sleep() { :; }\n'
    assert on_host(tmp_path, "lasting_word", stub + counted).stdout == "no leader\n"
    assert (tmp_path / "state/asked").read_text().count("x") == 4
