"""How Runlet's long-running programs are started and stopped: controller, agent and broker keeper alike.

Each is given a configuration file, says `{"ready": true, …}` in one line on standard output once it serves, logs to
standard error, and stops in order at SIGTERM, SIGINT or SIGHUP. With `--lifeline` it also stops when its standard input
ends: whoever started it is gone, however that came about.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from runlet import __version__
from runlet.errors import RunletError

# Scripts, variables and passwords are in files of these programs: they are their user's alone.
PRIVATE_UMASK = 0o077


def _umask() -> int:
    """It can only be read by setting it."""
    mask = os.umask(PRIVATE_UMASK)
    os.umask(mask)
    return mask


# What this process was started with. Programs that it starts for others get it.
INHERITED_UMASK = _umask()

# So many lines of one kind within so long tell all there is to know; a flood of them would fill the disk.
FOLD_LINES, FOLD_SECONDS = 50, 10.0
# Kinds that are counted at once; there are some hundred in all of the code.
FOLD_KINDS = 1000


class Folding(logging.Filter):
    """Leaves out lines of a kind that repeats itself, and says how many with the next that is let through."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._since = float("-inf")
        self._counts: Counter[tuple[str, str]] = Counter()
        self._left_out: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        if (now := self._clock()) - self._since >= FOLD_SECONDS or len(self._counts) >= FOLD_KINDS:
            self._since, self._counts = now, Counter()
        kind = record.name, str(record.msg)
        self._counts[kind] += 1
        if self._counts[kind] > FOLD_LINES:
            self._left_out[kind] += 1
            return False
        if left_out := self._left_out.pop(kind, 0):
            record.msg = f"{record.msg} [and {left_out} like it before]"
        return True


def main(
    name: str,
    description: str,
    work: Callable[[Path, asyncio.Event], Coroutine[None, None, None]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Parse the arguments (the process's own when None) and do `work(config, stop)`; the exit status.

    A RunletError is told, not traced.
    """
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument("--config", type=Path, required=True, help="the configuration, a JSON file")
    parser.add_argument("--lifeline", action="store_true", help="stop when standard input ends: the parent is gone")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args(arguments)
    os.umask(PRIVATE_UMASK)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(Folding())
    try:
        asyncio.run(_until_stopped(options.config, options.lifeline, work))
    except RunletError as error:
        sys.stderr.write(f"error: {error}\n")
        if error.hint:
            sys.stderr.write(f"hint: {error.hint}\n")
        return 1
    return 0


def tell_ready(**facts: object) -> None:
    """Tell whoever started this program that it serves now."""
    sys.stdout.write(json.dumps({"ready": True, **facts}) + "\n")
    sys.stdout.flush()


async def _until_stopped(
    config: Path, lifeline: bool, work: Callable[[Path, asyncio.Event], Coroutine[None, None, None]]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)

    def on_input() -> None:
        # Nothing is ever written to it: readable means ended, and it stays so.
        loop.remove_reader(sys.stdin.fileno())
        stop.set()

    if lifeline:
        loop.add_reader(sys.stdin.fileno(), on_input)
    await work(config, stop)
