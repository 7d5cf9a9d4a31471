"""Waiting in the loop until a descriptor can be read or written."""

from __future__ import annotations

import asyncio


async def until_ready(fd: int, *, reading: bool) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def done() -> None:
        if not ready.done():  # the loop may call twice before it gets to `remove`
            ready.set_result(None)

    add, remove = (loop.add_reader, loop.remove_reader) if reading else (loop.add_writer, loop.remove_writer)
    add(fd, done)
    try:
        await ready
    finally:
        remove(fd)
