"""How a command plugin reaches a host, and how it stops."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from .harness import (
    REMOTE,
    ROOT,
    Plugin,
    inputs,
    plugin_command,
    refusal,
    running_plugin,
    wait_for,
)
from .sshd import Sshd, free_port, new_key


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
        """Dialing again would not help. Newer SSH libraries add what is wrong with it."""
        changes = {"hostKey": "ssh-ed25519 garbled"}
        message = refusal(plugin.create, inputs(sshd, create="true", connection=changes))
        assert message.startswith("failed to parse host key: ssh: no key found")

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

    def test_key_of_an_agent_is_used_when_none_is_given(
        self, plugin: Plugin, sshd: Sshd, tmp_path: Path
    ) -> None:
        """A key need not be in the program; without the agent the error names its socket."""
        if not shutil.which("ssh-agent"):
            pytest.skip("there is no ssh-agent here")
        path = tmp_path / "agent"
        changes = {"privateKey": None, "agentSocketPath": str(path)}
        values = inputs(sshd, create="echo a", connection=changes)
        assert f"dial unix {path}: connect:" in refusal(plugin.create, values)
        with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=-3) as agent:
            try:
                wait_for(path.exists, "the agent to start")
                subprocess.run(
                    ["ssh-add", "-q", "-"],
                    env={**os.environ, "SSH_AUTH_SOCK": str(path)},
                    input=sshd.private_key.encode(),
                    check=True,
                )
                assert plugin.create(values)["stdout"] == "a"
            finally:
                agent.terminate()

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
