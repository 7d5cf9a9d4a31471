"""The PTY layer alone: a real kernel, real programs, no broker."""

from __future__ import annotations

import cProfile
import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from runlet.holder import calls, waiting
from runlet.holder.terminal import Terminal
from tests.harness import wait_until

ENV = {b"PATH": os.environb[b"PATH"], b"TERM": b"dumb"}


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        os.kill(terminal.pid, signal.SIGKILL)
        os.waitpid(terminal.pid, 0)
        terminal.close()


def start(terminals: list[Terminal], *argv: str, **options: object) -> Terminal:
    terminal = Terminal([argument.encode() for argument in argv], ENV, b"/", 80, 24)
    terminals.append(terminal)
    terminal.release()
    return terminal


def printed(terminal: Terminal, until: bytes) -> bytes:
    seen = b""

    def look() -> bool:
        nonlocal seen
        seen += terminal.read(65536) or b""
        return until in seen

    wait_until(look, f"{until!r}; seen {seen!r}")
    return seen


def ended(terminal: Terminal) -> int:
    status = wait_until(
        lambda: (
            None
            if (found := os.waitid(os.P_PID, terminal.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None
            else found
        ),
        "the program to end",
    )
    return status.si_status


def test_the_program_waits_for_its_release(tmp_path):
    marker = tmp_path / "started"
    terminal = Terminal([b"touch", bytes(marker)], ENV, b"/", 80, 24)
    # It is blocked in a read of the barrier, before exec: no amount of time would start it.
    wait_until(lambda: b"touch" not in open_cmdline(terminal.pid), "the fork")
    os.close(terminal._barrier)  # as the kernel does when the holder dies
    os.waitpid(terminal.pid, 0)
    terminal.close()
    assert not marker.exists()


def open_cmdline(pid: int) -> bytes:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


def test_ctrl_c_reaches_a_program_that_never_reads_its_full_input(terminals):
    terminal = start(terminals, "sh", "-c", "echo ready; exec sleep 1000")
    printed(terminal, b"ready")
    while terminal.write(b"x" * 1000 + b"\n"):
        terminal.read(65536)  # the echo
    terminal.interrupt()
    assert ended(terminal) == signal.SIGINT


def test_python_does_not_leave_ignored_signals_to_the_program(terminals):
    terminal = start(terminals, "sh", "-c", "trap; grep SigIgn /proc/self/status")
    assert int(printed(terminal, b"\n").split()[-1], 16) & (1 << (signal.SIGPIPE - 1)) == 0


def test_neither_master_nor_barrier_is_handed_on(terminals):
    terminal = start(terminals, "sh", "-c", "ls -l /proc/self/fd; echo end")
    links = printed(terminal, b"end")
    assert b"/dev/pts/" in links
    assert b"ptmx" not in links


def test_the_window_is_set_before_the_program_looks(terminals):
    terminal = Terminal([b"stty", b"size"], ENV, b"/", 200, 50)
    terminals.append(terminal)
    terminal.release()
    assert printed(terminal, b"\n").split() == [b"50", b"200"]


def test_a_redraw_signals_even_without_a_change(terminals):
    terminal = start(terminals, "sh", "-c", "trap 'echo redraw' WINCH; echo ready; while :; do sleep 0.02; done")
    printed(terminal, b"ready")
    terminal.redraw()
    printed(terminal, b"redraw")


def test_reading_ends_when_everyone_has_let_go(terminals):
    terminal = start(terminals, "true")
    deadline = time.monotonic() + 30
    while terminal.read(100) is not None:
        assert time.monotonic() < deadline


def test_backspace_takes_a_whole_character(terminals):
    terminal = start(terminals, "sh", "-c", 'echo ready; read -r line; printf %s "$line" | od -An -tx1; echo end')
    printed(terminal, b"ready")
    terminal.write("aé漢\x7f\x7fx\n".encode())
    assert b" 61 78\r\n" in printed(terminal, b"end")


_THREADS = """
import os, threading, time
copies = [os.fork() for _ in range(3)]
for _ in range({threads}):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
print("|", end="", flush=True)
input()
"""


def test_a_look_at_many_threads_of_many_processes_has_one_bound(terminals):
    """It is taken in the loop that carries output and keys."""
    terminal = start(terminals, sys.executable, "-c", _THREADS.format(threads=waiting.MOST_THREADS // 4))
    seen = b""
    while seen.count(b"|") < 8:
        seen += printed(terminal, b"|")
    looking = cProfile.Profile()
    found = looking.runcall(waiting.look, terminal.pid, terminal.master)
    assert found.activity in (waiting.READING, waiting.LIMITED)
    now = sum(entry.callcount for entry in looking.getstats() if entry.code is calls.now.__code__)
    assert waiting.MOST_THREADS < now <= waiting.MOST_THREADS + 8
