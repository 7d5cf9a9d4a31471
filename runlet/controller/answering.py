"""Giving answers to devices, and hearing what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runlet.controller import answers
from runlet.controller.dispatcher import Dispatcher
from runlet.controller.questions import Questions
from runlet.controller.store import Store
from runlet.controller.telling import Telling
from runlet.errors import Unavailable
from runlet.protocol.messages import Answer
from runlet.protocol.views import AnswerView

# A device that is there has answered by then; one that is not may do so as long as the broker keeps the answer.
DECISION_SECONDS = 3.0


@dataclass(eq=False, slots=True)
class _Waiting:
    """Answers that somebody waits for."""

    ids: set[str]
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Answering:
    """The operators' way to the devices. What devices say comes by `on_decided`, or from other controllers."""

    def __init__(self, store: Store, dispatcher: Dispatcher, telling: Telling, questions: Questions) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._telling = telling
        self._questions = questions
        self._waiting: set[_Waiting] = set()

    async def give(self, given: Sequence[Answer]) -> list[AnswerView]:
        """What became of these answers, in their order, as far as it is known soon. Raises as `answers.give` does."""
        waiting = _Waiting({one.id for one in given})
        self._waiting.add(waiting)  # first: what comes before the wait is not missed
        try:
            to_send = await self._store.transact(lambda session: answers.give(session, given, datetime.now(UTC)))
            waiting.ids &= await self._send(to_send)
            if waiting.ids:
                with suppress(TimeoutError):
                    async with asyncio.timeout(DECISION_SECONDS):
                        await waiting.done.wait()
        finally:
            self._waiting.discard(waiting)
        found = await self._store.transact(lambda session: answers.views(session, [one.id for one in given]))
        return [found[one.id] for one in given]

    def on_decided(self, ids: Collection[str]) -> None:
        """Devices said what became of these, and it is recorded."""
        for id_ in ids:
            self._telling.decided(id_)
        self.show_decided(ids)

    def show_decided(self, ids: Collection[str]) -> None:
        if ids:
            self._questions.note()  # what is answered is asked no longer
        for waiting in self._waiting:
            waiting.ids.difference_update(ids)
            if not waiting.ids:
                waiting.done.set()

    async def _send(self, to_send: Sequence[tuple[str, Answer]]) -> set[str]:
        """The ids of those that are on their way. What cannot be sent now is refused: answers are never typed late."""
        sent: set[str] = set()
        try:
            for device, one in to_send:
                await self._dispatcher.give(device, one)
                sent.add(one.id)
        except Unavailable as error:
            rest, words = [one.id for _, one in to_send if one.id not in sent], error.message
            await self._store.transact(lambda session: answers.refuse(session, rest, words, datetime.now(UTC)))
        return sent
