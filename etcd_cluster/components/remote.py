"""One host's connection, and the remote commands that run its verbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_command import remote

from .. import hostprogram
from ..config.credentials import Access
from ..config.hosts import HostSettings
from ..config.sections import HostEntry, MemberEntry
from ..config.trust import Sources
from ..plan.decide import Area, Plan
from ..plan.memory import KnownHost

NO_TOKEN = "-"  # noqa: S105 - a host that carries no member
DIAL_SECONDS = 3
"""The plugin dials eleven times: a dead host costs a run less than a minute, not four."""
_AS_IT_IS = ["connection", "create", "update", "delete", "stdin"]


@dataclass(frozen=True, kw_only=True)
class RemoteHost:
    """What every command on one host shares.

    owner: the stack's name for all its hosts, `clusterName` here; prefix of every resource's name.
    token: tells this stack's hosts from those of any other; `-` where they carry no member.
    """

    owner: str
    settings: HostSettings
    access: Access
    sources: Sources
    plan: Plan
    member: HostEntry
    token: pulumi.Input[str] = NO_TOKEN

    @property
    def prefix(self) -> str:
        """Start of the names of this host's resources."""
        return f"{self.owner}-{self.member.name}"

    @property
    def user(self) -> str:
        """Who logs in."""
        return self.settings.ssh.user

    def verb(self, name: str, *arguments: str, user: str = "") -> str:
        """The command line of a verb. user: who logs in, where that is not today's."""
        return hostprogram.line(user or self.user, name, *arguments)

    def owned(self, name: str, *arguments: str, user: str = "") -> pulumi.Output[str]:
        """The command line of a verb that leaves the host alone where it is another stack's."""
        return pulumi.Output.from_input(self.token).apply(
            lambda token: self.verb(name, *arguments, str(token), user=user)
        )

    @property
    def is_lost(self) -> bool:
        """Whether the host is given up: its resources stay as they are, and nothing dials it."""
        return isinstance(self.member, MemberEntry) and self.member.lost

    @property
    def lost_since(self) -> str:
        """When it was first seen that the host is lost, of this time; empty where it is not."""
        known = self.plan.memory.members.get(self.member.name)
        return known.lost_since if known and self.is_lost else ""

    @property
    def adopts(self) -> tuple[str, ...]:
        """Id and CA of the cluster whose member here is taken over in this run, if it is."""
        if self.member.name not in self.plan.adopting:
            return ()
        return str(getattr(self.settings, "adopt", "")), self.plan.memory.authorities[0].fingerprint

    @property
    def former_hosts(self) -> tuple[KnownHost, ...]:
        """Hosts that this member had before, and that are to be cleared."""
        return self.plan.former_hosts.get(self.member.name, ())

    @property
    def protect(self) -> bool:
        """Whether Pulumi refuses to delete what is on this host."""
        return self.settings.deletion_protection and not self.is_lost

    def command(
        self,
        thing: str,
        *,
        area: Area | None,
        create: pulumi.Input[str],
        update: pulumi.Input[str],
        delete: pulumi.Input[str] | None,
        stdin: pulumi.Input[str] | None = None,
        parent: pulumi.Resource,
        depends_on: Sequence[pulumi.Resource] = (),
        secret_output: bool = False,
    ) -> remote.Command:
        """A remote command whose stdin is the desired state.

        `create` runs for a resource that is new, `update` for one that the state knows, so a
        change of `create` alone means nothing and is not shown. The exception is drift: then the
        reason stands behind `create`, the preview shows it, and `update` repairs.
        `secret_output`: what it says on stdout is a secret in the state.
        Never replaced: a replacement would run `delete` after the new `create`.
        """
        why = self.plan.why(self.member.name, area) if area else ""
        if self.plan.adopting and thing != "host-program":
            # What is there was made by somebody else, and is only remembered.
            create = self.verb("adopted")
        if why:
            create = pulumi.Output.from_input(create).apply(lambda line: f"{line} # {why}")
        return remote.Command(
            f"{self.prefix}-{thing}",
            connection=self._own_connection(),
            create=create,
            update=update,
            delete=delete,
            stdin=stdin,
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=list(depends_on),
                protect=self.protect,
                ignore_changes=self._ignored(thing, why),
                # Dropped from the state without a word to the host, when the entry goes.
                retain_on_delete=True if self.is_lost else None,
                additional_secret_outputs=["stdout"] if secret_output else None,
            ),
        )

    def remains(self, things: Sequence[str], parent: pulumi.Resource) -> None:
        """What the state has of these commands, on a host that is lost: they stay as they are.

        One that is missing would be made anew, and dial it in each run.
        """
        known = self.plan.memory.members.get(self.member.name)
        for thing in things:
            if known and thing in known.commands:
                self.command(thing, area=None, create="", update="", delete=None, parent=parent)

    def _ignored(self, thing: str, why: str) -> list[str]:
        if self.is_lost or (self.plan.adopting and thing != "host-program"):
            return _AS_IT_IS
        return [] if why else ["create"]

    def _own_connection(self) -> remote.ConnectionArgs:
        host_key = self.access.host_keys.get(self.member.name, "")
        return self._connection(self.member.host, self.settings.ssh.port, host_key)

    def _connection(
        self, host: str, port: int, host_key: str, user: str = ""
    ) -> remote.ConnectionArgs:
        return remote.ConnectionArgs(
            host=host,
            port=port,
            user=user or self.user,
            private_key=self.access.private_key,
            host_key=host_key,
            per_dial_timeout=DIAL_SECONDS,
        )

    def allow_downgrade(
        self, stdin: pulumi.Input[str], parent: pulumi.Resource, after: Sequence[pulumi.Resource]
    ) -> remote.Command:
        """Tells the cluster, through this member, that its members go back a minor of etcd.

        Declared in the run that needs it, and in no other: nothing is done when it goes.
        """
        line = f"{self.verb('allow-downgrade')} # to etcd {self.plan.downgrade}"
        return self._once(
            f"{self.owner}-downgrade", line, self._own_connection(), parent, after, stdin
        )

    def take_over(
        self, stdin: pulumi.Input[str], parent: pulumi.Resource, after: Sequence[pulumi.Resource]
    ) -> remote.Command:
        """Removes the members that are not declared, through this one, after all of `after`."""
        line = f"{self.verb('take-over')} # the members that are not declared leave"
        return self._once(
            f"{self.owner}-take-over", line, self._own_connection(), parent, after, stdin
        )

    def backup_before(
        self,
        why: str,
        stdin: pulumi.Input[str] | None,
        parent: pulumi.Resource,
        after: Sequence[pulumi.Resource] = (),
    ) -> remote.Command:
        """The backup before a change. Without stdin it was made in a run before, and stays as it
        is. Nothing is done when it goes.
        """
        line = f"{self.verb('backup-before')} # {why}" if why else ""
        there = self._own_connection()
        name = f"{self.owner}-backup-before"
        return self._once(name, line, there, parent, after, stdin, as_it_is=stdin is None)

    def clear_former(self, parent: pulumi.Resource, after: pulumi.Resource) -> None:
        """Clears the former hosts of this member, once the new one is healthy.

        Declared in the run that moves the member, and in no other, unless that was cut off: nothing
        is done when it goes.
        """
        for number, known in enumerate(self.former_hosts, 1):
            line = self.owned("retire", self.owner, self.member.name, user=known.user)
            name = f"{self.prefix}-former-host{'' if number == 1 else f'-{number}'}"
            there = self._connection(known.host, known.port, known.host_key, known.user)
            self._once(name, line, there, parent, [after])

    def restore(
        self,
        thing: str,
        line: str,
        stdin: pulumi.Input[str] | None,
        parent: pulumi.Resource,
        after: Sequence[pulumi.Resource] = (),
    ) -> remote.Command:
        """A step of a restore on this host: `restore` or `fence`.

        Declared while the configuration has the restore; without stdin it was done in a run before,
        and stays as it is. Nothing is done when it goes.
        """
        there = self._own_connection()
        return self._once(
            f"{self.prefix}-{thing}", line, there, parent, after, stdin, as_it_is=stdin is None
        )

    def _once(
        self,
        name: str,
        line: pulumi.Input[str],
        connection: remote.ConnectionArgs,
        parent: pulumi.Resource,
        after: Sequence[pulumi.Resource],
        stdin: pulumi.Input[str] | None = None,
        *,
        as_it_is: bool = False,
    ) -> remote.Command:
        """A command of the run that declares it: whether it is new or not, it runs this line."""
        return remote.Command(
            name,
            connection=connection,
            create=line,
            update=line,
            stdin=stdin,
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=list(after),
                ignore_changes=_AS_IT_IS if as_it_is else None,
            ),
        )
