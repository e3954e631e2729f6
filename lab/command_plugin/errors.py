"""The errors that a user reads, worded as the official plugin words them."""

_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


class CommandError(Exception):
    """An operation failed; the message goes to the user as it is."""


class DialError(CommandError):
    """One attempt to reach a host failed; dialing again may help."""


def quoted(text: str) -> str:
    """Quote as Go's `%q` does, which is how the official plugin shows a command."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def failed_run(reason: str, command: str, output: bytes) -> CommandError:
    """Say why a command failed: the reason, the whole command, all that it wrote."""
    text = output.decode(errors="replace")
    return CommandError(f"{reason}: running {quoted(command)}:\n{text}")
