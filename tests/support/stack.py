"""The lab's stacks, by the name that tests know them under."""

from lab.stack import NAME, Result, Stack, System

__all__ = ["NAME", "Result", "Stack", "System"]
