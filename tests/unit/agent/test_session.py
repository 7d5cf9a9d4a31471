"""What an agent makes of the words of a holder: over a socket, without a program."""

from __future__ import annotations

import asyncio
import socket

from runlet.agent.output import OutputSender
from runlet.agent.session import Session
from runlet.holder import wire
from runlet.holder.buffer import OutputBuffer
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
