"""`python -m runlet.controller`: reads its configuration, serves until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from runlet import __version__
from runlet.controller.app import Controller
from runlet.controller.config import ControllerConfig
from runlet.errors import RunletError


def main() -> int:
    parser = argparse.ArgumentParser(prog="runlet controller", description="Serve Runlet's API and direct its agents.")
    parser.add_argument("--config", type=Path, required=True, help="the controller's configuration, a JSON file")
    parser.add_argument("--lifeline", action="store_true", help="stop when standard input ends: the parent is gone")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        controller = Controller(ControllerConfig.read(options.config))
        asyncio.run(_serve(controller, options.lifeline))
    except RunletError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the command's own output
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _serve(controller: Controller, lifeline: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if lifeline:
        loop.add_reader(sys.stdin.fileno(), stop.set)  # nothing is ever written to it: readable means ended
    await controller.run(stop, _tell_parent)


def _tell_parent(url: str) -> None:
    sys.stdout.write(json.dumps({"ready": True, "url": url}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
