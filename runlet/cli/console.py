"""An attached console: a view, the operator's terminal and an attachment, put together.

The terminal is written to from several tasks and read from one. A key goes to the controller as soon as it is read,
whatever the screen is doing. Nothing here outlives the context of the terminal, which puts it back as it was.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import replace
from enum import Enum, auto

from runlet.cli.board import Board, Zoom
from runlet.cli.board_console import BoardConsole
from runlet.cli.endpoint import Endpoint
from runlet.cli.follow import goes_on
from runlet.cli.keys import HELP, PASTE_END, PASTE_SECONDS, PREFIX_NAME, Action, Choose, Keys, Typed
from runlet.cli.options import colours_on_stdout
from runlet.cli.picture import Picture
from runlet.cli.prediction import Prediction
from runlet.cli.provenance import operator
from runlet.cli.replies import EXPECT_SECONDS, HOLD_SECONDS, Replies, Sender, Sent
from runlet.cli.roster import Roster
from runlet.cli.terminal import Terminal, TerminalGone, terminal_size
from runlet.cli.typeahead import Typeahead
from runlet.cli.views import MODES_SECONDS, RAW_TAIL_BYTES, LinesView, RawView, Switch, View
from runlet.cli.writers import REFUSAL_SECONDS, Writers, own_name
from runlet.client.attachment import Attachment, ConnectionLost, ConsoleEvent, attach, new_identity
from runlet.errors import ControllerUnavailable, RunletError
from runlet.model.answer import MAX_BY
from runlet.protocol.chunk import INPUT_PIECE_BYTES, Chunk
from runlet.protocol.frames import Notice, Position, WriterChanged
from runlet.protocol.messages import Step

# Somebody who waits for their paste is told why.
BLOCKED_SECONDS = 2.0

# Who types waits for what it does: output that takes longer to show than this is skipped, but for its end. Looked at so
# often, for so long after a key.
CATCH_UP_SECONDS, LOOK_SECONDS, HURRY_SECONDS = 2.0, 0.5, 10.0
HURRIED_TAIL_BYTES = 64 * 1024

_STEPS = {Action.ASK: Step.ASK, Action.GIVE: Step.GIVE, Action.TAKE: Step.TAKE}


class Ending(Enum):
    """How a console came to its end."""

    SETTLED = auto()  # every execution it was for has ended
    DETACHED = auto()  # the operator left
    TERMINAL_GONE = auto()  # the terminal left
    TIMED_OUT = auto()


class Console:
    """A console for the executions of `picture`, in one terminal."""

    def __init__(
        self,
        endpoint: Endpoint,
        picture: Picture,
        terminal: Terminal,
        *,
        read_only: bool,
        from_start: bool,
        timeout: float | None,
        predict: bool,
        board: bool,
    ) -> None:
        self._endpoint = endpoint
        self._picture = picture
        self._terminal = terminal
        self._read_only = read_only
        self._predict = predict and not read_only
        self._deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        self._from_start = from_start
        self._with_board = board
        self._keys = Keys()
        self._resized = asyncio.Event()
        self._left = asyncio.Event()  # the terminal hung up, or somebody ends us
        self._redraw = False  # words of ours stand in the program's screen
        self._told_read_only = False
        self._identity = new_identity()
        self._replies = Replies()
        self._writers = Writers()
        self._expects_until = 0.0  # an answer of the terminal
        self._refused_at = float("-inf")  # the last refusal that was shown
        self._typeahead = Typeahead()
        self._feeding = asyncio.Event()  # something waits to be typed
        self._place: Position | None = None  # up to where a device's output has been shown
        self._hurry_until = 0.0  # somebody typed, and waits for what it does
        self._hurried = asyncio.Event()

    async def show(self, words: list[str]) -> Ending:
        """Show the run until the console ends; `words` are said first."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._resized.set)
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, self._left.set)
        lines = LinesView(
            self._picture,
            terminal_size().columns,
            colours=colours_on_stdout(),
            read_only=self._read_only,
            from_start=self._from_start,
        )
        several = len(self._picture.executions) > 1
        shown = Switch(None if several else self._picture.executions[0].id)
        board = self._board_console(words) if several and self._with_board else None
        ended: Ending | Switch | None = None
        while True:
            if board is not None and shown.to is None:
                left = await self._show_board(board)
                if isinstance(left, Ending):
                    return left
                shown, words = left, []
            hurries = isinstance(ended, Switch) and ended.hurries
            view: View = lines if shown.to is None else await self._raw_view(shown.to, hurries=hurries)
            view.answer(ours=shown.to is None or self._writers.answers(shown.to))
            await self._terminal.write(view.greeting() + (view.say(*words) if words else b""))
            words = []
            try:
                ended = await self._show(view)
            finally:
                full_screen = self._terminal.full_screen
                if shown.to is not None:
                    lines.zoomed(shown.to, full_screen=full_screen)
                self._terminal.reset()
                if not full_screen:  # else the cursor is back where the program's screen was entered
                    await self._terminal.write(view.leave())
                await self._lose(view, "the program has not read what was typed before")
                self._typeahead = Typeahead()
            if isinstance(ended, Ending) and not (ended is Ending.SETTLED and several and view is not lines):
                return ended
            if board is not None and ended is Ending.SETTLED:
                await self._terminal.write(view.say("it has ended; any key shows all devices"))
                await self._terminal.read()
            shown = ended if isinstance(ended, Switch) else Switch(None)  # a zoomed device has ended: back to all
            if shown.hurries:
                words = ["much was printed since that is not shown, since you typed; runlet logs has all of it"]

    def _board_console(self, words: list[str]) -> BoardConsole:
        board = Board(Roster(self._picture), read_only=self._read_only)
        board.words = "; ".join(words)
        who = operator(os.environ)[:MAX_BY]
        return BoardConsole(self._endpoint, board, self._terminal, self._resized, who)

    async def _show_board(self, board: BoardConsole) -> Ending | Switch:
        showing, leaving = asyncio.create_task(board.show()), asyncio.create_task(self._leave())
        try:
            await asyncio.wait((showing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not showing.done():
                return leaving.result()
            left = showing.result()
        finally:
            showing.cancel()
            leaving.cancel()
            await asyncio.gather(showing, leaving, return_exceptions=True)
            self._terminal.reset()
        if isinstance(left, Zoom):
            return Switch(left.execution)
        return Ending.SETTLED if board.board.settled else Ending.DETACHED

    async def _raw_view(self, execution: str, *, hurries: bool) -> RawView:
        shown = self._picture[execution]
        begin, stored = Position(), 0
        from_start, self._from_start = self._from_start, False  # a device shown later has its tail
        if shown.device is not None and not from_start:
            with self._endpoint.api(quiet=True) as api:
                run = self._picture.run.id
                stored = await asyncio.to_thread(api.transcript_length, run, shown.device, shown.attempt)
                begin = Position(shown.attempt, max(0, stored - (HURRIED_TAIL_BYTES if hurries else RAW_TAIL_BYTES)))
        return RawView(
            self._picture,
            execution,
            begin,
            stored,
            read_only=self._read_only,
            full_screen=lambda: self._terminal.full_screen,
            prediction=Prediction(terminal_size().columns) if self._predict else None,
        )

    async def _show(self, view: View) -> Ending | Switch:
        """Show one view; the first of its tasks to end decides what comes next."""
        run = self._picture.run.id
        self._place = None
        request = replace(view.request(terminal_size()), who=own_name(), identity=self._identity)
        try:
            async with attach(self._endpoint.url, self._endpoint.token, run, request) as attachment:
                tasks = [
                    asyncio.create_task(work)
                    for work in (
                        self._receive(attachment, view),
                        self._type(attachment, view),
                        self._feed(attachment, view),
                        self._resize(attachment, view),
                        self._begin_anyway(view),
                        self._skip(view),
                        self._leave(),
                    )
                ]
                try:
                    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    await self._end_paste(attachment, view)
                return next(task for task in tasks if task in done).result()
        except ControllerUnavailable as error:
            raise goes_on(error, run) from None

    async def _receive(self, attachment: Attachment, view: View) -> Ending:
        async for event in attachment.events():
            self._picture.take(event)
            if isinstance(event, ConnectionLost):
                await self._lose(view, "what was typed before may not have arrived", event.unconfirmed)
            elif isinstance(event, Notice) and event.refused and view.selected:
                under_way = attachment.under_way(view.selected)
                await self._lose(view, "what was typed before may not have arrived", under_way)
            asked = view.asked
            if shown := self._shown(view, event):
                await self._terminal.write(shown)
            if isinstance(event, Chunk):
                self._place = Position(event.attempt, event.position + len(event.data))
            if view.asked > asked:
                self._expects_until = asyncio.get_running_loop().time() + EXPECT_SECONDS
        return Ending.SETTLED

    async def _skip(self, view: View) -> Switch:
        """Until somebody types and would wait for old output: then to begin again where it is now.

        As a console that comes late does, which knows the modes in which it begins and has the program draw again.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._hurried.wait()
            before, at = self._terminal.written, loop.time()
            await asyncio.sleep(LOOK_SECONDS)
            rate = (self._terminal.written - before) / (loop.time() - at)
            slow = max(HURRIED_TAIL_BYTES, rate * CATCH_UP_SECONDS)
            if not isinstance(view, RawView) or view.selected is None or self._typeahead or self._keys.is_pasting:
                self._hurried.clear()
            elif self._terminal.is_behind and await self._left_to_show(view.selected) > slow:
                return Switch(view.selected, hurries=True)
            elif loop.time() > self._hurry_until:
                self._hurried.clear()

    async def _left_to_show(self, execution: str) -> int:
        """How many bytes of the attempt that is shown are stored, and not shown."""
        device, place = self._picture[execution].device, self._place
        if device is None or place is None:
            return 0
        try:
            with self._endpoint.api(quiet=True) as api:
                run = self._picture.run.id
                return await asyncio.to_thread(api.transcript_length, run, device, place.attempt) - place.offset
        except RunletError:
            return 0  # what is wrong is told where it matters

    async def _begin_anyway(self, view: View) -> Ending:
        """Not to wait for ever for the modes in which the view begins."""
        await asyncio.sleep(MODES_SECONDS)
        if isinstance(view, RawView):
            await self._terminal.write(view.begin_anyway())
        await asyncio.Event().wait()  # the others end it
        raise AssertionError

    def _shown(self, view: View, event: ConsoleEvent) -> bytes:
        match event:
            case WriterChanged(execution):
                lines = self._writers.take(event)
                if execution == view.selected:
                    view.answer(ours=self._writers.answers(execution))
                self._redraw = self._redraw or (bool(lines) and self._terminal.full_screen)
                said = view.take(Notice(execution, "; ".join(lines))) if lines else b""
                # Where the window is ours to set, it takes our size, and is another for a moment only.
                is_anothers = self._read_only or bool(self._writers.other(execution))
                if isinstance(view, RawView) and execution == view.selected:
                    said += view.fit(event.terminal if is_anothers else None)
                return said
            case Notice(str(execution), refused=True):
                now = asyncio.get_running_loop().time()
                if now < self._refused_at + REFUSAL_SECONDS:
                    return b""
                self._refused_at = now
                return view.take(replace(event, message=self._writers.refusal(execution, event.message)))
            case _:
                return view.take(event)

    async def _type(self, attachment: Attachment, view: View) -> Ending | Switch:
        while True:
            for sent in await self._read():
                if sent.by is not Sender.OPERATOR:
                    await self._pass_on(attachment, view, sent)
                    continue
                for typed in self._keys.feed(sent.data):
                    if isinstance(typed, bytes):
                        await self._send(attachment, view, typed)
                    elif ended := await self._act(attachment, view, typed):
                        return ended

    async def _read(self) -> list[Sent]:
        """What the terminal sends next."""
        holding, pasting = self._replies.holding, self._keys.is_pasting or self._replies.is_pasting
        try:
            async with asyncio.timeout(HOLD_SECONDS if holding else PASTE_SECONDS if pasting else None):
                data = await self._terminal.read()
        except TimeoutError:
            if not holding:
                self._keys.end_paste()
                self._typeahead.end_paste()
            return [Sent(self._replies.release())]
        return list(self._replies.feed(data, expecting=asyncio.get_running_loop().time() < self._expects_until))

    async def _pass_on(self, attachment: Attachment, view: View, sent: Sent) -> None:
        """What the terminal sends by itself: for the program when it is ours to answer, and never worth a word."""
        if view.selected is None or self._read_only or isinstance(view, LinesView):
            return
        is_reply = sent.by is Sender.TERMINAL
        if self._writers.answers(view.selected) if is_reply else not self._writers.other(view.selected):
            attempt = self._picture[view.selected].attempt
            with suppress(ControllerUnavailable):
                await attachment.send_input(view.selected, attempt, sent.data, is_reply=is_reply)

    async def _feed(self, attachment: Attachment, view: View) -> Ending:
        """Type what waits, as fast as the program reads it; not while the controller is away or silent."""
        loop = asyncio.get_running_loop()
        while True:
            await self._feeding.wait()
            self._feeding.clear()
            while self._typeahead and (execution := view.selected) is not None:
                telling = asyncio.create_task(self._tell_blocked(attachment, view))
                try:
                    await attachment.until_room(execution, INPUT_PIECE_BYTES)
                finally:
                    telling.cancel()
                if not (piece := self._typeahead.take(INPUT_PIECE_BYTES, loop.time())):
                    continue  # it was given up meanwhile
                try:
                    await attachment.send_input(execution, self._picture[execution].attempt, piece)
                except ControllerUnavailable as error:
                    await self._lose(view, error.message, len(piece) + attachment.under_way(execution), len(piece))

    async def _tell_blocked(self, attachment: Attachment, view: View) -> None:
        """Say once that the program does not read; not into a screen of its own."""
        await asyncio.sleep(BLOCKED_SECONDS)
        size = self._typeahead.size
        if size and not (self._terminal.full_screen or attachment.is_silent or attachment.is_lost):
            words = f"the program does not read: {size} bytes wait to be typed"
            await self._terminal.write(view.say(f"{words}; {PREFIX_NAME} c cancels, {PREFIX_NAME} d detaches"))

    async def _lose(self, view: View, why: str, unconfirmed: int = 0, lost: int = 0) -> None:
        """Something typed is lost: `lost` bytes for certain, perhaps of those `unconfirmed`; so is what waits."""
        lost += self._typeahead.lose(unconfirmed, asyncio.get_running_loop().time())
        self._feeding.set()
        if lost:
            await self._terminal.write(view.say(f"not typed: the last {lost} bytes, since {why}"))

    async def _end_paste(self, attachment: Attachment, view: View) -> None:
        """Who leaves in the middle of a paste leaves the program able to tell keys from it."""
        if self._typeahead.is_pasting and view.selected and attachment.has_room(view.selected, len(PASTE_END)):
            with suppress(ControllerUnavailable):
                await attachment.send_input(view.selected, self._picture[view.selected].attempt, PASTE_END)

    async def _send(self, attachment: Attachment, view: View, typed: bytes) -> None:
        if view.selected is None:
            return
        if self._read_only:
            if not self._told_read_only:
                self._told_read_only = True
                await self._terminal.write(view.say("read-only: nothing typed here reaches the program"))
            return
        if self._redraw:
            self._redraw = False
            await self._redraw_now(attachment, view)
        if not (typed := self._typeahead.typed(typed)):
            return  # of a paste with a hole
        waits = bool(self._typeahead) or self._typeahead.is_pasting
        if attachment.is_lost or (attachment.is_silent and not waits):
            await self._not_typed(attachment, view)
        elif self._typeahead or attachment.is_silent or not attachment.has_room(view.selected, len(typed)):
            await self._wait_for_room(view, typed)
        else:
            await self._type_now(attachment, view, view.selected, typed)

    async def _type_now(self, attachment: Attachment, view: View, execution: str, typed: bytes) -> None:
        try:
            await attachment.send_input(execution, self._picture[execution].attempt, self._typeahead.sent(typed))
        except ControllerUnavailable:
            await self._not_typed(attachment, view, len(typed))
            return
        if self._terminal.is_behind:  # else what comes is of what was typed
            self._hurry_until = asyncio.get_running_loop().time() + HURRY_SECONDS
            self._hurried.set()
        # Not where the screen cannot keep up: a prediction is to be early, and nobody waits for it to be shown.
        early = not (self._writers.other(execution) or self._terminal.is_behind)
        if early and (shown := view.typed(typed)):
            await self._terminal.write(shown)

    async def _not_typed(self, attachment: Attachment, view: View, unconfirmed: int = 0) -> None:
        words = "does not answer" if attachment.is_silent else "is away"
        self._typeahead.lose(unconfirmed, asyncio.get_running_loop().time())
        await self._terminal.write(view.say(f"not typed: the controller {words}"))

    async def _wait_for_room(self, view: View, typed: bytes) -> None:
        """The program does not read as fast, or the controller is silent: keep it here."""
        was_full = self._typeahead.is_full
        if not self._typeahead.wait(typed) and not was_full:
            words = f"the program has not read {self._typeahead.size} bytes; what follows is dropped until it has"
            await self._terminal.write(view.say(f"not typed: {words}"))
        self._feeding.set()

    async def _act(self, attachment: Attachment, view: View, command: Typed) -> Ending | Switch | None:
        match command:
            case Action.DETACH:
                return Ending.DETACHED
            case Action.HELP:
                await self._say(attachment, view, *HELP)
            case Action.ASK_CANCEL:
                await self._say(attachment, view, f"cancel on {self._selected_name(view)}? y/n")
            case Action.KEEP:
                await self._say(attachment, view, "not cancelled")
            case Action.CANCEL:
                await self._say(attachment, view, await self._cancel(view))
            case Action.ASK | Action.GIVE | Action.TAKE:
                if words := await self._hand_over(attachment, view, command):
                    await self._say(attachment, view, words)
            case Action() | Choose():
                shown = view.act(command)
                if isinstance(shown, Switch):
                    return shown
                await self._terminal.write(shown)
        return None

    async def _say(self, attachment: Attachment, view: View, *lines: str) -> None:
        """Say something, and have the program draw again: a line editor at once, a full screen with the next key."""
        await self._terminal.write(view.say(*lines))
        self._redraw = self._terminal.full_screen
        if isinstance(view, RawView) and not self._redraw:
            await self._redraw_now(attachment, view)

    async def _redraw_now(self, attachment: Attachment, view: View) -> None:
        if view.selected and not self._read_only:
            await attachment.resize(view.selected, terminal_size())

    def _selected_name(self, view: View) -> str:
        device = self._picture[view.selected].device if view.selected else None
        return device or "every device"

    async def _hand_over(self, attachment: Attachment, view: View, action: Action) -> str:
        """Ask for the writer's lease, give or take it; why not, in words, when that is known here."""
        if view.selected is None:
            return "no device is left to type to"
        if self._read_only:
            return "read-only: this console does not type"
        if action is Action.GIVE and (words := self._writers.cannot_give(view.selected)):
            return words
        try:
            await attachment.hand_over(view.selected, _STEPS[action])
        except ControllerUnavailable:
            return "the controller is away"
        return ""

    async def _cancel(self, view: View) -> str:
        """Cancel on the selected device; what came of it, in words."""
        device = self._picture[view.selected].device if view.selected else None
        try:
            with self._endpoint.api(quiet=True) as api:
                await asyncio.to_thread(api.cancel, self._picture.run.id, None if device is None else [device])
        except RunletError as error:
            return error.message
        return f"cancelling on {self._selected_name(view)}"

    async def _resize(self, attachment: Attachment, view: View) -> Ending:
        while True:
            await self._resized.wait()
            self._resized.clear()
            await self._terminal.write(view.resize(terminal_size()))
            if isinstance(view, RawView):
                await self._redraw_now(attachment, view)

    async def _leave(self) -> Ending:
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._left.wait()
        except TimeoutError:
            return Ending.TIMED_OUT
        return Ending.TERMINAL_GONE


async def attach_terminal(
    endpoint: Endpoint,
    picture: Picture,
    words: list[str],
    *,
    read_only: bool,
    from_start: bool,
    timeout: float | None,
    predict: bool,
    board: bool,
) -> Ending:
    """Give this terminal to the executions of `picture`, until they end, the operator leaves or time is up.

    A run that was just started is shown `from_start`, any other from its last screenfuls on. Several executions are
    shown as lines that scroll, or on a `board`.
    """
    with Terminal() as terminal, suppress(TerminalGone):
        console = Console(
            endpoint,
            picture,
            terminal,
            read_only=read_only,
            from_start=from_start,
            timeout=timeout,
            predict=predict,
            board=board,
        )
        return await console.show(words)
    return Ending.TERMINAL_GONE
