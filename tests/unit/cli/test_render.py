"""runlet/cli/render.py: words for people."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from runlet.cli.options import Output
from runlet.cli.render import (
    age,
    duration,
    print_device,
    print_devices,
    print_history,
    print_json,
    print_rendering,
    print_run,
    print_runs,
    run_title,
    size,
)
from runlet.errors import InvalidInput
from runlet.model.declaration import ChangeKind, Kind
from runlet.model.execution import State
from runlet.model.facts import FactValue
from runlet.protocol.views import AppliedChange, ApplyView, AttemptView, DeviceView, Presence, Rendering
from tests.unit.cli.runs import NOON, execution, run, summary


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-5), "now"),
        (timedelta(), "now"),
        (timedelta(seconds=3), "3 s ago"),
        (timedelta(minutes=61), "1 h ago"),
        (timedelta(days=2, hours=3), "2 d ago"),
        (timedelta(days=30), "2026-03-01"),
    ],
)
def test_age(passed: timedelta, words: str) -> None:
    assert age(NOON, NOON + passed) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0021, "0.002 s"), (59.9, "59.900 s"), (723.4, "12 min 3 s"), (7260, "2 h 1 min")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("length", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 2**20, "5.0 MiB"), (3 * 2**30, "3.0 GiB")],
)
def test_size(length: int, words: str) -> None:
    assert size(length) == words


def test_a_run_that_a_schedule_started_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    at = NOON - timedelta(minutes=5)
    print_run(run(execution("pi-1"), scheduled_for=at, zone="Europe/Zurich"), NOON)
    assert "started by its schedule, for 2026-03-01 12:55 Europe/Zurich\n" in capsys.readouterr().out
    print_runs([replace(summary(State.RUNNING), scheduled_for=at, zone="UTC")], NOON)
    assert capsys.readouterr().out.endswith("now, by its schedule\n")


def test_a_run_shows_its_earlier_attempts_and_what_the_operator_gave(capsys: pytest.CaptureFixture[str]) -> None:
    earlier = (
        AttemptView("pi-1", 1, State.FAILED, 3, None, "", NOON, NOON, 1.5, 12),
        AttemptView("pi-1", 2, State.TIMED_OUT, None, 9, "longer than 1m", NOON, NOON, 61.0, 0),
    )
    shown = run(execution("pi-1", State.SUCCEEDED, attempt=3), earlier=earlier, variables={"motd": "good day"})
    print_run(shown, NOON)
    lines = capsys.readouterr().out.splitlines()
    assert "variables 'motd=good day'" in lines
    assert lines[-3:] == [
        "DEVICE  ATTEMPT  STATE      EXIT     DURATION   OUTPUT  DETAIL",
        "pi-1    1        failed     3        1.500 s    12 B",
        "pi-1    2        timed out  SIGKILL  1 min 1 s  0 B     longer than 1m",
    ]


@pytest.mark.parametrize("output", Output)
def test_a_command_has_no_script_to_show(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    print_rendering(Rendering("echo hi", {"RUNLET_VAR_a": "b"}), output)
    expected = "echo hi" if output is Output.TABLE else {"script": "echo hi", "environment": {"RUNLET_VAR_a": "b"}}
    printed = capsys.readouterr().out.removesuffix("\n")
    assert (printed if output is Output.TABLE else json.loads(printed)) == expected
    if output is Output.TABLE:
        with pytest.raises(InvalidInput, match="a command has no script"):
            print_rendering(Rendering(None, {}), output)


def test_a_history_fits_into_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.isatty", lambda _: True)
    changes = (
        AppliedChange(Kind.JOB, "upgrade", ChangeKind.UNCHANGED, "github.com/org/other"),
        AppliedChange(Kind.JOB, "backup", ChangeKind.CHANGED),
    )
    source = "git.example.org/department/org/fleet"
    by = "planned by ada@laptop"
    print_history([ApplyView(7, NOON, "ada@workstation", source, "0123456789abcdef", True, by, changes)])
    printed = capsys.readouterr().out
    assert all(len(line) <= 80 for line in printed.splitlines())
    assert " org/fleet " in printed
    assert " 0123456789ab " in printed
    told = "planned by ada@laptop, files differ from the commit, upgrade adopted from org/other, backup changed"
    assert "".join(told.split()) in "".join("".join(line[60:] for line in printed.splitlines()).split())


def test_a_title_is_as_typed() -> None:
    assert run_title(run(args=("/var/my files",))) == "upgrade '/var/my files'"
    assert run_title(run(job=None, command=("uname", "-a"))) == "uname -a"


def test_a_table_of_runs(capsys: pytest.CaptureFixture[str]) -> None:
    ended = summary(State.SUCCEEDED, State.FAILED)
    print_runs([ended], NOON + timedelta(minutes=3))
    assert capsys.readouterr().out.splitlines() == [
        "RUN  JOB      WHERE      STATE             STARTED",
        "12   upgrade  pi-1,pi-2  1 done, 1 failed  3 min ago",
    ]


FACTS: dict[str, FactValue] = {"os.id": "debian", "os.version": "12", "arch": "aarch64", "cpu.count": 4}
PI = DeviceView("pi-1", Presence.ONLINE, NOON, "0.1.0", facts=FACTS, facts_at=NOON)


def test_a_table_of_devices(capsys: pytest.CaptureFixture[str]) -> None:
    print_devices([PI, DeviceView("pi-2", Presence.OFFLINE, None, None)], NOON + timedelta(seconds=3))
    assert capsys.readouterr().out.splitlines() == [
        "DEVICE  PRESENCE  LAST SEEN  AGENT  OS         ARCH",
        "pi-1    online    3 s ago    0.1.0  debian 12  aarch64",
        "pi-2    offline   never",
    ]


def test_a_device_and_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    facts: dict[str, FactValue] = {"hostname": "\x1b[2Jpi", "addresses": ["192.0.2.1", "fd00::1"], "throttled": False}
    print_device(replace(PI, facts=facts), NOON + timedelta(seconds=3))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    heading, told, empty, table, _, *rows = out.splitlines()
    assert (heading, told, empty) == ("device pi-1: online, seen 3 s ago", "facts told 3 s ago", "")
    assert table.split() == ["FACT", "VALUE"]
    assert rows == ["addresses  192.0.2.1, fd00::1", "throttled  false"]
    print_device(DeviceView("pi-2", Presence.OFFLINE, None, None), NOON)
    assert capsys.readouterr().out == "device pi-2: offline, never seen\nfacts not told yet\n"


def test_what_devices_say_cannot_act(capsys: pytest.CaptureFixture[str]) -> None:
    print_run(run(execution("pi-1", State.REJECTED, detail="\x1b]0;title\x07[red]no[/red]")), NOON)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[red]no[/red]" in out


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([run(id=1), run(id=2)], Output.JSONL)
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [1, 2]
