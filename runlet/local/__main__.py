"""`python -m runlet.local`: the background half of `runlet up --detach`.

It tells on standard output, one JSON object a line, and stops telling once the fleet is ready or has failed:

    {"part": "broker", "what": "ready in 4.1 s"}
    {"ready": {...endpoint...}} or {"error": "...", "hint": "..."}
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runlet.errors import LocalFleetError
from runlet.local.home import Endpoint, Home
from runlet.local.supervisor import Plan, Supervisor


def main() -> int:
    parser = argparse.ArgumentParser(prog="runlet up --detach")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--devices", required=True, help="names, comma-separated")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    plan = Plan(tuple(options.devices.split(",")), options.port)
    try:
        asyncio.run(_run(Home.at(options.home), plan))
    except LocalFleetError as error:
        _say({"error": error.message, "hint": error.hint})
        return 1
    return 0


async def _run(home: Home, plan: Plan) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal that started us may go
    await Supervisor(home, plan, lambda part, what: _say({"part": part, "what": what})).run(stop, _tell_ready)


def _tell_ready(endpoint: Endpoint) -> None:
    _say({"ready": asdict(endpoint)})
    # Nobody listens any more; from here on what is told goes to the log.
    os.dup2(2, 1)


def _say(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
