"""`up`, `down`, `status`: a whole fleet on this machine, in the folder $RUNLET_HOME."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runlet.cli.endpoint import home as home_folder
from runlet.cli.inputs import InputPath
from runlet.cli.options import Output, output_option
from runlet.errors import InvalidInput, LocalFleetError
from runlet.protocol.names import check_device_name

if TYPE_CHECKING:
    from runlet.local.control import Status
    from runlet.local.home import Home
    from runlet.local.supervisor import Plan

# Each device is a process of about 30 MB; this many fill a small machine.
MOST_DEVICES = 200
_MOST_PORT = 65_535
_LABEL_COLUMNS = 12
_NOT_UP = 1  # exit code of `status` when there is nothing, or nothing ready


@click.command()
@click.option(
    "--devices",
    metavar="NAMES|N",
    help="Names of the devices, comma-separated, or how many. Default: one, named as this machine.",
)
@click.option(
    "--inventory", metavar="FILE", type=InputPath(), help="Take the enabled devices of this inventory instead."
)
@click.option(
    "--port",
    type=click.IntRange(0, _MOST_PORT),
    default=0,
    help="Port of the controller on 127.0.0.1. Default: any free one.",
)
@click.option("-d", "--detach", is_flag=True, help="Leave the fleet running in the background, once it is ready.")
def up(devices: str | None, inventory: Path | None, port: int, detach: bool) -> None:
    """Start a broker, a controller and devices on this machine.

    For trying Runlet, and playbooks before they reach devices that are real. Needs an installed RabbitMQ, but no
    root and no configuration. Everything is kept in RUNLET_HOME; with another folder there, another fleet runs
    beside this one.

    \b
    Examples:
      runlet up
      runlet up --devices pi-1,pi-2,pi-3 --detach
    """
    from runlet.local.home import Home
    from runlet.local.supervisor import Plan

    if devices is not None and inventory is not None:
        raise InvalidInput("--devices and --inventory exclude each other")
    names = _declared(inventory) if inventory is not None else _asked_for(devices)
    plan = Plan(tuple(names), port)
    home = Home.at(home_folder())
    if detach:
        _start_in_background(home, plan)
        _tell_next("runlet down")
    else:
        asyncio.run(_run_in_foreground(home, plan))


@click.command()
def down() -> None:
    """Stop what `up` started here, and wait until it is gone. Data stay for the next `up`.

    \b
    Example:
      runlet down
    """
    from runlet.local import control
    from runlet.local.home import Home

    home = Home.at(home_folder())
    stopped = control.stop(home)
    if stopped is None:
        click.echo(f"nothing runs in {home.path}")
    else:
        _tell("stopped", f"{_count(len(stopped.devices))}, controller, broker")


@click.command()
@output_option
def status(output: Output) -> int:
    """Tell whether a fleet runs here, and how it is. Exits with 0 when it is ready, with 1 when not.

    \b
    Examples:
      runlet status
      runlet status --output json
    """
    from runlet.local import control
    from runlet.local.home import Home

    home = Home.at(home_folder())
    found = control.status(home)
    if output is Output.TABLE:
        _print_status(home, found)
    else:
        content: dict[str, object] = {"home": str(home.path), "running": found is not None}
        if found:
            content |= {"url": found.url, "health": found.health, **asdict(found.up)}
        click.echo(json.dumps(content))
    return 0 if found and found.url else _NOT_UP


# --- which devices -----------------------------------------------------------------------------------------------


def _asked_for(text: str | None) -> list[str]:
    """The names that --devices means. Raises InvalidInput."""
    if text is None:
        return [_this_machine()]
    if text.isdecimal():
        if not 1 <= int(text) <= MOST_DEVICES:
            raise InvalidInput(f"{text} devices", f"ask for 1 to {MOST_DEVICES}")
        return [f"device-{number}" for number in range(1, int(text) + 1)]
    names = [check_device_name(name.strip()) for name in text.split(",")]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput(f"named twice: {', '.join(twice)}")
    if len(names) > MOST_DEVICES:
        raise InvalidInput(f"{len(names)} devices", f"ask for 1 to {MOST_DEVICES}")
    return names


def _this_machine() -> str:
    """The machine's name without its domain, made to fit a device's."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname().partition(".")[0]).lstrip("-_")[:63]
    return name or "device-1"


def _declared(inventory: Path) -> list[str]:
    from runlet.spec.inventory import load

    names = [device.name for device in load(inventory).devices.values() if device.enabled]
    if not names:
        raise InvalidInput(f"{inventory}: no device is enabled")
    return names


# --- running -----------------------------------------------------------------------------------------------------


async def _run_in_foreground(home: Home, plan: Plan) -> None:
    from runlet.local.supervisor import Supervisor

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await Supervisor(home, plan, _tell).run(stop, lambda _: _tell_next("Ctrl-C"))
    _tell("stopped", "")


def _start_in_background(home: Home, plan: Plan) -> None:
    """Returns once the fleet is ready. Raises LocalFleetError with what it failed of."""
    log = home.log("up")
    command = [sys.executable, "-P", "-m", "runlet.local", "--home", str(home.path)]
    command += ["--devices", ",".join(plan.devices), "--port", str(plan.port)]
    with log.open("a") as stderr:
        background = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True, start_new_session=True
        )
    assert background.stdout
    try:
        for line in background.stdout:
            said = json.loads(line)
            if "ready" in said:
                return
            if "error" in said:
                background.wait()
                raise LocalFleetError(said["error"], said["hint"])
            _tell(said["part"], said["what"])
    except KeyboardInterrupt:
        background.terminate()
        background.wait()
        raise
    raise LocalFleetError(f"the background process ended with {background.wait()}", f"read {log}")


# --- telling -----------------------------------------------------------------------------------------------------


def _tell(part: str, what: str) -> None:
    click.echo(f"{click.style(part.ljust(_LABEL_COLUMNS), bold=True)}{what}".rstrip())


def _tell_next(stop: str) -> None:
    click.echo("\nTry it with: runlet exec all -- uname -a")
    click.echo(f"Stop it with: {stop}")


# What to do about a part of the controller's health that is not "ok".
_TODO = {
    "status": "see below, and in {log}",
    "database": "has the disk of {home} room, and may it be written? A damaged database: restore a backup",
    "broker": "has the disk of {home} 200 MB free, and the machine memory? {home}/broker/log/node.log says more",
    "transcripts": "has the disk of {home} room, and may {home}/controller/transcripts be written?",
    "reports": "they are recorded once the database takes them; {log} says what it waits for",
    "schedules": "they fire again once they can be looked at; {log} says what is wrong",
}


def _print_status(home: Home, found: Status | None) -> None:
    if found is None:
        click.echo(f"nothing runs in {home.path}. Start a fleet with: runlet up")
        return
    since = datetime.fromisoformat(found.up.since)
    seconds = int((datetime.now(UTC) - since).total_seconds())
    _tell("fleet", f"{'ready' if found.url else 'starting'}, process {found.up.pid}, for {seconds} s, in {home.path}")
    _tell("devices", " ".join(found.up.devices))
    if found.url:
        _tell("controller", found.url)
        health = found.health or {"status": "does not answer"}
        _tell("health", ", ".join(f"{part} {said}" for part, said in health.items()))
        for part, said in health.items():
            if said != "ok" and (todo := _TODO.get(part)):
                _tell("", f"{part}: {todo.format(home=home.path, log=home.log('controller'))}")


def _count(devices: int) -> str:
    return f"{devices} device{'' if devices == 1 else 's'}"
