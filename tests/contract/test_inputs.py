"""What a command plugin makes of inputs before anything runs: checks, diffs, previews."""

from .harness import UNKNOWN, Plugin, inputs, is_secret, refusal, revealed, secret
from .sshd import Sshd, free_port


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
        assert "remote:Nothing" in refusal(plugin.check, {}, "command:remote:Nothing")


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
