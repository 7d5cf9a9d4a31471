"""The command line where nobody sits at a terminal: scripts, pipes, files, and what they read of it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from tests.harness import Fleet
from tests.operators import RUNLET, Operator

COMMANDS = [
    *("up", "down", "status"),
    *("validate", "plan", "apply", "config", "jobs"),
    *("run", "exec", "ps", "show", "attach", "logs", "cancel"),
    *("devices", "completion"),
]


def test_every_line_is_behind_its_device(operator: Operator) -> None:
    done = operator.runlet("exec", "pi-1,pi-2,pi-3", "--", "sh", "-c", "seq 200; printf unfinished")
    assert done.returncode == 0, done.stderr
    lines: dict[str, list[str]] = {"pi-1": [], "pi-2": [], "pi-3": []}
    for line in done.stdout.splitlines():
        device, _, text = line.partition(" | ")
        lines[device].append(text)
    expected = [*map(str, range(1, 201)), "unfinished", "Exited with code: 0 signal: none"]
    assert lines == dict.fromkeys(lines, expected)
    assert re.fullmatch(r"run \d+: 3 done\n", done.stderr)


def test_jsonl(operator: Operator) -> None:
    done = operator.runlet("exec", "pi-1,pi-2", "--output", "jsonl", "--", "echo", 'a "quoted" line')
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["type"] == "run"
    said = {event["device"]: event["line"] for event in events if event["type"] == "output"}
    assert said == {"pi-1": 'a "quoted" line', "pi-2": 'a "quoted" line'}
    last = {execution["device"]: execution for execution in events[0]["run"]["executions"]}
    last |= {event["execution"]["device"]: event["execution"] for event in events if event["type"] == "execution"}
    assert [(device, view["state"], view["exit_code"]) for device, view in last.items()] == [
        ("pi-1", "succeeded", 0),
        ("pi-2", "succeeded", 0),
    ]


def test_json(operator: Operator) -> None:
    run = operator.json("exec", "pi-1", "--", "true")
    assert (run["state"], run["settled"], run["command"]) == ("succeeded", True, ["true"])


@pytest.mark.parametrize("command", [["ps"], ["show"], ["devices"], ["jobs"]], ids=" ".join)
def test_listings(operator: Operator, command: list[str]) -> None:
    number = operator.json("exec", "pi-1", "--", "true")["id"]
    as_json = operator.json(*command)
    items = as_json if isinstance(as_json, list) else [as_json]
    lines = operator.succeed(*command, "--output", "jsonl").splitlines()
    assert [list(json.loads(line)) for line in lines] == [list(item) for item in items]
    table = operator.succeed(*command)
    assert "\x1b" not in table, "no colours in a pipe"
    words = {"ps": str(number), "show": f"run {number}: true", "devices": "pi-3", "jobs": "upgrade"}
    assert words[command[0]] in table


def test_a_report_is_written_when_the_wait_is_given_up(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    done = operator.runlet(
        "exec", "pi-1", "--wait", "--timeout", "2", "--junit", str(file), "--", "sh", "-c", "echo begun; sleep 1000"
    )
    assert done.returncode == 124
    operator.succeed("cancel", "latest")
    (case,) = parse(file).iter("testcase")
    assert [(child.tag, child.get("type"), child.text) for child in case] == [
        ("error", "running", "not ended: running when the wait was given up"),
        ("system-out", None, "begun"),
    ]


def test_a_report_holds_the_end_of_much_output(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    operator.succeed("exec", "pi-1", "--junit", str(file), "--", "seq", "20000")
    (output,) = parse(file).iter("system-out")
    first, *lines = (output.text or "").splitlines()
    assert re.fullmatch(r"\[the first \d+ bytes are left out\]", first)
    assert lines == [str(number) for number in range(20001 - len(lines), 20001)]


def test_a_report_of_no_device(operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(
        "report-of-none: {script: ls, where: custom, whereCustom: [x-*], allowEmpty: true}\n"
    )
    operator.succeed("apply", str(tmp_path / "jobs.yaml"), "--source", "report-of-none")
    operator.succeed("run", "report-of-none", "--wait", "--junit", str(tmp_path / "report.xml"))
    assert [suite.get("tests") for suite in parse(tmp_path / "report.xml").iter("testsuite")] == ["0"]
    operator.succeed("config", "--delete", "report-of-none", "--yes")


def test_logs(operator: Operator) -> None:
    number = operator.json("exec", "pi-1,pi-2", "--", "echo", "kept")["id"]
    assert operator.succeed("logs", str(number)).splitlines() == ["pi-1 | kept", "pi-2 | kept"]
    assert operator.succeed("logs", str(number), "--device", "pi-2") == "kept\n"
    assert operator.runlet_bytes("logs", str(number), "--device", "pi-2", "--raw").stdout == b"kept\r\n"


def test_answers_from_a_pipe(operator: Operator) -> None:
    number = operator.detached("run", "upgrade", "--on", "pi-1")
    done = operator.runlet("attach", number, stdin=b"perhaps\ny\n")
    assert done.returncode == 0, done.stderr
    assert "Please answer y, i or n." in done.stdout
    assert done.stdout.count("[y/i/N]?") == 2
    assert "7 apps upgraded.\n" in done.stdout


def test_a_large_file_is_typed_whole_or_the_loss_is_told(operator: Operator, tmp_path: Path) -> None:
    text = b"".join(b"%d: what somebody has written into a file\n" % number for number in range(20_000))
    written, script = tmp_path / "written", 'stty -echo; read -p "Text? " x; cat > "$0"'
    for content, code in ((text, 0), (text[:100_000] + b"x" * 5_000 + text, 1)):
        number = operator.detached("exec", "pi-1", "--", "bash", "-c", script, str(written))
        done = operator.runlet("attach", number, stdin=b"\n" + content + b"\x04")
        assert done.returncode == code, done.stderr
        if code:
            assert "a line of more than 4095 bytes does not fit" in done.stderr
            operator.succeed("cancel", number)
        else:
            assert written.read_bytes() == content


def test_a_pipe_types_on_one_device(operator: Operator) -> None:
    number = operator.detached("run", "ask-name", "--on", "pi-1,pi-2")
    refused = operator.runlet("attach", number, stdin=b"Ana\n")
    assert refused.returncode == 1
    assert "choose one with --device" in refused.stderr
    for device, name in (("pi-1", "Ana"), ("pi-2", "Rui")):
        answered = operator.runlet("attach", number, "--device", device, stdin=f"{name}\n".encode())
        assert f"{device} is now called {name}." in answered.stdout
        assert answered.returncode == 0, answered.stderr


def test_the_spellings_of_the_dissertation(operator: Operator) -> None:
    assert "pi-1 | Hello, Ana\n" in operator.succeed("@run", "greet", "Ana", "--on", "pi-1")
    assert "nothing is changed" in operator.runlet("@config", "greet", "--yes", EDITOR="true").stderr
    for command in ("@signin", "@signout"):
        done = operator.runlet(command)
        assert done.returncode == 1
        assert f"error: {command} is not available in this version" in done.stderr
        assert "RUNLET_TOKEN" in done.stderr


def test_where_local_is_the_operators_own_device(operator: Operator, fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "endpoint.json").write_text(
        json.dumps({"url": fleet.url, "token": operator.environment["RUNLET_TOKEN"], "device": "pi-2", "pid": 1})
    )
    environment = {name: value for name, value in operator.environment.items() if name != "RUNLET_CONTROLLER"}
    done = subprocess.run(
        [RUNLET, "exec", "local", "--", "sh", "-c", "echo on $RUNLET_DEVICE"],
        env=environment | {"RUNLET_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "pi-2 | on pi-2\n" in done.stdout, done.stderr


def test_the_reader_of_a_pipe_may_leave(operator: Operator) -> None:
    script = "runlet exec pi-1 -- sh -c 'echo 1; while sleep 0.1; do echo 2; done' | head -n 1"
    done = subprocess.run(["bash", "-c", script], env=operator.environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("pi-1 | 1\n", "")
    operator.succeed("cancel", "latest")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(operator: Operator, command: str) -> None:
    shown = operator.succeed(command, "--help")
    assert re.search(r"^  Examples?:\n    \S", shown, re.MULTILINE)
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("program", ["controller", "agent"])
def test_help_of_the_programs(operator: Operator, program: str) -> None:
    assert "--config" in operator.succeed(program, "--help")


def test_help_names_all_commands(operator: Operator) -> None:
    shown = operator.succeed("--help")
    assert all(re.search(rf"^  {command} +\S", shown, re.MULTILINE) for command in [*COMMANDS, "controller", "agent"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(operator: Operator, shell: str) -> None:
    assert "_RUNLET_COMPLETE" in operator.succeed("completion", shell)


def completed(operator: Operator, *words: str, **changed: str) -> list[str]:
    """What bash completes the last of the words to."""
    script = (
        'eval "$(runlet completion bash)"; COMP_WORDS=(runlet "$@"); COMP_CWORD=$#; '
        '_runlet_completion runlet; echo "${COMPREPLY[@]}"'
    )
    command = ["bash", "-c", script, "bash", *words]
    done = subprocess.run(command, env=operator.environment | changed, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_completion_completes(operator: Operator) -> None:
    assert completed(operator, "att") == ["attach"]


def test_names_and_numbers_are_completed_from_the_controller(operator: Operator) -> None:
    number = str(operator.json("exec", "pi-1", "--", "true")["id"])
    assert completed(operator, "run", "ask-n") == ["ask-name"]
    assert completed(operator, "config", "ask-n") == ["ask-name"]
    assert completed(operator, "show", "la") == ["latest"]
    assert completed(operator, "logs", number) == [number]
    assert completed(operator, "run", "upgrade", "--on", "pi-1,pi-") == ["pi-1,pi-1", "pi-1,pi-2", "pi-1,pi-3"]
    assert completed(operator, "cancel", number, "--device", "pi-3") == ["pi-3"]
    assert completed(operator, "devices", "pi-2") == ["pi-2"]


@pytest.mark.parametrize("changed", [{"RUNLET_CONTROLLER": "http://127.0.0.1:1"}, {"RUNLET_TOKEN": "wrong"}])
def test_a_controller_that_does_not_answer_completes_nothing_and_says_nothing(
    operator: Operator, changed: dict[str, str]
) -> None:
    assert completed(operator, "run", "ask-n", **changed) == []
    assert completed(operator, "att", **changed) == ["attach"]


def test_every_reader_is_told_once_of_what_is_left_out(operator: Operator, tmp_path: Path) -> None:
    limit, count = 64 * 1024, 40_000
    file = tmp_path / "endless.yaml"
    file.write_text(
        f"numbers-left-out:\n  script: stty -onlcr; seq -w {count}\n  logs: {{limit: 64KiB}}\n  where: local\n"
    )
    operator.succeed("apply", str(file), "--source", "left-out")
    report = tmp_path / "report.xml"
    done = operator.runlet("run", "numbers-left-out", "--on", "pi-1", "--wait", "--junit", str(report))
    assert done.returncode == 0, done.stderr
    whole = "".join(f"{number:05}\n" for number in range(1, count + 1)).encode()
    raw = operator.runlet_bytes("logs", "--raw")
    [(told, missing)] = re.findall(r"^(([\d,]+) bytes left out)\n", raw.stderr.decode())
    assert len(raw.stdout) + int(missing.replace(",", "")) == len(whole)
    assert len(raw.stdout) <= limit
    head, tail = raw.stdout[: limit // 2], raw.stdout[limit // 2 :]
    assert whole.startswith(head)
    assert whole.endswith(tail)
    for command in (["logs"], ["logs", "-f"]):
        assert operator.succeed(*command).count(f"[runlet: {told}]\n") == 1
        events = [json.loads(line) for line in operator.succeed(*command, "--output", "jsonl").splitlines()]
        [gap] = [event for event in events if event["type"] == "gap"]
        assert (gap["device"], gap["bytes"]) == ("pi-1", int(missing.replace(",", "")))
    [output] = parse(report).iter("system-out")
    assert output.text is not None
    first, *lines = output.text.splitlines()
    assert re.fullmatch(r"\[the first \d+ bytes are left out\]", first)
    assert "\n".join(lines).encode() + b"\n" == tail[-len("\n".join(lines)) - 1 :]


def test_who_asks_is_told_where_nobody_is_attached(operator: Operator) -> None:
    done = operator.runlet("exec", "pi-1", "--timeout", "4", "--", "bash", "-c", "read -p 'Go on? [y/N] '")
    number = re.findall(r"runlet attach (\d+)", done.stderr)[0]
    operator.succeed("cancel", number)
    assert done.returncode == 6
    how = f"answer with: runlet answer --run {number}, or: runlet attach {number}"
    assert done.stderr.startswith(f"pi-1: asks Go on? [y/N]\n{how}\n")
