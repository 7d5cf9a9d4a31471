"""runlet/controller/timings.py: moments are kept in a bounded file, whoever writes them and however often."""

from __future__ import annotations

import os
import resource
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from runlet.controller.timings import QUARTER_BYTES, RESOLUTIONS, append, read
from runlet.protocol.moment import MOMENT_BYTES, Moment


def at(offset: int, seconds: float, columns: int = 80) -> Moment:
    return Moment(offset, seconds, columns, 24)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "ab" / "abc.1.times")


def test_moments_are_read_in_order(file: str) -> None:
    assert read(file) == []
    append(file, [at(0, 0.0), at(5, 1.5)])
    append(file, [at(9, 2.0, columns=100)])
    assert read(file) == [at(0, 0.0), at(5, 1.5), at(9, 2.0, columns=100)]


def test_another_size_is_noted_however_soon(file: str) -> None:
    append(file, [at(0, 0.0), at(5, 0.001), at(7, 0.002, columns=100)])
    assert read(file) == [at(0, 0.0), at(7, 0.002, columns=100)]


def test_what_is_told_again_changes_nothing(file: str) -> None:
    append(file, [at(0, 0.0), at(5, 1.5)])
    append(file, [at(0, 0.0), at(5, 1.5), at(9, 2.0)])
    append(file, [])
    assert read(file) == [at(0, 0.0), at(5, 1.5), at(9, 2.0)]


def test_two_controllers_that_write_the_same_write_it_once(file: str) -> None:
    """Both looked at the end before either of them wrote: the file holds all of it twice."""
    append(file, [at(0, 0.0), at(5, 1.5)])
    twice = Path(file).read_bytes()
    Path(file).write_bytes(twice + twice)
    append(file, [at(9, 2.0)])
    assert read(file) == [at(0, 0.0), at(5, 1.5), at(9, 2.0)]


def test_a_record_that_a_crash_has_cut_costs_no_other(file: str) -> None:
    append(file, [at(0, 0.0), at(5, 1.5), at(7, 1.9)])
    for cut in range(1, MOMENT_BYTES):
        body = Path(file).read_bytes()[: 2 * MOMENT_BYTES + cut]
        Path(file).write_bytes(body)
        append(file, [at(9, 2.0), at(12, 3.0)])
        found = read(file)
        assert found[:2] == [at(0, 0.0), at(5, 1.5)], cut
        assert found[-2:] == [at(9, 2.0), at(12, 3.0)], cut


def test_the_file_is_bounded_and_gets_coarser_the_longer_a_session_is(file: str) -> None:
    most = len(RESOLUTIONS) * QUARTER_BYTES
    seconds, offset = 0.0, 0
    for resolution in RESOLUTIONS:
        # Twice as many as a quarter holds, at twice its pace: every second one is noted.
        many = []
        for _ in range(2 * QUARTER_BYTES // MOMENT_BYTES + 2):
            many.append(at(offset, round(seconds, 3)))
            seconds, offset = seconds + resolution / 2, offset + 1
        append(file, many)
    assert most <= os.path.getsize(file) < most + MOMENT_BYTES
    found = read(file)
    for before, after in pairwise(found):
        assert after.seconds - before.seconds >= RESOLUTIONS[0] - 0.001
    append(file, [at(offset, seconds + 1000)])
    assert os.path.getsize(file) < most + MOMENT_BYTES, "beyond its bound nothing is noted"


def test_a_full_disk_is_told(file: str) -> None:
    append(file, [at(0, 0.0)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOMENT_BYTES, before[1]))
        with pytest.raises(OSError, match="too large"):
            append(file, [at(5, 1.0)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    append(file, [at(5, 1.0)])
    assert read(file) == [at(0, 0.0), at(5, 1.0)]
