"""A terminal with an operator's shell in it: tmux, whose screen tests read and whose keys they press.

Each terminal is a tmux server of its own, so that nothing of the machine's or of another test's shows in it. A test
never waits for time: it waits until the screen shows what an operator would wait for.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.harness import growing_steps

# When a screen is given up. Generous: programs start slowly on a shared CI machine.
PATIENCE_SECONDS = 60.0
# Between two looks at the screen, which cost a process each.
_LOOK_SECONDS = 0.03
_MOST_LOOK_SECONDS = 0.1

# The shell's prompt tells how many commands were entered and how the last one ended, so that its end can be waited for.
_PROMPT = r"[\#:$?]$ "
_PROMPTED = re.compile(r"\[(\d+):(\d+)\]\$$")
_numbers = itertools.count(1)

Expected = str | re.Pattern[str] | Callable[[str], object]


class Tmux:
    """A shell in a terminal of `columns` x `rows`."""

    def __init__(self, environment: Mapping[str, str], columns: int = 80, rows: int = 24) -> None:
        """The shell begins in its HOME."""
        self._socket = f"runlet-tests-{os.getpid()}-{next(_numbers)}"
        # The server's own options come before its first window, which takes its type of terminal from them.
        self._tmux("start-server", ";", "set", "-g", "default-terminal", "tmux-256color", ";",
                   "set", "-g", "status", "off", ";", "set", "-g", "history-limit", "10000", ";",
                   "new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", environment["HOME"],
                   "env", f"PS1={_PROMPT}", "bash", "--norc", "--noprofile", "-i",
                   environment=environment)  # fmt: skip
        self._file = Path(self._tmux("display-message", "-p", "#{socket_path}").strip())
        self._prompts = 0
        self.wait_for_end(0)

    def close(self) -> None:
        """Close the terminal: its programs get SIGHUP, as when its window is closed."""
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True)
        self._file.unlink(missing_ok=True)  # tmux leaves it there

    def type(self, text: str) -> None:
        """Type `text` as it is."""
        self._tmux("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: Enter, Escape, C-c, F10."""
        self._tmux("send-keys", *keys)

    def press_bytes(self, data: bytes) -> None:
        """Type bytes of any value, as a keyboard with a strange mind would."""
        self._tmux("send-keys", "-H", *(f"{byte:x}" for byte in data))

    def paste(self, text: str) -> None:
        """Paste as a person does: bracketed, if the program has asked for that."""
        subprocess.run(["tmux", "-L", self._socket, "load-buffer", "-"], input=text.encode(), check=True)
        self._tmux("paste-buffer", "-p", "-r")

    def enter(self, line: str) -> None:
        """Type a line and press Enter."""
        self.type(line)
        self.press("Enter")

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        """What is visible."""
        return self._tmux("capture-pane", "-p")

    def styled(self) -> str:
        """What is visible, with its colours and weights."""
        return self._tmux("capture-pane", "-p", "-e")

    def text(self) -> str:
        """All lines, the scrolled ones too, each in one piece however often it was wrapped."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-")

    def flags(self) -> dict[str, str]:
        """What programs have set in the terminal: another screen, the mouse; and whether the cursor shows."""
        names = ("alternate_on", "mouse_any_flag", "cursor_flag")
        values = self._tmux("display-message", "-p", " ".join(f"#{{{name}}}" for name in names)).split()
        return dict(zip(names, values, strict=True))

    def option(self, name: str, value: str) -> None:
        """Set an option of the terminal, by tmux's name."""
        self._tmux("set", "-g", name, value)

    def title(self) -> str:
        """What programs have called the window."""
        return self._tmux("display-message", "-p", "#{pane_title}").rstrip("\n")

    def clipboard(self) -> str:
        """What programs have put there."""
        return self._tmux("show-buffer")

    def processes(self) -> list[int]:
        """The shell's children."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()
        return [int(pid) for pid in Path(f"/proc/{shell}/task/{shell}/children").read_text().split()]

    def wait_for(self, expected: Expected, what: str | None = None) -> str:
        """The screen, once it holds a text, matches a pattern (line by line) or satisfies a condition."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        steps = growing_steps(_LOOK_SECONDS, _MOST_LOOK_SECONDS)
        while not _satisfies(screen := self.screen(), expected):
            assert time.monotonic() < give_up, f"the screen never showed {what or expected!r}; it shows:\n{screen}"
            time.sleep(next(steps))
        return screen

    def wait_for_end(self, code: int) -> str:
        """Everything shown, once the command has ended with `code` and the shell prompts again."""

        def prompted(screen: str) -> bool:
            found = _PROMPTED.search(screen.rstrip())
            return found is not None and int(found[1]) > self._prompts

        found = _PROMPTED.search(self.wait_for(prompted, "the shell's prompt").rstrip())
        assert found
        self._prompts = int(found[1])
        text = self.text()
        assert int(found[2]) == code, f"expected exit code {code}:\n{text}"
        return text

    def _tmux(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        command = ["tmux", "-L", self._socket, "-f", "/dev/null", "-u", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout


def _satisfies(screen: str, expected: Expected) -> bool:
    match expected:
        case str():
            return expected in screen
        case re.Pattern():
            return any(expected.search(line) for line in screen.splitlines())
        case _:
            return bool(expected(screen))
