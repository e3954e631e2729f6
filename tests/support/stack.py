"""The lab's stacks, by the name that tests know them under."""

from lab.stack import NAME, Result, Stack

__all__ = ["NAME", "Result", "Stack"]
