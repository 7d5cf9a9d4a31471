"""A session played in the operator's terminal, which is put back at the end as after an attached console."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from runlet.cli.recording import Event, LeftOut, Pace, PlayClock, Printed, Resized
from runlet.cli.terminal import Terminal, TerminalGone, terminal_size
from runlet.cli.trailer import left_out
from runlet.width import keep_start

KEYS = "space pauses, q leaves"

_LEAVE = frozenset(b"q\x03\x04")  # q, Ctrl-C, Ctrl-D
_PAUSE = ord(" ")
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_REVERSE, _PLAIN = "\x1b[7m", "\x1b[0m"
_SAVE, _RESTORE, _ERASE_REST = "\x1b7", "\x1b8", "\x1b[K"


async def play(events: Iterator[Event], pace: Pace, title: str) -> None:
    """Until its end, or the operator leaves."""
    with suppress(TerminalGone), Terminal() as terminal:
        player = _Player(terminal, pace)
        room = terminal_size().columns - len(f"[runlet]  - {KEYS}")
        await terminal.write(f"[runlet] {keep_start(title, max(0, room))} - {KEYS}\r\n".encode())
        tasks = [asyncio.create_task(work) for work in (player.play(events), player.obey())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await player.end_pause()
        full_screen = terminal.full_screen
        terminal.reset()
        if not full_screen and not player.at_line_start:
            await terminal.write(b"\r\n")
        for task in done:
            task.result()


class _Player:
    """What is shown when, and the keys. `at_line_start`: whatever is written next begins a line."""

    def __init__(self, terminal: Terminal, pace: Pace) -> None:
        self._terminal = terminal
        self._pace = pace
        self._clock = PlayClock(asyncio.get_running_loop().time())
        self._toggled = asyncio.Event()
        self.at_line_start = True

    async def play(self, events: Iterator[Event]) -> None:
        while (event := await asyncio.to_thread(next, events, None)) is not None:
            await self._wait_until(self._pace.at(event.seconds))
            match event:
                case Printed(data=data):
                    await self._show(data)
                case LeftOut(length=length):
                    await self._say(left_out(length))
                case Resized(columns=columns, rows=rows):
                    if (size := terminal_size()).columns < columns or size.rows < rows:
                        told = f"this terminal has {size.columns}x{size.rows}, the program's has {columns}x{rows}"
                        await self._say(told)

    async def obey(self) -> None:
        """Keys, until one of them leaves."""
        while True:
            for key in await self._terminal.read():
                if key in _LEAVE:
                    return
                if key == _PAUSE:
                    await self._pause_or_go_on()

    async def _pause_or_go_on(self) -> None:
        now = asyncio.get_running_loop().time()
        self._clock.toggle(now)
        self._toggled.set()
        # Behind the cursor, where a program that prints lines has nothing. A full screen is drawn anew by its program.
        words = f"{_NO_WRAP}{_SAVE}{_REVERSE} paused at {self._clock.elapsed(now):.1f} s: space goes on, q leaves "
        shown = f"{words}{_PLAIN}{_RESTORE}{_WRAP}" if self._clock.is_paused else _ERASE_REST
        await self._terminal.write(shown.encode())

    async def end_pause(self) -> None:
        """What a pause shows is gone before anything else is shown."""
        if self._clock.is_paused:
            await self._pause_or_go_on()

    async def _wait_until(self, at: float) -> None:
        """Until so much of the replay has passed, pauses not counted."""
        loop = asyncio.get_running_loop()
        while self._clock.is_paused or (left := at - self._clock.elapsed(loop.time())) > 0:
            self._toggled.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self._clock.is_paused else left):
                    await self._toggled.wait()

    async def _show(self, data: bytes) -> None:
        self.at_line_start = data.endswith(b"\n")
        await self._terminal.write(data)

    async def _say(self, words: str) -> None:
        before = "" if self.at_line_start else "\r\n"
        await self._show(f"{before}[runlet] {words}\r\n".encode())
