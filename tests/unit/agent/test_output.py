"""The sending end of a stream: what is lost on the way is sent again, without the program printing more."""

from __future__ import annotations

import asyncio

from runlet.agent.output import OutputSender
from runlet.errors import BrokerUnavailable
from runlet.holder.buffer import OutputBuffer
from runlet.protocol.chunk import Chunk

EXECUTION = "0b0e6c3c-6a0f-4d0e-9d5a-2f1f8a7f3c11"


class Wire:
    """Where chunks go; the first `refused` of them do not."""

    def __init__(self, refused: int = 0) -> None:
        self._refused = refused
        self.has_refused = asyncio.Event()
        self.posted: asyncio.Queue[Chunk] = asyncio.Queue()

    async def post(self, body: bytes) -> None:
        if self._refused:
            self._refused -= 1
            self.has_refused.set()
            raise BrokerUnavailable("not connected to the broker")
        self.posted.put_nowait(Chunk.decode(body))


async def test_a_few_lost_bytes_are_sent_again_when_the_controller_lacks_them() -> None:
    wire = Wire()
    sender = OutputSender(EXECUTION, 1, OutputBuffer(), wire.post)
    running = asyncio.create_task(sender.run())
    sender.append(b"a few")
    assert (await wire.posted.get()).data == b"a few"
    sender.acknowledge(0, hole=True)
    assert (await wire.posted.get()).data == b"a few"
    sender.resume()
    assert (await wire.posted.get()).data == b"a few"
    sender.acknowledge(5, hole=False)
    sender.end()
    await running


async def test_a_few_bytes_that_could_not_be_sent_are_sent_when_the_connection_is_back() -> None:
    wire = Wire(refused=1)
    sender = OutputSender(EXECUTION, 1, OutputBuffer(), wire.post)
    running = asyncio.create_task(sender.run())
    sender.append(b"a few")
    await wire.has_refused.wait()
    sender.resume()
    assert (await wire.posted.get()).data == b"a few"
    sender.acknowledge(5, hole=False)
    sender.end()
    await running
