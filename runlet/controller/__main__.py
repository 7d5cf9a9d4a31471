"""`python -m runlet.controller`: reads its configuration, serves until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path

from runlet import program
from runlet.controller.app import Controller
from runlet.controller.config import ControllerConfig


def main() -> int:
    return program.main("runlet controller", "Serve Runlet's API and direct its agents.", _work)


async def _work(config: Path, stop: asyncio.Event) -> None:
    controller = Controller(ControllerConfig.read(config))
    # The web framework and its kin live for good: collecting them again and again would hold up a key for milliseconds.
    gc.collect()
    gc.freeze()
    await controller.run(stop, lambda url: program.tell_ready(url=url))


if __name__ == "__main__":
    sys.exit(main())
