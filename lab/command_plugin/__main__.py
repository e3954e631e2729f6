"""Start the plugin: `python -m lab.command_plugin <engine address>`."""

import asyncio
import sys

from lab.command_plugin.server import serve


def main(arguments: list[str]) -> None:
    """Serve the engine whose address comes last, after its flags for logging and tracing."""
    address = arguments[-1] if arguments and not arguments[-1].startswith("-") else None
    asyncio.run(serve(address))


if __name__ == "__main__":
    main(sys.argv[1:])
