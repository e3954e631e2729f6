"""The program on the hosts, in shell parts, and the command lines that bring and call it."""

from .program import (
    BROUGHT,
    PATH,
    Program,
    digest,
    install_line,
    line,
    observe_line,
    program,
    text,
    uninstall_line,
)

__all__ = [
    "BROUGHT",
    "PATH",
    "Program",
    "digest",
    "install_line",
    "line",
    "observe_line",
    "program",
    "text",
    "uninstall_line",
]
