"""What the end-to-end tests share: an operator of the session's fleet, and terminals for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.harness import Fleet
from tests.operators import Operator
from tests.roots import PROJECT
from tests.tmux import Tmux


@pytest.fixture(scope="session")
def operator(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """The operator of the session's fleet, who has applied the playbooks that fit it."""
    one = Operator(tmp_path_factory.mktemp("operator"), fleet)
    one.succeed("apply", *(str(PROJECT / "playbooks" / name) for name in ("questions.yaml", "hello.yaml")))
    return one


@pytest.fixture
def open_terminal(operator: Operator) -> Iterator[Callable[..., Tmux]]:
    """Opens terminals of the operator, of 80x24 or a given size; they are closed at the test's end."""
    opened: list[Tmux] = []

    def open_one(columns: int = 80, rows: int = 24) -> Tmux:
        opened.append(Tmux(operator.environment, columns, rows))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()


@pytest.fixture
def terminal(open_terminal: Callable[..., Tmux]) -> Tmux:
    """A terminal of 80x24."""
    return open_terminal()
