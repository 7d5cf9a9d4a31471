"""The examples of README, tutorial and how-tos, run in order as a reader would, and compared with what the pages show.

README and tutorial start a fleet of their own, in a terminal. The how-tos use the session's fleet, without one. What
cannot be the same twice (numbers of runs, times, ports, revisions) is left out of the comparison; lines of several
devices may come in another order. A command that only looks is repeated until it shows what the page does: a reader,
too, looks again when a device needs a moment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import Block, Step
from tests.harness import PATIENCE_SECONDS, TOKEN, Fleet, wait_until
from tests.tmux import Tmux

BIN = Path(sys.executable).parent
LOOKS_ONLY = re.compile(r"runlet (logs|show|ps|devices|prompts)\b")
# A command that ends by itself; more would be a hang.
COMMAND_SECONDS = 120.0
# As the pages' blocks are: wide enough for every table, and high enough for every answer.
COLUMNS, ROWS = 110, 50

# What differs from one time to the next, and what stands for it in a comparison.
_VARIABLE = [
    (r"\s+", " "),
    (r"\[waiting too: [^]]*\]", ""),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"\b[0-9a-f]{12}\b", "REVISION"),
    (r"\b(now|\d+ (s|min) ago)", "AGE"),
    (r"(?<=AGE 0\.1\.0 )\S.*$", "SYSTEM"),  # of a device: what its facts say
    (r"\b(\d+ min \d+ s|\d+\.\d+ s)", "DURATION"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "INSTANT"),
    (r"http://[\d.:]+", "URL"),
    (r"\b[\w.-]+@[\w.-]+\b", "OPERATOR"),
    (r"^source \S+$", "source SOURCE"),  # of the repository's own playbooks: what it was cloned from
    (r"\b(run|attach) \d+", r"\1 N"),
    (r"^\d+ (?=\S+( \S+)? (all|local|any|custom) )", "N "),  # the first column of ps
]


def shape(line: str) -> str:
    """A line without what differs."""
    for pattern, word in _VARIABLE:
        line = re.sub(pattern, word, line)
    return line.strip()


def shapes(lines: list[str]) -> Counter[str]:
    return Counter(one for one in map(shape, lines) if one)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The reader's folder: where the repository's playbooks are."""
    for name in ("playbooks", "schemas"):
        (tmp_path / name).symlink_to(pages.ROOT / name)
    return tmp_path


def environment(folder: Path, **variables: str) -> dict[str, str]:
    return {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(folder),
        "RUNLET_HOME": str(folder / "state"),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        **variables,
    }


# --- without a terminal --------------------------------------------------------------------------------------------

HOW_TOS = [
    "write-a-job",
    "attach-and-answer",
    "answer-questions",
    "answer-without-a-person",
    "replay",
    "run-from-scripts",
    "import-an-ansible-inventory",
    "change-jobs-by-hand",
    "roll-out-in-steps",
]
WITHOUT_A_FLEET = ["validate-in-an-editor-and-before-commits"]


@pytest.mark.parametrize("page", HOW_TOS)
def test_how_to(page: str, fleet: Fleet, folder: Path) -> None:
    follow(page, folder, environment(folder, RUNLET_CONTROLLER=fleet.url, RUNLET_TOKEN=TOKEN))


@pytest.mark.parametrize("page", WITHOUT_A_FLEET)
def test_how_to_without_a_fleet(page: str, folder: Path) -> None:
    follow(page, folder, environment(folder))


def follow(page: str, folder: Path, variables: dict[str, str]) -> None:
    for block in pages.blocks(pages.read(f"docs/how-to/{page}.md")):
        if block.title:
            (folder / block.title).write_text(block.text)
        elif block.language == "console":
            run_block(block, folder, variables)


def test_every_how_to_with_examples_is_run() -> None:
    with_examples = {
        path.stem
        for path in (pages.ROOT / "docs/how-to").glob("*.md")
        if any(block.language == "console" for block in pages.blocks(path.read_text("utf-8")))
    }
    assert with_examples == {*HOW_TOS, *WITHOUT_A_FLEET}


def run_block(block: Block, folder: Path, variables: dict[str, str]) -> None:
    *others, last = pages.steps(block)
    for step in others:
        run_step(step, 0, folder, variables)
    run_step(last, block.exit_code, folder, variables)


def run_step(step: Step, code: int, folder: Path, variables: dict[str, str]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        if not LOOKS_ONLY.match(step.command) or time.monotonic() > give_up:
            break
        if shapes(done.stdout.splitlines()) == shapes(step.printed):
            break
    assert shapes(done.stdout.splitlines()) == shapes(step.printed), f"$ {step.command}\n{done.stdout}"
    assert done.returncode == code, f"$ {step.command}\n{done.stdout}"


# --- in a terminal ---------------------------------------------------------------------------------------------------


class Reader:
    """Somebody who types a page's commands into a terminal."""

    def __init__(self, folder: Path) -> None:
        self.environment = environment(folder)
        self._folder = folder
        self._terminal = Tmux(self.environment, COLUMNS, ROWS)
        self._command = f"cd {folder}"
        self._keys: list[str] = []  # pressed last
        self._open = False  # the last command may not have ended
        self._enter(self._command)

    def follow(self, block: Block) -> None:
        if block.title:
            (self._folder / block.title).write_text(block.text)
        elif block.info == "console tty":
            for step in pages.steps(block):
                self._do(step)
        elif block.info == "text keys":
            self._keys = block.text.splitlines()
            self._press()
        elif block.info == "text screen":
            self._see(block.text.splitlines())

    def finish(self) -> None:
        """The last command has ended well."""
        if self._open:
            self._terminal.wait_for_end(0)
            self._open = False

    def close(self) -> None:
        self._terminal.close()

    def _enter(self, command: str) -> None:
        self.finish()
        self._command = command
        self._keys = []
        self._terminal.enter(command)
        self._open = True

    def _do(self, step: Step) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        self._enter(step.command)
        while LOOKS_ONLY.match(step.command):
            self.finish()
            if not self._missing(step.printed) or time.monotonic() > give_up:
                break
            self._enter(step.command)
        self._see(step.printed)

    def _press(self) -> None:
        for line in self._keys:
            if line.startswith("Ctrl-] "):
                self._terminal.press("C-]", line.removeprefix("Ctrl-] "))
            else:
                self._terminal.enter(line)

    def _see(self, lines: list[str]) -> None:
        """Wait for these lines. A device can be chosen once its program runs: until then, choose again."""
        choosing = any(re.fullmatch(r"Ctrl-\] \d", line) for line in self._keys)

        def seen() -> bool:
            if not self._missing(lines):
                return True
            if choosing:
                self._press()
            return False

        try:
            wait_until(seen, f"what follows {self._command!r}", COMMAND_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._missing(lines)}; shown is\n{self._terminal.screen()}") from None

    def _missing(self, lines: list[str]) -> Counter[str]:
        """Which lines the last command has not shown yet."""
        shown = self._terminal.text().rpartition(f"$ {self._command}\n")[2]
        return shapes(lines) - shapes(shown.splitlines())


@pytest.fixture
def reader(folder: Path) -> Iterator[Reader]:
    one = Reader(folder)
    yield one
    one.close()
    subprocess.run([BIN / "runlet", "down"], env=one.environment, capture_output=True, timeout=COMMAND_SECONDS)


@pytest.mark.timeout(900)  # a whole fleet is started and stopped
@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/first-fleet.md"])
def test_page_in_a_terminal(page: str, reader: Reader) -> None:
    for block in pages.blocks(pages.read(page)):
        reader.follow(block)
    reader.finish()
