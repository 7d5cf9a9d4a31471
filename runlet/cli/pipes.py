"""stdin and stdout that are no terminal of ours, from asyncio: pipes and files that may be slow, and may close.

Blocking in the loop would leave the controller's pings unanswered while a pager waits for its reader, and the
connection would be cut. The descriptors stay blocking, since others share them; a pipe that polls as ready takes
PIPE_BUF bytes at once, so no call here blocks.
"""

from __future__ import annotations

import os
import select

from runlet.cli.readiness import until_ready

STDIN = 0
STDOUT = 1
_READ_BYTES = 64 * 1024


async def read_stdin() -> bytes:
    """Some bytes; none at its end."""
    if not _is_ready(STDIN, select.POLLIN):
        await until_ready(STDIN, reading=True)
    return os.read(STDIN, _READ_BYTES)


async def write_stdout(data: bytes) -> None:
    """All of `data`. Raises BrokenPipeError when nobody reads any more."""
    rest = memoryview(data)
    while rest:
        if not _is_ready(STDOUT, select.POLLOUT):
            await until_ready(STDOUT, reading=False)
        rest = rest[os.write(STDOUT, rest[: select.PIPE_BUF]) :]


def _is_ready(fd: int, event: int) -> bool:
    """Whether a call would not block; always so for a file, which cannot be waited for."""
    poll = select.poll()
    poll.register(fd, event)
    return bool(poll.poll(0))
