"""runlet/cli/secrets.py and what reads a secret from stdin, which may be a terminal."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator

import pytest

from runlet.cli.inputs import named
from runlet.cli.secrets import gather
from runlet.errors import InvalidInput
from tests.tmux import Tmux

READ = "from runlet.cli.inputs import *; print('read', len(open_secret(named('-')).read()))"


@pytest.fixture
def terminal() -> Iterator[Tmux]:
    one = Tmux({"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8"})
    yield one
    one.close()


def test_a_secret_that_is_typed_is_not_shown(terminal: Tmux) -> None:
    terminal.enter(shlex.join([sys.executable, "-c", READ]))
    terminal.wait_for("one line, which is not shown:")
    terminal.enter("swordfish")
    terminal.wait_for("read 10")
    assert "swordfish" not in terminal.text()


def test_stdin_holds_one_secret() -> None:
    with pytest.raises(InvalidInput, match="stdin is one file, and holds one secret: not A and B"):
        gather({"A", "B"}, [("A", named("-")), ("B", named("-"))])
