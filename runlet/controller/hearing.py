"""Hearing what other controllers of the workspace tell, and showing it to the consoles here."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from sqlmodel import Session

from runlet.amqp.consumer import Delivery
from runlet.controller import executions, releases
from runlet.controller.answering import Answering
from runlet.controller.hub import Hub
from runlet.controller.questions import Questions
from runlet.controller.store import Store
from runlet.controller.telling import Telling
from runlet.errors import ProtocolError, Unavailable
from runlet.protocol import news
from runlet.protocol.news import NEWS_SECONDS
from runlet.protocol.views import ExecutionView, RolloutView

log = logging.getLogger(__name__)


class Hearing:
    """Shows to the consoles here what happens at other controllers."""

    def __init__(self, store: Store, hub: Hub, answering: Answering, telling: Telling, questions: Questions) -> None:
        self._store = store
        self._hub = hub
        self._answering = answering
        self._telling = telling
        self._questions = questions
        self._changed: set[str] = set()  # of those that a console here follows
        self._rollouts: set[int] = set()
        self._wake = asyncio.Event()

    def on_delivery(self, delivery: Delivery) -> None:
        try:
            told = news.decode(delivery.body)
        except ProtocolError as error:
            log.warning("dropped news: %s", error)
            return
        if not self._telling.heard(told.origin):
            return
        for execution in told.printed:
            self._hub.show_output(execution)
        for refused in told.refused:
            self._hub.show_refused(refused)
        for taken in told.taken:
            self._hub.show_taken(taken)
        self._answering.show_decided(told.decided)
        for writer in told.writers:
            self._hub.show_writer(writer)
        for modes in told.modes:
            self._hub.show_modes(modes)
        if told.changed:
            self._questions.note()
        self._changed |= self._hub.followed & set(told.changed)
        self._rollouts |= self._hub.attached & set(told.rollouts)
        if self._changed or self._rollouts:
            self._wake.set()

    async def run(self) -> None:
        """Look into the database when there is news, and, unless this controller is alone, for what was missed."""
        loop = asyncio.get_running_loop()
        missed_at = loop.time() + NEWS_SECONDS  # however much news comes: that of others may be lost meanwhile
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(missed_at):
                    await self._wake.wait()
            self._wake.clear()
            if loop.time() >= missed_at:
                missed_at = loop.time() + NEWS_SECONDS
                if not self._telling.is_alone:
                    self._look_for_missed()
            try:
                await self._look()
            except Unavailable as error:
                log.warning("news not looked up: %s", error)

    def _look_for_missed(self) -> None:
        self._changed |= self._hub.followed
        self._rollouts |= self._hub.attached
        for execution in self._hub.followed:
            self._hub.show_output(execution)

    async def _look(self) -> None:
        changed, self._changed = self._changed, set()
        rollouts, self._rollouts = self._rollouts, set()
        if not changed and not rollouts:
            return
        views, advanced = await self._store.transact(lambda session: _read(session, changed, rollouts))
        for view in views:
            self._hub.show_change(view)
        for run, rollout in advanced:
            self._hub.show_rollout(run, rollout)


def _read(
    session: Session, changed: set[str], rollouts: set[int]
) -> tuple[list[ExecutionView], list[tuple[int, RolloutView]]]:
    found = [(run, releases.rollout(session, run)) for run in rollouts]
    return executions.views(session, changed), [(run, rollout) for run, rollout in found if rollout is not None]
