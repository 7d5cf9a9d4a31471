"""The notifier: looks what runs have to tell, and tells it, by webhooks and commands."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from runlet import program
from runlet.backoff import Backoff
from runlet.controller import notifications, webhook
from runlet.controller.notifications import Claimed
from runlet.controller.reach import Reach
from runlet.controller.store import Store
from runlet.errors import InvalidInput, Unavailable
from runlet.model.notify import Notify

# How late a notification may be.
LOOK_SECONDS = 2.0
# A command that takes longer is killed, with what it started.
COMMAND_SECONDS = 30.0

log = logging.getLogger(__name__)


class Notifier:
    """Tells, for as long as it runs and within `reach`. `always` is told of every run."""

    def __init__(self, store: Store, always: Sequence[Notify], reach: Reach) -> None:
        self._store = store
        self._always = always
        self._reach = reach

    async def run(self) -> None:
        backoff = Backoff()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Unavailable as error:
                delay = backoff.next()
                log.warning("nobody was notified, next try in %.1f s: %s", delay, error)
                await asyncio.sleep(delay)
            else:
                backoff.reset()

    async def _look(self) -> None:
        now = datetime.now(UTC)
        await self._store.transact(lambda session: notifications.notice(session, self._always, now))
        claimed = await self._store.transact(lambda session: notifications.claim(session, now))
        if not claimed:
            return
        results = await asyncio.gather(*(self._tell(one) for one in claimed))
        told = [one for one, is_told in zip(claimed, results, strict=True) if is_told]
        failed = [one for one, is_told in zip(claimed, results, strict=True) if not is_told]
        after = datetime.now(UTC)
        await self._store.transact(lambda session: notifications.done(session, told, failed, after))

    async def _tell(self, one: Claimed) -> bool:
        """Whether nothing is left to do about it."""
        body = json.dumps(one.payload, ensure_ascii=False).encode()
        what = f"{one.payload['event']} of run {one.payload['run']}"
        try:
            if one.notify.webhook is not None:
                await webhook.post(one.notify.webhook, body, one.key, self._reach.networks)
            elif self._reach.commands:
                await _run(one.notify.command, body)
            else:
                log.error("not told, for the configuration has no notify_commands: %s to %s", what, one.notify.command)
        except InvalidInput as error:  # by the configuration, which no further try changes
            log.warning("not told: %s: %s; %s", what, error, error.hint)
        except Unavailable as error:
            ended = "; it is given up" if notifications.is_last(one) else ""
            log.warning("not told, try %d: %s: %s%s", one.tries, what, error, ended)
            return False
        return True


async def _run(command: Sequence[str], body: bytes) -> None:
    """Without a shell; the event is on its standard input. Raises Unavailable when it does not exit with 0."""
    nothing = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
            umask=program.INHERITED_UMASK,
        )
    except (OSError, ValueError) as error:
        raise Unavailable(f"{command[0]} cannot be started: {error}") from None
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            await process.communicate(body)
    except TimeoutError:
        raise Unavailable(f"{command[0]} took longer than {COMMAND_SECONDS:.0f} s") from None
    finally:
        with suppress(ProcessLookupError, PermissionError):  # the latter of what has become another user's
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode:
        raise Unavailable(f"{command[0]} exited with {process.returncode}")
