"""One host's connection, and the remote commands that run its verbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_command import remote

from .. import hostprogram
from ..config.credentials import Access
from ..config.hosts import HostSettings
from ..config.sections import HostEntry
from ..config.trust import Sources
from ..plan.decide import Area, Plan


@dataclass(frozen=True, kw_only=True)
class RemoteHost:
    """What every command on one host shares.

    owner: the stack's name for all its hosts, `clusterName` here; prefix of every resource's name.
    """

    owner: str
    settings: HostSettings
    access: Access
    sources: Sources
    plan: Plan
    member: HostEntry

    @property
    def prefix(self) -> str:
        """Start of the names of this host's resources."""
        return f"{self.owner}-{self.member.name}"

    @property
    def user(self) -> str:
        """Who logs in."""
        return self.settings.ssh.user

    def verb(self, name: str, *arguments: str) -> str:
        """The command line of a verb."""
        return hostprogram.line(self.user, name, *arguments)

    def command(
        self,
        thing: str,
        *,
        area: Area | None,
        create: pulumi.Input[str],
        update: pulumi.Input[str],
        delete: str | None,
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
        if why:
            create = pulumi.Output.from_input(create).apply(lambda line: f"{line} # {why}")
        return remote.Command(
            f"{self.prefix}-{thing}",
            connection=remote.ConnectionArgs(
                host=self.member.host,
                port=self.settings.ssh.port,
                user=self.user,
                private_key=self.access.private_key,
                host_key=self.access.host_keys[self.member.name],
            ),
            create=create,
            update=update,
            delete=delete,
            stdin=stdin,
            logging=remote.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=list(depends_on),
                protect=self.settings.deletion_protection,
                ignore_changes=[] if why else ["create"],
                additional_secret_outputs=["stdout"] if secret_output else None,
            ),
        )
