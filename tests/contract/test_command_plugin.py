"""The rules that the program relies on, case by case, against whichever plugin is there."""

import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from .harness import (
    LOCAL,
    REMOTE,
    ROOT,
    UNKNOWN,
    Plugin,
    Props,
    is_secret,
    plugin_command,
    revealed,
    running_plugin,
    secret,
    wait_for,
)
from .sshd import Sshd, free_port, new_key


def inputs(sshd: Sshd, **values: Any) -> Props:
    """Return the inputs of a remote command; `connection` may be changed too."""
    connection = values.pop("connection", {})
    return {"connection": sshd.connection(**connection), **values}


def refusal(call: Any, *arguments: Any, **options: Any) -> str:
    """Return the message with which a call fails."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    return str(caught.value.details())


class TestCheck:
    """What is refused before anything runs, and what is filled in."""

    def test_defaults_are_filled_in_when_only_the_host_is_given(self, plugin: Plugin) -> None:
        """The state says which user and port a command used."""
        checked = plugin.checked({"connection": {"host": "h"}})
        assert revealed(checked["connection"]) == {
            "host": "h",
            "user": "root",
            "port": 22,
            "dialErrorLimit": 10,
            "perDialTimeout": 15,
        }

    def test_connection_is_secret_when_given_in_the_clear(self, plugin: Plugin) -> None:
        """A private key that the program forgot to mark does not reach the state readable."""
        connection = {"host": "h", "privateKey": "k", "password": "p"}
        checked = plugin.checked({"connection": connection})["connection"]
        assert is_secret(checked)
        assert is_secret(checked["value"]["privateKey"])
        assert is_secret(checked["value"]["password"])

    def test_failure_names_the_connection_when_it_is_missing(self, plugin: Plugin) -> None:
        """The message leads to what to add."""
        _, failures = plugin.check({"create": "true"})
        assert list(failures) == ["connection"]

    def test_failure_names_the_host_when_it_is_missing(self, plugin: Plugin) -> None:
        """A connection without a host is refused before anything is dialed."""
        _, failures = plugin.check({"connection": {"user": "root"}})
        assert any("host" in key + reason for key, reason in failures.items())

    def test_failure_names_an_input_when_it_is_misspelt(self, plugin: Plugin) -> None:
        """A typing error is not silently ignored."""
        _, failures = plugin.check({"connection": {"host": "h"}, "craete": "true"})
        assert any("craete" in key + reason for key, reason in failures.items())

    def test_unknown_connection_passes_when_previewed(self, plugin: Plugin) -> None:
        """A host that another resource has yet to make can be previewed."""
        checked = plugin.checked({"connection": secret(UNKNOWN), "create": UNKNOWN})
        assert is_secret(checked["connection"])
        assert checked["create"] == UNKNOWN

    def test_error_names_the_type_when_it_is_not_served(self, plugin: Plugin) -> None:
        """A program that needs another resource learns which, not only that something failed."""
        assert "command:remote:Nothing" in refusal(plugin.check, {}, "command:remote:Nothing")


class TestDiff:
    """What a preview shows."""

    def test_changed_stdin_is_an_update_of_that_property(self, plugin: Plugin) -> None:
        """The preview shows stdin line by line, because the change is reported as stdin's."""
        reply = plugin.diff({"stdin": "a: 1\n", "create": "c"}, {"stdin": "a: 2\n", "create": "c"})
        assert reply.changes == reply.DIFF_SOME
        assert {k: v.kind for k, v in reply.detailedDiff.items()} == {"stdin": 4}
        assert not reply.replaces

    def test_added_and_removed_inputs_are_named(self, plugin: Plugin) -> None:
        """Each property has its own line."""
        reply = plugin.diff({"update": "u", "create": "c"}, {"delete": "d", "create": "c"})
        kinds = {k: v.kind for k, v in reply.detailedDiff.items()}
        assert kinds == {"update": 2, "delete": 0}

    def test_equal_inputs_are_no_change(self, plugin: Plugin, sshd: Sshd) -> None:
        """A second `up` runs nothing."""
        checked = plugin.checked(inputs(sshd, create="c", stdin=secret("s"), triggers=[1, "a"]))
        assert plugin.diff(checked, checked).changes == 1

    def test_changed_trigger_is_named_by_its_place(self, plugin: Plugin) -> None:
        """The SDK's replace_on_changes is `triggers[*]`; it must match what is reported."""
        reply = plugin.diff({"triggers": ["a", "b"]}, {"triggers": ["a", "c", "d"]})
        assert set(reply.detailedDiff) == {"triggers[1]", "triggers[2]"}

    def test_new_triggers_replace(self, plugin: Plugin) -> None:
        """Triggers replace, an update of anything else does not."""
        reply = plugin.diff({"create": "c"}, {"create": "d", "triggers": ["a"]})
        assert list(reply.replaces) == ["triggers"]
        assert set(reply.diffs) == {"create", "triggers"}

    def test_change_of_a_secret_shows_no_part_of_it(self, plugin: Plugin) -> None:
        """A changed key inside the connection is reported as the connection's change."""
        old = {"connection": secret({"host": "h", "privateKey": "k1"})}
        new = {"connection": secret({"host": "h", "privateKey": "k2"})}
        assert set(plugin.diff(old, new).detailedDiff) == {"connection"}

    def test_ignored_input_is_no_change(self, plugin: Plugin) -> None:
        """ignore_changes=["create"] keeps a clean host out of the preview."""
        reply = plugin.diff({"create": "a"}, {"create": "b"}, ignore=("create",))
        assert reply.changes == reply.DIFF_NONE


class TestPreview:
    """A preview dials nothing, and knows what it can know."""

    def test_outputs_are_unknown_when_create_is_previewed(self, plugin: Plugin) -> None:
        """What depends on the output is shown as not known yet; no host is needed."""
        nowhere = {"host": "127.0.0.1", "port": free_port()}
        state = plugin.create({"connection": nowhere, "create": "exit 1"}, preview=True)
        assert state["stdout"] == state["stderr"] == UNKNOWN
        assert state["create"] == "exit 1"

    def test_outputs_are_unknown_when_a_changed_input_is_previewed(self, plugin: Plugin) -> None:
        """An update may write something else than the run before."""
        nowhere = {"connection": {"host": "127.0.0.1", "port": free_port()}}
        old = {**plugin.checked({**nowhere, "create": "a"}), "stdout": "o", "stderr": ""}
        state = plugin.update(old, {**nowhere, "create": "b"}, preview=True)
        assert state["stdout"] == UNKNOWN

    def test_outputs_stay_when_only_an_input_is_new(self, plugin: Plugin) -> None:
        """Giving a resource its first `delete` does not make all that depends on it unknown."""
        nowhere = {"connection": {"host": "127.0.0.1", "port": free_port()}}
        old = {**plugin.checked({**nowhere, "create": "a"}), "stdout": "o", "stderr": ""}
        state = plugin.update(old, {**nowhere, "create": "a", "delete": "d"}, preview=True)
        assert state["stdout"] == "o"


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
        """`create` founds, `update` only changes: the second must not run the first."""
        both = inputs(sshd, create="echo founded", update="echo joined")
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
        from pulumi.runtime.proto import provider_pb2 as pb

        from .harness import urn

        state = plugin.starting_create(inputs(sshd, create="echo a")).result().properties
        reply = plugin.stub.Read(pb.ReadRequest(id="i", urn=urn(), properties=state, inputs=state))
        assert reply.id == "i"
        assert reply.properties == state


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


class TestConnection:
    """Reaching the host."""

    def test_refused_dial_is_repeated_up_to_the_limit(self, plugin: Plugin, sshd: Sshd) -> None:
        """The error says how often, where, and why; the log says that it is being tried."""
        port = free_port()
        call = plugin.starting_create(
            inputs(sshd, create="true", connection={"port": port, "dialErrorLimit": 2}),
            name="refused",
        )
        error = call.exception()
        expected = (
            f"after 2 failed attempts: dial tcp 127.0.0.1:{port}: connect: connection refused"
        )
        assert error.details() == expected
        assert plugin.logs.lines("refused") == [
            "Dial 1/2 failed: retrying",
            "Dial 2/2 failed: retrying",
        ]

    def test_host_that_starts_late_is_reached(
        self, plugin: Plugin, sshd: Sshd, tmp_path: Path
    ) -> None:
        """A host that is still booting costs retries, not the run."""
        port = free_port()
        call = plugin.starting_create(
            inputs(sshd, create="echo up", connection={"port": port}), name="late"
        )
        wait_for(lambda: bool(plugin.logs.lines("late")), "a first failed dial")
        relay = [sys.executable, "-c", _RELAY, str(port), str(sshd.port)]
        with subprocess.Popen(relay) as process:
            try:
                assert dict(call.result().properties)["stdout"] == "up"
            finally:
                process.kill()

    def test_silent_host_ends_after_the_timeout(self, plugin: Plugin, sshd: Sshd) -> None:
        """A host that drops packets takes as long as perDialTimeout allows, not minutes."""
        with closing(socket.socket()) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.listen(0)
            port = sock.getsockname()[1]
            # A full backlog drops what comes after it, as a firewall does.
            fillers = [_connecting(port) for _ in range(3)]
            try:
                changes = {"port": port, "perDialTimeout": 1, "dialErrorLimit": 0}
                message = refusal(plugin.create, inputs(sshd, create="true", connection=changes))
            finally:
                for each in fillers:
                    each.close()
        assert message == f"after 0 failed attempts: dial tcp 127.0.0.1:{port}: i/o timeout"

    def test_unpinned_host_key_is_accepted(self, plugin: Plugin, sshd: Sshd) -> None:
        """Without hostKey nothing is verified: the product must always set it."""
        state = plugin.create(inputs(sshd, create="echo a", connection={"hostKey": None}))
        assert state["stdout"] == "a"

    def test_other_host_key_is_refused(self, plugin: Plugin, sshd: Sshd, tmp_path: Path) -> None:
        """Nothing runs on a host that is not the pinned one."""
        marker = tmp_path / "ran"
        other = new_key().export_public_key().decode()
        changes = {"hostKey": other, "dialErrorLimit": 0}
        message = refusal(plugin.create, inputs(sshd, create=f"touch {marker}", connection=changes))
        assert message == "after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch"
        assert not marker.exists()

    def test_host_key_without_a_comment_is_accepted(self, plugin: Plugin, sshd: Sshd) -> None:
        """Type and key are enough, as they stand in a known_hosts file after the names."""
        bare = " ".join(sshd.host_key.split()[:2])
        state = plugin.create(inputs(sshd, create="echo a", connection={"hostKey": bare}))
        assert state["stdout"] == "a"

    def test_garbled_host_key_is_an_error_at_once(self, plugin: Plugin, sshd: Sshd) -> None:
        """Dialing again would not help."""
        changes = {"hostKey": "ssh-ed25519 garbled"}
        message = refusal(plugin.create, inputs(sshd, create="true", connection=changes))
        assert message == "failed to parse host key: ssh: no key found"

    def test_garbled_private_key_is_an_error_at_once(self, plugin: Plugin, sshd: Sshd) -> None:
        """The error does not repeat the key."""
        changes = {"privateKey": "no such key"}
        message = refusal(plugin.create, inputs(sshd, create="true", connection=changes))
        assert message == "ssh: no key found"

    def test_foreign_private_key_is_refused(self, plugin: Plugin, sshd: Sshd) -> None:
        """The error says that the login failed, and by which methods."""
        other = new_key().export_private_key().decode()
        changes = {"privateKey": other, "dialErrorLimit": 0}
        message = refusal(plugin.create, inputs(sshd, create="true", connection=changes))
        assert "unable to authenticate, attempted methods [none publickey]" in message

    def test_encrypted_private_key_works_with_its_password(
        self, plugin: Plugin, sshd: Sshd
    ) -> None:
        """A key may be kept encrypted; a wrong password is an error at once."""
        changes = {"privateKey": sshd.encrypted_key, "privateKeyPassword": "pass"}
        state = plugin.create(inputs(sshd, create="echo a", connection=changes))
        assert state["stdout"] == "a"
        changes["privateKeyPassword"] = "wrong"
        assert "incorrect" in refusal(
            plugin.create, inputs(sshd, create="echo a", connection=changes)
        )

    def test_host_behind_a_proxy_is_reached(self, plugin: Plugin, sshd: Sshd) -> None:
        """One hop over another host."""
        changes = {"proxy": sshd.connection()}
        state = plugin.create(inputs(sshd, create="echo a", connection=changes))
        assert state["stdout"] == "a"


class TestEnvironment:
    """Variables for the command."""

    def test_accepted_variable_reaches_the_command(self, plugin: Plugin, sshd: Sshd) -> None:
        """The server accepts CONTRACT_*."""
        environment = {"CONTRACT_A": "a b"}
        state = plugin.create(inputs(sshd, create="echo $CONTRACT_A", environment=environment))
        assert state["stdout"] == "a b"

    def test_refused_variable_is_an_error_and_nothing_runs(
        self, plugin: Plugin, sshd: Sshd, tmp_path: Path
    ) -> None:
        """A command without a variable that it was promised could do the wrong thing."""
        if not sshd.is_openssh:
            pytest.skip("the SSH server used here accepts every variable")
        marker = tmp_path / "ran"
        message = refusal(
            plugin.create, inputs(sshd, create=f"touch {marker}", environment={"OTHER": "x"})
        )
        assert message == 'could not set environment variable "OTHER": ssh: setenv failed'
        assert not marker.exists()

    def test_refused_previous_output_is_a_warning(self, plugin: Plugin, sshd: Sshd) -> None:
        """An update goes on without the output of the run before it."""
        if not sshd.is_openssh:
            pytest.skip("the SSH server used here accepts every variable")
        state = plugin.create(inputs(sshd, create="echo old"))
        both = inputs(sshd, create="echo old", update="echo ${PULUMI_COMMAND_STDOUT-none}")
        before = len(plugin.logs.messages)
        assert plugin.update(state, both)["stdout"] == "none"
        assert any("AcceptEnv" in m.message for m in plugin.logs.messages[before:])
        before = len(plugin.logs.messages)
        plugin.update(state, {**both, "addPreviousOutputInEnv": False})
        assert not any("AcceptEnv" in m.message for m in plugin.logs.messages[before:])


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


class TestEnd:
    """Nothing is left behind."""

    def test_cancel_ends_dialing(self, mortal_plugin: Plugin, sshd: Sshd) -> None:
        """An interrupted `up` does not wait for a dead host."""
        changes = {"port": free_port(), "dialErrorLimit": -1}
        call = mortal_plugin.starting_create(inputs(sshd, create="true", connection=changes))
        wait_for(lambda: bool(mortal_plugin.logs.lines("thing")), "a first failed dial")
        mortal_plugin.cancel()
        assert "context canceled" in call.exception(timeout=6).details()

    def test_cancel_ends_a_running_command(
        self, mortal_plugin: Plugin, sshd: Sshd, tmp_path: Path, is_stand_in: bool
    ) -> None:
        """An interrupt does not wait for a long command, and hangs up on it."""
        if not is_stand_in:
            pytest.skip("the official plugin waits for running commands")
        started, ended = tmp_path / "started", tmp_path / "ended"
        command = (
            f"trap 'touch {ended}; exit' TERM; trap '' PIPE; touch {started}; "
            f"while echo tick; do sleep 0.1; done; touch {ended}"
        )
        call = mortal_plugin.starting_create(inputs(sshd, create=command))
        wait_for(started.exists, "the command to start")
        mortal_plugin.cancel()
        assert "context canceled" in call.exception(timeout=5).details()
        wait_for(ended.exists, "the command to end")

    def test_plugin_ends_when_it_is_told_to(self, mortal_plugin: Plugin) -> None:
        """SIGTERM ends it in good order."""
        mortal_plugin.process.send_signal(signal.SIGTERM)
        assert mortal_plugin.process.wait(5) in (0, -signal.SIGTERM)

    def test_plugin_ends_when_the_engine_is_killed(self, is_stand_in: bool) -> None:
        """A killed `pulumi` leaves no plugin behind, not even one that runs a command."""
        if not is_stand_in:
            pytest.skip("the official plugin looks for its engine every five minutes")
        arguments = [sys.executable, "-c", _ENGINE, *plugin_command()]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as engine:
            assert engine.stdout is not None
            pid = int(engine.stdout.readline())
            assert _alive(pid)
            engine.kill()
            wait_for(lambda: not _alive(pid), "the plugin to end", seconds=3)

    def test_second_plugin_starts_beside_the_first(self, plugin: Plugin) -> None:
        """Two stacks on one machine do not meet."""
        with running_plugin() as other:
            assert other.checked({"connection": {"host": "h"}}, REMOTE)
            assert plugin.checked({"connection": {"host": "h"}}, REMOTE)


_RELAY = """
import socket, sys, threading
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def copy(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
while True:
    here, _ = server.accept()
    there = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for pair in ((here, there), (there, here)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"""

_ENGINE = """
import concurrent.futures, grpc, subprocess, sys
server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
address = "127.0.0.1:%d" % server.add_insecure_port("127.0.0.1:0")
server.start()
plugin = subprocess.Popen([*sys.argv[1:], address], stdout=subprocess.PIPE)
plugin.stdout.readline()
print(plugin.pid, flush=True)
plugin.wait()
"""


def _connecting(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(("127.0.0.1", port))
    return sock


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
