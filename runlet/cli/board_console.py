"""A console with the board: the operator's terminal, an attachment and the model put together.

The attachment only reads: answers go over the API, where the first of several operators' is taken. What changes is
drawn at most FRAMES times a second, however much devices print.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

from runlet.cli import inbox
from runlet.cli.answers import outcome_words
from runlet.cli.board import Answer, Board, Leave, Redraw, Zoom
from runlet.cli.board_lines import draw
from runlet.cli.endpoint import Endpoint
from runlet.cli.follow import goes_on
from runlet.cli.inert import plain
from runlet.cli.keyboard import ENTER as ENTER_KEY
from runlet.cli.merged import BELL
from runlet.cli.options import colours_on_stdout
from runlet.cli.painter import ENTER, Painter
from runlet.cli.prefix import device_name
from runlet.cli.pressed import Pressed
from runlet.cli.terminal import Terminal, terminal_size
from runlet.client.attachment import Attachment, ConnectionLost, ConnectionRegained, attach
from runlet.errors import ControllerUnavailable, RunletError
from runlet.model.answer import Result
from runlet.protocol.frames import Attach, Notice
from runlet.protocol.views import AnswerView

# As often as the eye sees that something moves; a terminal far away takes that too.
FRAME_SECONDS = 0.05
# Ages of questions are told in seconds.
TICK_SECONDS = 1.0
# What the last line of a device may be in.
TAIL_BYTES = 4096


class BoardConsole:
    """Shows a board, again and again, between looks at single devices. `who` answers, in words."""

    def __init__(self, endpoint: Endpoint, board: Board, terminal: Terminal, resized: asyncio.Event, who: str) -> None:
        self._endpoint = endpoint
        self.board = board
        self._picture = board.roster.picture
        self._terminal = terminal
        self._resized = resized
        self._who = who
        self._painter = Painter()
        self._pressed = Pressed()
        self._changed = asyncio.Event()
        self._answering: set[asyncio.Task[None]] = set()
        self._asking = self._who_asks()

    async def show(self) -> Leave | Zoom:
        """Until the operator leaves it, or asks for one device. Raises ControllerUnavailable."""
        await self._terminal.write(ENTER)
        self._painter.forget()
        self._changed.set()
        request = Attach(self._picture.devices, tail=TAIL_BYTES, read_only=True)
        try:
            async with attach(self._endpoint.url, self._endpoint.token, self._picture.run.id, request) as attachment:
                keys = asyncio.create_task(self._obey())
                others = [
                    asyncio.create_task(work) for work in (self._receive(attachment), self._draw(), self._resize())
                ]
                try:
                    done, _ = await asyncio.wait([keys, *others], return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                    return keys.result()
                finally:
                    for task in (keys, *others):
                        task.cancel()
                    await asyncio.gather(keys, *others, return_exceptions=True)
        except ControllerUnavailable as error:
            raise goes_on(error, self._picture.run.id) from None

    async def _receive(self, attachment: Attachment) -> None:
        async for event in attachment.events():
            self._picture.take(event)
            self.board.roster.take(event)
            match event:
                case Notice(execution, message):
                    name = "" if execution is None else f"{device_name(self._picture[execution])}: "
                    self.board.words = name + message
                case ConnectionLost(reason):
                    self.board.words = f"{reason}; trying again"
                case ConnectionRegained():
                    self.board.words = "the controller is back"
            self._changed.set()
        self.board.settled = True
        self._changed.set()
        await asyncio.Event().wait()  # the operator leaves when they have seen it

    async def _obey(self) -> Leave | Zoom:
        while True:
            for key in self._pressed.feed(await self._terminal.read()):
                match self.board.press(key):
                    case Leave() | Zoom() as ended:
                        return ended
                    case Answer() as answer:
                        task = asyncio.create_task(self._answer(answer))
                        self._answering.add(task)
                        task.add_done_callback(self._answering.discard)
                    case Redraw():
                        self._painter.forget()
            self._changed.set()

    async def _answer(self, answer: Answer) -> None:
        try:
            found = await asyncio.to_thread(self._give, answer)
        except RunletError as error:
            self.board.words = error.message
        else:
            self.board.words = _told(found, len(answer.prompts))
        self._changed.set()

    def _give(self, answer: Answer) -> list[AnswerView]:
        """The same questions as were shown, and no later ones of these devices."""
        with self._endpoint.api(quiet=True) as api:
            groups = inbox.groups(api.prompts(self._picture.run.id))
            questions = [
                one
                for group in groups
                for one in group.questions
                if answer.prompts.get(one.view.execution) == one.view.prompt.id
            ]
            return (
                api.answer(inbox.answers(questions, answer.text.encode() + ENTER_KEY, self._who)) if questions else []
            )

    async def _draw(self) -> None:
        while True:
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            size = terminal_size()
            drawn = draw(self.board, size.columns, size.rows, datetime.now(UTC), colours=colours_on_stdout())
            before, self._asking = self._asking, self._who_asks()
            bell = BELL if self._asking - before else ""  # nobody may be looking
            if shown := bell + self._painter.paint(drawn.lines, drawn.cursor):
                await self._terminal.write(shown.encode())
            await asyncio.sleep(FRAME_SECONDS)

    def _who_asks(self) -> set[str]:
        return {view.id for view in self._picture.executions if view.prompt is not None}

    async def _resize(self) -> None:
        while True:
            await self._resized.wait()
            self._resized.clear()
            self._painter.forget()
            self._changed.set()


def _told(found: list[AnswerView], asked: int) -> str:
    """What became of answers, in one line: how many were taken, and why the first that was not, was not."""
    taken = Counter(one.result for one in found)[Result.TAKEN]
    words = f"answered {taken} of {asked}" if asked > 1 or not taken else "answered"
    other = next((one for one in found if one.result is not Result.TAKEN), None)
    if other is not None:
        return f"{words}; {plain(other.device or '')}: {outcome_words(other)}"
    gone = asked - len(found)
    return f"{words}; {gone} no longer asked that" if gone else words
