"""What an agent makes of the words of a holder: over a socket, without a program."""

from __future__ import annotations

import asyncio
import socket
import struct

from runlet.agent.output import OutputSender
from runlet.agent.session import Session
from runlet.holder import wire
from runlet.holder.buffer import OutputBuffer
from runlet.holder.keyboard import ANSWERS
from runlet.protocol.chunk import Input


async def _keep(_body: bytes) -> None:
    """Nothing is printed here."""


async def test_input_that_comes_twice_is_answered_twice_and_counts_once() -> None:
    """After a reconnect the broker delivers again what a slow holder has not answered yet."""
    ours, holders = socket.socketpair()
    output = OutputSender("execution", 1, OutputBuffer(), _keep)
    session = Session(ours, output, lambda _look: None, lambda _data: None, lambda _note: None, lambda *_moved: None)
    piece = Input("execution", 1, 7, 1, b"x")
    first, again = (asyncio.get_running_loop().create_future() for _ in range(2))
    with holders:
        session.type(piece, first.set_result)
        session.type(piece, again.set_result)
        holders.sendall(wire.answer(7, 1, "") * 2)
        assert (await first, await again) == ("", "it came twice, and is typed once")
        session.close(taken=False)


async def test_a_holder_of_the_first_version_tells_how_far_typing_came_by_its_answers() -> None:
    """It sends no TOOK: without this, what it typed would be told as lost."""
    ours, holders = socket.socketpair()
    output = OutputSender("execution", 1, OutputBuffer(), _keep)
    took: asyncio.Queue[tuple[int, int, int]] = asyncio.Queue()
    session = Session(
        ours, output, lambda _look: None, lambda _data: None, lambda _note: None,
        lambda *moved: took.put_nowait(moved),
    )  # fmt: skip
    with holders:
        holders.sendall(wire.frame(wire.GREETING, struct.pack(">HQ", wire.OLDEST_VERSION, 0)))
        session.type(Input("execution", 1, 7, 5, b"hello"), lambda _words: None)
        holders.sendall(wire.answer(ANSWERS | 1, 1, "") + wire.answer(7, 5, ""))
        assert await took.get() == (7, 5, 5)
        session.close(taken=False)
