"""A leader that stops or goes: another leads before, and those that serve then are asked about."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, OTHERS, SELF, on_host
from .bash import OWN_TIME
from .test_asking import LEAVE

REFUSED, LATER = 4, 5
# Whoever takes the leadership has it. With FROM_B, b and c do not reach each other, and both serve
# while a leads.
NETWORK = r"""
echo a >$STATE/leader; FROM_B=
declare -A IDS=([a]=14134380259542242322 [b]=10924301579535026 [c]=11198012085259791432)
leader() { cat $STATE/leader; }
takes() { true; }
deaf() { if [[ -n $FROM_B ]]; then case $(leader) in b) echo c ;; c) echo b ;; esac; fi; }
metric() {
  case $1 in
    etcd_server_id) echo c42767f57a4f1412 ;;
    *) if [[ $(leader) == a ]]; then echo 1; else echo 0; fi ;;
  esac
}
status() {
  local none
  none=$(deaf)
  awk -F' : ' -v leader="${IDS[$(leader)]}" -v none="${IDS[${none:-none}]-}" '
    $1 == "\"MemberID\"" { id = $2 }
    $1 == "\"Leader\"" { print $1 " : " (id "" == none "" ? 0 : leader); next }
    { print }' "$SAID/etcdctl-3.5-status.txt"
}
health() {
  local each
  for each in a:42200 b:42202 c:42204; do
    [[ ${each%:*} == "$(deaf)" ]] || echo "http://127.0.0.1:${each#*:} is healthy: x"
  done
}
other() {
  echo "$*" >>$STATE/asked
  case $* in
    "move-leader 26cf982b1142b2") takes b && echo b >$STATE/leader ;;
    "move-leader 9b6754a97470ec48") takes c && echo c >$STATE/leader ;;
    "move-leader c42767f57a4f1412") echo a >$STATE/leader ;;
  esac
}
"""
CUT = "FROM_B=cut\n"
WHILE_A_LEADS = """
eval "$(declare -f status | sed '1s/status/whole/')"
status() { [[ $(leader) != a ]] || whole; }
"""
# The disk of a hangs: it says that it leads, and b does.
HUNG = r"""
echo b >$STATE/leader
metric() { case $1 in etcd_server_id) echo c42767f57a4f1412 ;; *) echo 1 ;; esac; }
eval "$(declare -f status | sed '1s/status/whole/')"
eval "$(declare -f health | sed '1s/health/all/')"
status() {
  whole | sed "/\"MemberID\" : ${IDS[a]}/,/Endpoint/s/^\"Leader.*/\"Leader\" : ${IDS[a]}/"
}
health() { all | grep -v :42200; }
eval "$(declare -f etcd_ctl | sed '1s/etcd_ctl/answered/')"
etcd_ctl() {
  [[ "$*" != *:42200*'member remove'* ]] || { echo 'context deadline exceeded' >&2; return 1; }
  answered "$@"
}
"""
TO_B, TO_C, BACK = (f"move-leader {each}" for each in (*OTHERS.values(), SELF))
STOPS = f'spare_member "restarting it"; hand_over "restarting it" {SELF}; echo ON'


def asked(folder: Path) -> list[str]:
    """Whom the leadership was offered, and what was removed."""
    file = folder / "state/asked"
    return file.read_text().splitlines() if file.exists() else []


def done_by(
    folder: Path, script: str, stubs: str = "", **memory: str
) -> subprocess.CompletedProcess[str]:
    """On the host of a, which leads."""
    memory = {"formed": CLUSTER, "member_id": SELF} | memory
    return on_host(folder, script, f"{OWN_TIME}{NETWORK}{stubs}", **memory)


def test_leadership_is_handed_to_one_that_serves(tmp_path: Path) -> None:
    """To the first that takes it; the others had the time to miss the former leader."""
    done = done_by(tmp_path, f"{STOPS}; echo $HUNDREDTHS")
    assert (done.stdout, asked(tmp_path)) == ("ON\n200\n", [TO_B])
    flags = "running_flags() { echo --election-timeout=2600; }\n"
    done = done_by(tmp_path, f"{STOPS}; echo $HUNDREDTHS", flags)
    assert done.stdout == "ON\n600\n"


@pytest.mark.parametrize("leads", ["0", "", "half"])
def test_leadership_is_left_alone_when_another_has_it(tmp_path: Path, leads: str) -> None:
    """By its own word, or by the others'; then nobody is waited for."""
    says = f"metric() {{ echo {leads}; }}; own_id() {{ echo {SELF}; }}; echo b >$STATE/leader\n"
    done = done_by(tmp_path, f"{STOPS}; echo $HUNDREDTHS", says)
    assert (done.stdout, asked(tmp_path)) == ("ON\n0\n", [])


@pytest.mark.parametrize(
    ("script", "end"),
    [
        (STOPS, []),
        (LEAVE, [f"member remove {SELF}"]),
        (f'remove_member {SELF} "$(all_urls)" && echo GONE', [f"member remove {SELF}"]),
    ],
    ids=["it stops", "it leaves", "it is given up"],
)
def test_leadership_is_left_alone_when_its_own_word_is_an_old_one(
    tmp_path: Path, script: str, end: list[str]
) -> None:
    """Its disk hangs, and the others have elected another since: nobody could move it. It takes
    calls, and answers none, so it is not asked to remove itself.
    """
    done = done_by(tmp_path, script, HUNG)
    assert done.stdout in ("ON\n", "OUT\n", "GONE\n"), done.stderr
    assert asked(tmp_path) == end


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        ("list() { false; }", "whom the others follow could not be found out: no member list"),
        ("health() { false; }", f"the leadership of {SELF} could not be moved"),
        ("can_spare() { false; }; takes() { false; }; leader() { echo b; }", "could not be moved"),
    ],
    ids=["no list", "nobody serves", "too few by now, though another leads"],
)
def test_leader_is_not_stopped_when_whom_the_others_follow_is_not_known(
    tmp_path: Path, stub: str, said: str
) -> None:
    """It says that it leads; those that serve do not, or did not when they were asked before."""
    says = "metric() { case $1 in etcd_server_id) echo c42767f57a4f1412 ;; *) echo 1 ;; esac; }\n"
    before = f"spare_member() {{ look a; STATUS_TEXT=; {stub}; }}\n"
    done = done_by(tmp_path, STOPS, f"{WHILE_A_LEADS}{says}{before}")
    assert (done.returncode, done.stdout) == (LATER, "")
    assert said in done.stderr


def test_leadership_is_moved_when_the_others_alone_say_where_it_is(tmp_path: Path) -> None:
    """As of an etcd that was built by hand, with its metrics elsewhere."""
    says = "metric() { :; }\n"
    done = done_by(tmp_path, STOPS, says)
    assert (done.stdout, asked(tmp_path)) == ("ON\n", [TO_B])


def test_others_are_asked_when_one_does_not_take_the_leadership(tmp_path: Path) -> None:
    """The next one that serves."""
    done = done_by(tmp_path, STOPS, "takes() { [[ $1 == c ]]; }\n")
    assert (done.stdout, asked(tmp_path)) == ("ON\n", [TO_B, TO_C])


@pytest.mark.parametrize("answer", ["false", "sleep 1; return 124", "echo Leadership; return 1"])
def test_leader_is_not_stopped_when_nobody_takes_the_leadership(
    tmp_path: Path, answer: str
) -> None:
    """It is not known then whether the others could elect one of them."""
    done = done_by(tmp_path, STOPS, f"takes() {{ {answer}; }}\n")
    assert (done.returncode, done.stdout, asked(tmp_path)) == (LATER, "", [TO_B, TO_C])
    assert "could not be moved: no other member took it. Its etcd was not stopped" in done.stderr


def test_leader_is_not_stopped_when_the_others_served_through_it_alone(tmp_path: Path) -> None:
    """It leads again, and it is said who would have been cut off, and where to look."""
    done = done_by(tmp_path, STOPS, CUT)
    assert (done.returncode, done.stdout, asked(tmp_path)) == (REFUSED, "", [TO_B, BACK])
    assert f"not healthy then: c (http://127.0.0.1:42204, id {OTHERS['c']})" in done.stderr
    assert "They served only through the present leader: check that the members" in done.stderr
    assert "reach each other on port 2380. Its etcd was not stopped. Run it again" in done.stderr


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        ("list() { [[ $(leader) == a ]] && cat $SAID/*3.5-list.txt; }", "could not be found out"),
        ("metric() { [[ $1 != *_is_leader ]] || echo 1; }; leader() { echo a; }", "did not stay"),
        ("is_led_by_another() { return 127; }", "did not stay with another member"),
        (WHILE_A_LEADS, "did not stay"),
    ],
    ids=["nobody says who they are", "it leads again", "awk fails", "half an answer"],
)
def test_leader_is_not_stopped_when_it_is_not_known_how_the_others_are(
    tmp_path: Path, stub: str, said: str
) -> None:
    """They are asked for a while; then it leads again."""
    done = done_by(tmp_path, STOPS, f"{stub}\n")
    assert (done.returncode, done.stdout, asked(tmp_path)) == (LATER, "", [TO_B, BACK])
    assert said in done.stderr


def test_leader_is_stopped_when_the_others_take_a_while(tmp_path: Path) -> None:
    """As on a slow host."""
    slow = "deaf() { if ((HUNDREDTHS == 200)); then echo c; fi; }\n"
    done = done_by(tmp_path, STOPS, slow)
    assert (done.stdout, asked(tmp_path)) == ("ON\n", [TO_B])


def test_leader_stays_in_the_cluster_when_the_others_served_through_it_alone(
    tmp_path: Path,
) -> None:
    """Its removal is not asked for."""
    done = done_by(tmp_path, LEAVE, CUT)
    assert done.stdout.startswith("STAYS too few of the others serve while another member leads")
    assert asked(tmp_path) == [TO_B, BACK]
    done = done_by(tmp_path, LEAVE)
    assert (done.stdout, asked(tmp_path)[2:]) == ("OUT\n", [TO_B, f"member remove {SELF}"])


@pytest.mark.parametrize(
    ("stub", "said"),
    [(CUT, "KEPT too few of the others"), ("takes() { false; }\n", "KEPT the leadership of")],
)
def test_entry_of_a_leader_stays_when_the_others_may_serve_through_it_alone(
    tmp_path: Path, stub: str, said: str
) -> None:
    """Whoever asks for its removal, as a take-over."""
    script = f'remove_member {SELF} "$(all_urls)" && echo GONE || echo "KEPT $WHY"'
    done = done_by(tmp_path, script, stub)
    assert done.stdout.startswith(said)
    assert not [each for each in asked(tmp_path) if each.startswith("member remove")]
    (tmp_path / "state/asked").unlink()
    assert done_by(tmp_path, script).stdout == "GONE\n"
    assert asked(tmp_path) == [TO_B, f"member remove {SELF}"]


def test_last_but_one_leaves_without_a_wait(tmp_path: Path) -> None:
    """The only other one leads by then. Two that leave at once do not wait for each other."""
    two = """list() { sed '/"ID" : 111/,/IsLearner/d' $SAID/etcdctl-3.5-list.txt; }\n"""
    done = done_by(tmp_path, f"{LEAVE}; echo $HUNDREDTHS", two)
    assert (done.stdout, asked(tmp_path)) == ("OUT\n0\n", [TO_B, f"member remove {SELF}"])


def test_others_that_have_left_meanwhile_are_not_waited_for(tmp_path: Path) -> None:
    """As in a `destroy`: the only one that is left has nobody to ask."""
    left = """
    list() {
      [[ $(leader) == a ]] || touch $STATE/left
      if [[ -e $STATE/left ]]; then sed '/"ID" : 1[01]/,/IsLearner/d'; else cat; fi \\
        <"$SAID/etcdctl-3.5-list.txt"
    }
    """
    done = done_by(tmp_path, f"{LEAVE}; echo $HUNDREDTHS; {LEAVE}", left)
    assert done.stdout.splitlines()[1:] == ["200", "OUT"]


# What its etcd says, an answer each half second, the last one again and again; what is made of it.
LASTING = {
    "no leader": ("L", "no leader"),
    "nothing once": ("LLULLLLLL", "no leader"),
    "nothing in the end": ("LLU", "unknown"),
    "nothing every other time": ("LULULULULULULULULULULULULULULULULULU", "unknown"),
    "nothing at first": ("UL", "unknown"),
    "a leader after all": ("LLH", "healthy"),
    "a leader after nothing": ("LUH", "healthy"),
    "a leader": ("H", "healthy"),
}


@pytest.mark.parametrize(("answers", "word"), LASTING.values(), ids=LASTING)
def test_no_leader_is_what_it_says_without_a_break(tmp_path: Path, answers: str, word: str) -> None:
    """It opens guards. One answer that is lost, as on a busy host, neither opens nor ends it."""
    script = f"""
    : >{tmp_path}/n
    own_word() {{
      local said={answers} n
      echo x >>{tmp_path}/n; n=$(wc -l <{tmp_path}/n)
      ((n <= ${{#said}})) || n=${{#said}}
      case ${{said:n - 1:1}} in L) echo "no leader" ;; U) echo unknown ;; H) echo healthy ;; esac
    }}
    sleep() {{ command sleep 0.2; }}; leaderless_seconds() {{ echo 1; }}
    lasting_word
    """
    assert on_host(tmp_path, script).stdout == f"{word}\n"
