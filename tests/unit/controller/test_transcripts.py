"""Transcripts on a disk, as two controllers write and read them."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from runlet.controller.transcripts import Transcripts

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
        with pytest.raises(OSError, match="File too large"):
            transcripts.append(EXECUTION, 1, 0, data, LIMIT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert whole(transcripts) == [(0, data[:5000])]
    assert transcripts.append(EXECUTION, 1, 0, data, LIMIT) == len(data)
    (_, head), (begin, tail) = whole(transcripts)
    assert (head, tail) == (data[: LIMIT // 2], data[begin:])
