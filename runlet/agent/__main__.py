"""`runlet-agent`: reads its configuration, works until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import sys
from pathlib import Path

from runlet import program
from runlet.agent.agent import Agent
from runlet.agent.config import AgentConfig


def main() -> int:
    return program.main("runlet-agent", "Run Runlet's executions on this device.", _work)


async def _work(config: Path, stop: asyncio.Event) -> None:
    agent = Agent(AgentConfig.read(config))
    # What lives now lives for good: leave it out of every collection, and its memory pages clean for forked children.
    gc.collect()
    gc.freeze()
    await agent.run(stop, program.tell_ready)


if __name__ == "__main__":
    sys.exit(main())
