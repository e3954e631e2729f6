"""Tell a person what a long step does: `• …` at its start, `✓ …` or `✗ …` at its end, on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

STILL_EVERY_SECONDS = 20.0
"""A step that says nothing for longer than this looks stuck (and some CI kills it)."""


def say(line: str) -> None:
    """Print one line on stderr; stdout is for results."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step, say every 20 s that it still runs, and close it with its time.

    An exception closes the step with `✗` and goes on to the caller.
    """
    began = time.monotonic()
    over = threading.Event()

    def still() -> None:
        while not over.wait(STILL_EVERY_SECONDS):
            say(f"• {text} … still at it after {time.monotonic() - began:.0f} s")

    say(f"• {text} …")
    watcher = threading.Thread(target=still, name="progress", daemon=True)
    watcher.start()
    try:
        yield
    except BaseException:
        say(f"✗ {text} ({time.monotonic() - began:.1f} s)")
        raise
    else:
        say(f"✓ {text} ({time.monotonic() - began:.1f} s)")
    finally:
        over.set()
        watcher.join()
