"""`python -m runlet.controller`: reads its configuration, serves until it is told to stop.

`python -m runlet.controller migrate` brings its database to this version's schema, and ends.
`python -m runlet.controller policies` prints the bounds of its queues for the broker, and ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
from pathlib import Path

from runlet import program
from runlet.amqp.definitions import policies
from runlet.amqp.link import vhost
from runlet.controller.app import Controller
from runlet.controller.config import ControllerConfig

MIGRATE = "migrate"
POLICIES = "policies"
_ABOUT = (
    "Serve Runlet's API and direct its agents. Before the first time, and after each update, make its database with: "
    "runlet controller migrate --config FILE. What its broker must be told is printed by: "
    "runlet controller policies --config FILE"
)


def main() -> int:
    if sys.argv[1:2] == [MIGRATE]:
        about = "Bring the controller's database to the schema of this version."
        return program.main(f"runlet controller {MIGRATE}", about, _migrate, sys.argv[2:])
    if sys.argv[1:2] == [POLICIES]:
        about = "Print the policies that the broker needs, for: rabbitmqctl import_definitions"
        return program.main(f"runlet controller {POLICIES}", about, _print_policies, sys.argv[2:])
    return program.main("runlet controller", _ABOUT, _work)


async def _work(config: Path, stop: asyncio.Event) -> None:
    controller = Controller(ControllerConfig.read(config))
    # The web framework and its kin live for good: collecting them again and again would hold up a key for milliseconds.
    gc.collect()
    gc.freeze()
    await controller.run(stop, lambda url: program.tell_ready(url=url))


async def _migrate(config: Path, _stop: asyncio.Event) -> None:
    """A signal does not stop it: it is one transaction, and what has taken long is not thrown away by a Ctrl-C."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells how it does things
    from runlet.controller.migrations.migrate import migrate  # brings alembic, which only this needs

    done = await asyncio.to_thread(migrate, ControllerConfig.read(config).database)
    if done.before == done.after:
        sys.stdout.write(f"the database's schema has version {done.after} already\n")
    else:
        before = "was empty" if done.before is None else f"had version {done.before}"
        sys.stdout.write(f"the database's schema {before}, and has version {done.after} now\n")


async def _print_policies(config: Path, _stop: asyncio.Event) -> None:
    read = ControllerConfig.read(config)
    content = {"policies": policies(read.workspace, read.replication, vhost(read.broker[0]))}
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
