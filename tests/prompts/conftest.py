"""One run of the corpus for the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.prompts.device import Seen, run_all


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Seen]]:
    home: Path = tmp_path_factory.mktemp("corpus")
    for folder in (home, home.parent):  # programs of other users work below
        folder.chmod(0o755)
    return run_all(home)
