"""A cluster that is taken over by replacement: its members leave as the declared ones join."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from .messages import SectionError
from .sections import Section
from .values import ClusterId, Url


class TakeOver(Section):
    """A cluster on other hosts, e.g. kubespray's, whose members the declared ones replace."""

    cluster: ClusterId = Field(description="Its id, in hex.")
    endpoints: tuple[Url, ...] = Field(description="Client URLs of its members.")
    former_members: Literal["stay", "leave"] = Field(
        "stay",
        description="While clients still use them, `stay`. `leave` removes them from the cluster, "
        "one by one, once the declared members are healthy.",
    )

    @field_validator("endpoints")
    @classmethod
    def _https(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [url for url in value if not url.startswith("https://")]
        if not value or wrong:
            raise SectionError(
                f"endpoints is {list(value)}: expected the client URLs of the members, with https, "
                "e.g. [https://10.30.0.11:2379]"
            )
        return value
