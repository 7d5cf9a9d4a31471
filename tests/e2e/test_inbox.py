"""The inbox as operators use it: lists, answers, secrets, and what is told to whom."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from tests.harness import wait_until
from tests.operators import Operator
from tests.tmux import Tmux


def asks(operator: Operator, devices: str, script: str, number: int) -> tuple[str, str]:
    """A run whose programs ask: its number, and the id of their group once so many do."""
    run = operator.detached("exec", devices, "--", "bash", "-c", script)

    def group() -> str | None:
        lines = operator.succeed("prompts", "--run", run, "-o", "jsonl").splitlines()
        found = [json.loads(line) for line in lines]
        return str(found[0]["id"]) if found and len(found[0]["prompts"]) == number else None

    return run, wait_until(group, f"{number} devices to ask")


def printed(operator: Operator, run: str) -> str:
    return operator.succeed("logs", run, "-f")


def test_a_group_is_answered_but_for_one_device(operator: Operator) -> None:
    run, group = asks(operator, "pi-1,pi-2,pi-3", "read -p 'Inbox of three? ' a; echo got:$a", 3)
    listed = operator.succeed("prompts", "--run", run)
    assert re.search(rf"^{group} +\S.*  3: pi-1, pi-2, pi-3  Inbox of three\?$", listed, re.MULTILINE), listed
    assert operator.succeed("answer", group, "no", "--device", "pi-2") == "answered 1 of 1: Inbox of three?\n"
    assert operator.succeed("answer", group, "yes") == "answered 2 of 2: Inbox of three?\n"
    assert sorted(re.findall(r"(pi-\d) \| got:(\w+)", printed(operator, run))) == [
        ("pi-1", "yes"),
        ("pi-2", "no"),
        ("pi-3", "yes"),
    ]
    shown = operator.succeed("show", run)
    assert len(re.findall(r" (?:yes|no) +taken +Inbox of three\?$", shown, re.MULTILINE)) == 3
    newest = operator.succeed("history", "--answers", "-n", "2")
    assert len(re.findall(rf"^{run} .* yes +taken +Inbox of three\?$", newest, re.MULTILINE)) == 2, newest
    again = operator.runlet("answer", group, "yes")
    assert again.returncode == 1
    assert f"no open question is called '{group}'" in again.stderr
    assert "was first on pi-" in again.stderr


def test_keys_answer_a_full_screen(operator: Operator) -> None:
    run, group = asks(operator, "pi-1", "whiptail --yesno 'Whole screen?' 10 40; echo code:$?", 1)
    assert "Whole screen? (full screen)" in operator.succeed("prompts", "--run", run)
    operator.succeed("answer", group, "--key", "Tab", "--key", "Enter")
    assert "code:1" in printed(operator, run)


def test_a_secret_is_no_argument_and_comes_from_stdin_or_a_file(operator: Operator, tmp_path: Path) -> None:
    script = "read -s -p 'Vault: ' a; echo; printf %s \"$a\" | sha256sum"
    run, group = asks(operator, "pi-1", script, 1)
    assert "Vault: (secret)" in operator.succeed("prompts", "--run", run)
    refused = operator.runlet("answer", group, "open-sesame")
    assert refused.returncode == 1
    assert "among the arguments" in refused.stderr
    empty = operator.runlet("answer", group)
    assert (empty.returncode, "<stdin> is empty" in empty.stderr) == (1, True)
    operator.succeed("answer", group, stdin=b"from-stdin\nand more\n")
    assert hashlib.sha256(b"from-stdin").hexdigest() in printed(operator, run)
    assert "(secret)" in operator.succeed("show", run)

    run, group = asks(operator, "pi-1", script, 1)
    (tmp_path / "vault").write_text("from-a-file\n")
    operator.succeed("answer", group, "--secret-file", str(tmp_path / "vault"))
    assert hashlib.sha256(b"from-a-file").hexdigest() in printed(operator, run)


def test_what_a_device_asks_cannot_touch_the_terminal(operator: Operator) -> None:
    script = "printf 'Evil \\033]52;c;eA==\\007\\033[31m\\u202equestion? '; read a"
    run, group = asks(operator, "pi-1", script, 1)
    for command in (["prompts", "--run", run], ["prompts", group], ["answer", group, "y"], ["show", run]):
        done = operator.runlet(*command)
        assert "question" in done.stdout
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", done.stdout + done.stderr), command


def test_one_question_after_another_on_a_terminal(operator: Operator, terminal: Tmux) -> None:
    first, _ = asks(operator, "pi-1,pi-2", "read -p 'Same for both? ' a; echo got:$a", 2)
    second, _ = asks(operator, "pi-3", "read -s -p 'Sesame: ' a; echo; echo got:${#a}", 1)
    terminal.enter("runlet answer --device pi-1,pi-2,pi-3")
    terminal.wait_for("answer for all 2 devices, or [e]ach?")
    terminal.press("Enter")
    terminal.wait_for("answer (Ctrl-D skips):")
    terminal.enter("sure")
    terminal.wait_for("answered 2 of 2: Same for both?")
    terminal.wait_for("not shown while it is typed")
    terminal.enter("opensesame")
    shown = terminal.wait_for_end(0)
    assert "opensesame" not in shown
    assert "answered 1 of 1: Sesame:" in shown
    assert printed(operator, first).count("got:sure") == 2
    assert "got:10" in printed(operator, second)


def test_the_inbox_is_watched_as_it_changes(operator: Operator, terminal: Tmux) -> None:
    terminal.enter("runlet prompts --watch --device pi-2")
    terminal.wait_for("nothing is asked")
    run, group = asks(operator, "pi-2", "read -p 'Watched? ' a", 1)
    terminal.wait_for(re.compile(rf"^{group} .*1: pi-2 +Watched\?"))
    operator.succeed("answer", group, "y")
    terminal.wait_for("nothing is asked")
    terminal.press("C-c")
    terminal.wait_for_end(130)
    printed(operator, run)
