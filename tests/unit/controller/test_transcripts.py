"""Transcripts on a disk, as two controllers write and read them."""

from __future__ import annotations

import functools
import os
import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runlet.amqp.consumer import Delivery
from runlet.controller.streams import Streams
from runlet.controller.transcripts import Transcripts
from runlet.errors import Unavailable
from runlet.protocol import names
from runlet.protocol.chunk import MAX_CHUNK_BYTES, Chunk

EXECUTION = "0b9de4a2-6f4b-4e59-9d4e-3f1a4a3f8a11"
LIMIT = 64 * 1024


@pytest.fixture
def transcripts(tmp_path: Path) -> Transcripts:
    return Transcripts(tmp_path)


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def whole(transcripts: Transcripts, limit: int = 10**9) -> list[tuple[int, bytes]]:
    """All that is kept, in runs without a gap."""
    found, offset = [], 0
    while (read := transcripts.read(EXECUTION, 1, offset, limit))[1]:
        found.append(read)
        offset = read[0] + len(read[1])
    return found


def test_below_the_limit_every_byte_is_kept(transcripts: Transcripts) -> None:
    data = os.urandom(LIMIT)
    for begin in range(0, LIMIT, 1000):
        end = transcripts.append(EXECUTION, 1, begin, data[begin : begin + 1000], LIMIT)
        assert end == min(begin + 1000, LIMIT)
    assert whole(transcripts) == [(0, data)]


def test_beyond_the_limit_its_halves_are_kept_with_their_offsets(transcripts: Transcripts, tmp_path: Path) -> None:
    data = os.urandom(20 * LIMIT + 12_345)
    for begin in range(0, len(data), 60_000):
        transcripts.append(EXECUTION, 1, begin, data[begin : begin + 60_000], LIMIT)
        assert on_disk(tmp_path) <= LIMIT
    assert transcripts.length(EXECUTION, 1) == len(data)
    (_, head), (begin, tail) = whole(transcripts)
    assert head == data[: LIMIT // 2]
    assert tail == data[begin:]
    assert len(tail) > LIMIT // 8 * 3
    transcripts.sync(EXECUTION, 1)


def test_what_comes_again_or_too_early_changes_nothing(transcripts: Transcripts) -> None:
    data = os.urandom(4 * LIMIT)
    assert transcripts.append(EXECUTION, 1, 0, data[:200_000], LIMIT) == 200_000
    assert transcripts.append(EXECUTION, 1, 0, data[:1000], LIMIT) == 200_000
    assert transcripts.append(EXECUTION, 1, 201_000, data[201_000:], LIMIT) == 200_000
    assert transcripts.append(EXECUTION, 1, 150_000, data[150_000:], LIMIT) == len(data)
    (_, head), (begin, tail) = whole(transcripts)
    assert (head, tail) == (data[: LIMIT // 2], data[begin:])


def test_a_controller_goes_on_where_another_has_come_to(transcripts: Transcripts, tmp_path: Path) -> None:
    """It knows the files alone, whatever it had seen of the stream before."""
    data, other = os.urandom(10 * LIMIT), Transcripts(tmp_path)
    assert transcripts.append(EXECUTION, 1, 0, data[:1000], LIMIT) == 1000
    assert other.append(EXECUTION, 1, 500, data[500:500_000], LIMIT) == 500_000
    assert transcripts.length(EXECUTION, 1) == 500_000
    assert transcripts.append(EXECUTION, 1, 1000, data[1000:], LIMIT) == len(data)
    (_, head), (begin, tail) = whole(other)
    assert (head, tail) == (data[: LIMIT // 2], data[begin:])
    assert on_disk(tmp_path) <= LIMIT


def test_attempts_and_executions_are_apart(transcripts: Transcripts) -> None:
    transcripts.append(EXECUTION, 1, 0, b"one", LIMIT)
    transcripts.append(EXECUTION, 2, 0, bytes(2 * LIMIT), LIMIT)
    assert transcripts.length(EXECUTION, 1) == 3
    assert transcripts.length(EXECUTION, 2) == 2 * LIMIT
    assert transcripts.length(EXECUTION, 3) == 0
    assert transcripts.read(EXECUTION, 3, 0, 10) == (0, b"")
    transcripts.sync(EXECUTION, 3)


def test_what_a_disk_did_not_take_is_taken_later(transcripts: Transcripts) -> None:
    data, (soft, hard) = os.urandom(2 * LIMIT), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(Unavailable, match="File too large"):
            transcripts.append(EXECUTION, 1, 0, data, LIMIT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert whole(transcripts) == [(0, data[:5000])]
    assert transcripts.append(EXECUTION, 1, 0, data, LIMIT) == len(data)
    (_, head), (begin, tail) = whole(transcripts)
    assert (head, tail) == (data[: LIMIT // 2], data[begin:])


@pytest.mark.parametrize("printed", [1000, 10 * LIMIT])
def test_a_transcript_that_was_removed_while_its_program_printed_goes_on_behind_a_gap(
    transcripts: Transcripts, tmp_path: Path, printed: int
) -> None:
    streams, data = Streams(transcripts, lambda _device, _message: None), os.urandom(printed + 3000)
    streams.open(EXECUTION, 1, "pi-1", LIMIT)
    deliver(streams, 0, data[:printed])
    shutil.rmtree(tmp_path / EXECUTION[:2])
    deliver(streams, printed, data[printed:])
    assert streams.length(EXECUTION, 1) == len(data)
    assert transcripts.read(EXECUTION, 1, 0, len(data)) == (printed, data[printed:])


def test_a_head_that_was_removed_is_a_gap_before_its_tail(transcripts: Transcripts, tmp_path: Path) -> None:
    data = os.urandom(2 * LIMIT)
    transcripts.append(EXECUTION, 1, 0, data, LIMIT)
    (tmp_path / EXECUTION[:2] / f"{EXECUTION}.1").unlink()
    assert transcripts.length(EXECUTION, 1) == len(data)
    ((begin, tail),) = whole(transcripts)
    assert tail == data[begin:]


def test_each_chunk_is_acknowledged_whatever_the_disk_does(transcripts: Transcripts, tmp_path: Path) -> None:
    """A reader that keeps some for ever is given no more once they fill its prefetch."""
    streams = Streams(transcripts, lambda _device, _message: None)
    streams.open(EXECUTION, 1, "pi-1", LIMIT)
    deliver(streams, 0, b"before, ")
    tail = tmp_path / EXECUTION[:2] / f"{EXECUTION}.1.tail"
    tail.touch()  # a file where a folder is: every look at it fails
    deliver(streams, 8, b"after")
    deliver(streams, 99, b"a hole before it")
    assert "Not a directory" in transcripts.failure
    streams.finish(EXECUTION, 13, 0)
    tail.unlink()
    deliver(streams, 8, b"after")
    assert transcripts.read(EXECUTION, 1, 0, 99) == (0, b"before, after")


def test_a_folder_that_cannot_be_written_is_told(transcripts: Transcripts, tmp_path: Path) -> None:
    transcripts.check()
    assert not transcripts.failure
    tmp_path.rmdir()
    with pytest.raises(Unavailable, match="No such file"):
        transcripts.check()
    assert transcripts.failure


def test_checks_at_once_do_not_disturb_each_other(transcripts: Transcripts, tmp_path: Path) -> None:
    """Of controllers in containers, say, which share a folder and have the same process id."""
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(Transcripts(tmp_path).check) for _ in range(400)]:
            done.result()
    assert not list(tmp_path.iterdir())


def test_a_check_that_fails_leaves_nothing(transcripts: Transcripts, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(Unavailable, match="File too large"):
            transcripts.check()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def deliver(streams: Streams, position: int, data: bytes) -> None:
    """In chunks; each must be acknowledged."""
    acknowledged: list[int] = []
    begins = range(0, len(data), MAX_CHUNK_BYTES)
    for begin in begins:
        body = Chunk(EXECUTION, 1, position + begin, data[begin : begin + MAX_CHUNK_BYTES]).encode()
        ack = functools.partial(acknowledged.append, begin)
        streams.on_delivery(Delivery(names.key("pi-1", names.OUTPUT), body, ack))
    assert acknowledged == list(begins)
