from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.logs import LEAST_LIMIT, MOST_LIMIT
from runlet.model.size import parse, text


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [("1B", 1), ("500kB", 500_000), ("64KiB", 65_536), ("10MB", 10_000_000), ("64MiB", 67_108_864), ("2GiB", 2**31)],
)
def test_a_size_is_read_and_written_in_the_largest_unit_that_leaves_no_rest(written: str, bytes_: int) -> None:
    assert parse(written) == bytes_
    assert text(bytes_) == written


@pytest.mark.parametrize(("written", "shortest"), [("1024KiB", "1MiB"), ("1000kB", "1MB"), ("1000GB", "1000GB")])
def test_equal_sizes_have_one_text(written: str, shortest: str) -> None:
    assert text(parse(written)) == shortest


@given(st.integers(LEAST_LIMIT, 10**9 - 1) | st.integers(1, 10**3).map(lambda number: number * 10**9))
def test_what_is_written_is_read_back(size: int) -> None:
    assert size <= MOST_LIMIT
    assert parse(text(size)) == size


@pytest.mark.parametrize(
    "written", ["", "5", "MB", "-1MB", "1.5MB", "6 MB", "6mb", "6KB", "6Mb", "6M", "6MB\n", "٣MB", "9999999999B"]
)
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="is not a size"):
        parse(written)
