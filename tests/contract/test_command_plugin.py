"""The rules that the program relies on, case by case, against whichever plugin is there."""

import sys
from pathlib import Path

import pytest

from .harness import LOCAL, Plugin, dict_of, inputs, is_secret, refusal, secret, wait_for
from .sshd import Sshd, free_port


class TestRules:
    """Which command runs when, and what of it is kept."""

    def test_create_runs_and_its_output_is_kept(self, plugin: Plugin, sshd: Sshd) -> None:
        """One closing newline goes, the rest of the output stays as it was written."""
        state = plugin.create(inputs(sshd, create="printf ' a\\n\\n'; printf 'b\\n' >&2"))
        assert state["stdout"] == " a\n"
        assert state["stderr"] == "b"

    def test_nothing_runs_when_there_is_no_create(self, plugin: Plugin) -> None:
        """A resource that only deletes needs no reachable host at first."""
        nowhere = {"host": "127.0.0.1", "port": free_port(), "dialErrorLimit": 0}
        state = plugin.create({"connection": nowhere, "delete": "true"})
        assert state["stdout"] == state["stderr"] == ""

    def test_update_runs_when_there_is_one(self, plugin: Plugin, sshd: Sshd) -> None:
        """`create` bootstraps, `update` only changes: the second must not run the first."""
        both = inputs(sshd, create="echo bootstrapped", update="echo joined")
        assert plugin.update(plugin.create(both), both)["stdout"] == "joined"

    def test_create_runs_again_when_there_is_no_update(self, plugin: Plugin, sshd: Sshd) -> None:
        """Changed inputs without an `update` repeat `create`."""
        state = plugin.create(inputs(sshd, create="echo one"))
        assert plugin.update(state, inputs(sshd, create="echo two"))["stdout"] == "two"

    def test_delete_runs_what_the_state_says(
        self, plugin: Plugin, sshd: Sshd, tmp_path: Path
    ) -> None:
        """The state's command runs, over the state's connection."""
        marker = tmp_path / "left"
        state = plugin.create(inputs(sshd, create="true", delete=f"touch {marker}"))
        assert not marker.exists()
        plugin.delete(state)
        assert marker.exists()

    def test_delete_without_a_command_needs_no_host(self, plugin: Plugin) -> None:
        """A dead host does not block the removal of a resource that leaves nothing to undo."""
        nowhere = {"host": "127.0.0.1", "port": free_port()}
        plugin.delete({"connection": secret(nowhere), "stdout": "", "stderr": ""})

    def test_id_begins_with_the_name(self, plugin: Plugin, sshd: Sshd) -> None:
        """Two resources never share an id, and a person can tell which is which."""
        ids = [plugin.starting_create(inputs(sshd), name="n1").result().id for _ in range(2)]
        assert ids[0] != ids[1]
        assert all(len(each) == len("n1") + 8 and each.startswith("n1") for each in ids)

    def test_refresh_changes_nothing(self, plugin: Plugin, sshd: Sshd) -> None:
        """There is no reading back: a refresh returns the state as it is."""
        given = inputs(sshd, create="echo a")
        state = plugin.create(given)
        reply = plugin.read(state, plugin.checked(given))
        assert reply.id == "id"
        assert dict_of(reply.properties) == state


class TestStdin:
    """Desired state and keys travel on standard input."""

    def test_large_stdin_arrives_byte_for_byte(self, plugin: Plugin, sshd: Sshd) -> None:
        """200 KB without a closing newline arrive as they are."""
        text = ("ä \t" + "x" * 97 + "\r\n") * 2000 + "end"
        state = plugin.create(inputs(sshd, create="wc -c; ", stdin=text))
        assert int(state["stdout"]) == len(text.encode())
        state = plugin.create(inputs(sshd, create="cat", stdin=text, logging="none"))
        assert state["stdout"] == text

    def test_stdin_is_empty_when_none_is_given(self, plugin: Plugin, sshd: Sshd) -> None:
        """A command that reads its input does not hang."""
        assert plugin.create(inputs(sshd, create="wc -c"))["stdout"].strip() == "0"

    def test_unread_stdin_is_no_failure(self, plugin: Plugin, sshd: Sshd) -> None:
        """A program may stop reading early."""
        state = plugin.create(inputs(sshd, create="echo done", stdin="x" * 200_000))
        assert state["stdout"] == "done"


class TestSecrets:
    """No secret reaches the state readable."""

    def test_secret_stdin_stays_secret_in_the_outputs(self, plugin: Plugin, sshd: Sshd) -> None:
        """What the state keeps of a key on standard input is marked for encryption."""
        state = plugin.create(inputs(sshd, create="wc -c", stdin=secret("leaf key")))
        assert is_secret(state["stdin"])
        assert is_secret(state["connection"])
        assert not is_secret(state["stdout"])

    def test_secret_stdin_stays_secret_after_an_update(self, plugin: Plugin, sshd: Sshd) -> None:
        """Turning an input into a secret protects it from then on."""
        state = plugin.create(inputs(sshd, create="cat >/dev/null", stdin="was plain"))
        new = inputs(sshd, create="cat >/dev/null", stdin=secret("now secret"))
        assert plugin.update(state, new)["stdin"] == secret("now secret")

    def test_secret_in_a_map_stays_secret(self, plugin: Plugin, sshd: Sshd) -> None:
        """Only the marked part is secret."""
        environment = {"CONTRACT_A": secret("s"), "CONTRACT_B": "b"}
        state = plugin.create(inputs(sshd, create="env", environment=environment))
        assert state["environment"] == environment
        assert "CONTRACT_A=s" in state["stdout"]

    def test_plugin_declares_that_it_keeps_secrets(self, plugin: Plugin) -> None:
        """Otherwise the engine takes the marks off before it hands values over."""
        assert plugin.features.acceptSecrets
        assert plugin.features.supportsPreview


class TestErrors:
    """What a user reads when a command fails."""

    def test_error_shows_status_command_and_output(self, plugin: Plugin, sshd: Sshd) -> None:
        """Status, whole command and both streams are there, even when logging is off."""
        command = 'echo "out"; echo err >&2; exit 3'
        message = refusal(plugin.create, inputs(sshd, create=command, logging="none"))
        head, _, output = message.partition(":\n")
        assert head == 'Process exited with status 3: running "' + command.replace('"', '\\"') + '"'
        assert sorted(output.split()) == ["err", "out"]

    def test_error_quotes_a_command_of_many_lines(self, plugin: Plugin, sshd: Sshd) -> None:
        """The command stays one readable line."""
        message = refusal(plugin.create, inputs(sshd, create="# ä\t\\\nexit 3", logging="none"))
        assert message == 'Process exited with status 3: running "# ä\\t\\\\\\nexit 3":\n'

    def test_error_holds_no_stdin(self, plugin: Plugin, sshd: Sshd) -> None:
        """A failing command does not print the key that it was given."""
        message = refusal(plugin.create, inputs(sshd, create="exit 1", stdin=secret("leaf key")))
        assert "leaf key" not in message

    def test_error_holds_all_of_a_long_output(self, plugin: Plugin, sshd: Sshd) -> None:
        """The cause is often in the last of many lines."""
        command = "seq 1 20000; echo the cause; exit 1"
        message = refusal(plugin.create, inputs(sshd, create=command, logging="none"))
        assert message.startswith("Process exited with status 1")
        assert message.endswith("19999\n20000\nthe cause\n")

    def test_error_says_that_a_signal_ended_the_command(self, plugin: Plugin, sshd: Sshd) -> None:
        """A killed command is a failure too."""
        message = refusal(plugin.create, inputs(sshd, create="kill -9 $$"))
        assert message.startswith("Process exited with status 137")

    def test_update_that_fails_leaves_the_old_state_to_the_engine(
        self, plugin: Plugin, sshd: Sshd
    ) -> None:
        """An error without a new state makes the engine keep the one it has."""
        state = plugin.create(inputs(sshd, create="echo a"))
        message = refusal(plugin.update, state, inputs(sshd, create="a", update="exit 5"))
        assert message.startswith("Process exited with status 5")

    def test_delete_that_fails_is_an_error(self, plugin: Plugin, sshd: Sshd) -> None:
        """A refused leave keeps the member in the state."""
        state = plugin.create(inputs(sshd, delete="echo no quorum; exit 4"))
        assert "no quorum" in refusal(plugin.delete, state)


class TestLogging:
    """What shows while a command runs."""

    @pytest.mark.parametrize(
        ("logging", "lines"),
        [
            (None, {"out", "err"}),
            ("stdoutAndStderr", {"out", "err"}),
            ("stdout", {"out"}),
            ("stderr", {"err"}),
            ("none", set()),
        ],
    )
    def test_only_the_chosen_streams_are_logged(
        self, plugin: Plugin, sshd: Sshd, logging: str | None, lines: set[str]
    ) -> None:
        """Each line is attached to its resource; the outputs are kept in any case."""
        name = f"log-{logging}"
        chosen = {} if logging is None else {"logging": logging}
        state = plugin.create(inputs(sshd, create="echo out; echo err >&2", **chosen), name=name)
        assert set(plugin.logs.lines(name)) == lines
        assert (state["stdout"], state["stderr"]) == ("out", "err")

    def test_lines_come_while_the_command_runs(
        self, plugin: Plugin, sshd: Sshd, tmp_path: Path
    ) -> None:
        """A long step shows where it is."""
        go = tmp_path / "go"
        command = f"echo first; until test -e {go}; do sleep 0.05; done; echo second"
        call = plugin.starting_create(inputs(sshd, create=command), name="live")
        wait_for(lambda: plugin.logs.lines("live") == ["first"], "the first line")
        go.touch()
        call.result()
        assert plugin.logs.lines("live") == ["first", "second"]


class TestManyAtOnce:
    """The engine runs what does not depend on each other at the same time."""

    def test_twenty_commands_run_at_the_same_time(
        self, plugin: Plugin, sshd: Sshd, tmp_path: Path
    ) -> None:
        """Each waits for all others: were one held back, none would end."""
        command = (
            f"touch {tmp_path}/$$; n=0; until [ $(ls {tmp_path} | wc -l) -ge 20 ]; "
            "do n=$((n+1)); [ $n -lt 200 ] || exit 1; sleep 0.1; done"
        )
        calls = [
            plugin.starting_create(inputs(sshd, create=command), name=f"n{i}") for i in range(20)
        ]
        assert all(call.result().id for call in calls)


class TestLocal:
    """Commands on this machine follow the same rules."""

    def test_local_command_runs_by_shell(self, plugin: Plugin, tmp_path: Path) -> None:
        """Folder, variables, input and the output before it are given."""
        values = {
            "create": "pwd; echo $A; cat",
            "update": "echo was $PULUMI_COMMAND_STDOUT",
            "dir": str(tmp_path),
            "environment": {"A": "a b"},
            "stdin": "in",
        }
        state = plugin.create(values, kind=LOCAL)
        assert state["stdout"] == f"{tmp_path}\na b\nin"
        updated = plugin.update({**state, "stdout": "old"}, values, kind=LOCAL)
        assert updated["stdout"] == "was old"

    def test_local_interpreter_is_used(self, plugin: Plugin) -> None:
        """The command is the last argument of the interpreter."""
        interpreter = [sys.executable, "-c"]
        state = plugin.create({"create": "print(6*7)", "interpreter": interpreter}, kind=LOCAL)
        assert state["stdout"] == "42"

    def test_local_failure_shows_status_command_and_output(self, plugin: Plugin) -> None:
        """The error reads as for a remote command."""
        message = refusal(plugin.create, {"create": "echo no; exit 7"}, kind=LOCAL)
        assert message == 'exit status 7: running "echo no; exit 7":\nno\n'
