"""`runlet-agent`: reads its configuration, works until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path

from runlet import __version__
from runlet.agent.agent import Agent
from runlet.agent.config import AgentConfig
from runlet.errors import RunletError


def main() -> int:
    parser = argparse.ArgumentParser(prog="runlet-agent", description="Run Runlet's executions on this device.")
    parser.add_argument("--config", type=Path, required=True, help="the agent's configuration, a JSON file")
    parser.add_argument("--lifeline", action="store_true", help="stop when standard input ends: the parent is gone")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        config = AgentConfig.read(options.config)
    except RunletError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the command's own output
        return 1
    asyncio.run(_work(config, options.lifeline))
    return 0


async def _work(config: AgentConfig, lifeline: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if lifeline:
        loop.add_reader(sys.stdin.fileno(), stop.set)  # nothing is ever written to it: readable means ended
    agent = Agent(config)
    # What lives now lives for good: leave it out of every collection, and its memory pages clean for forked children.
    gc.collect()
    gc.freeze()
    await agent.run(stop, _Ready())


class _Ready:
    """Tells the parent once, on standard output, that the agent is connected."""

    _told = False

    def __call__(self) -> None:
        if not self._told:
            self._told = True
            sys.stdout.write('{"ready": true}\n')
            sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
