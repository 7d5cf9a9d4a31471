"""What fault tests tell about themselves: seeds and counts, in the output of a run that passes too."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

Tell = Callable[[str], None]


@pytest.fixture
def tell(capfd: pytest.CaptureFixture[str]) -> Tell:
    def line(text: str) -> None:
        with capfd.disabled():
            sys.stdout.write(f"\n  {text}\n")

    return line
