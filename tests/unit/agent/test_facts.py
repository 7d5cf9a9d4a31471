"""runlet/agent/facts.py: from what a system's files say to facts, and which changes are worth telling."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet import __version__
from runlet.agent.facts import _FILES, MAX_FILE_BYTES, ROUTES, UPTIME, _read, gather, look, matter
from runlet.controller.collector import MAX_EVENT_BYTES
from runlet.model.facts import MAX_FACTS, MAX_ITEMS, MAX_NUMBER, MAX_TEXT, NAMES, Facts, mistake
from runlet.protocol import messages
from tests.unit.agent import systems
from tests.unit.agent.systems import BATTERY, MAINS, MOUSE, SECOND_BATTERY, machine


def test_a_debian_server() -> None:
    assert gather(systems.DEBIAN, [], machine(localtime="/usr/share/zoneinfo/America/Argentina/Ushuaia")) == {
        "os.family": "debian",
        "os.id": "debian",
        "os.version": "12",
        "os.name": "Debian GNU/Linux 12 (bookworm)",
        "os.bits": 64,
        "arch": "x86_64",
        "kernel": "6.1.0-18-amd64",
        "cpu.count": 2,
        "memory_mb": 1967,
        "hostname": "attic",
        "addresses": ["10.1.2.3", "192.0.2.20", "2001:db8::2", "fd00::2"],
        "boot_time": "2026-03-30T12:00:01Z",
        "timezone": "America/Argentina/Ushuaia",
        "runlet.version": __version__,
        "python.version": "3.11.2",
    }


def test_a_raspberry_pi() -> None:
    found = gather(systems.RASPBERRY_PI_OS, [], machine(arch="aarch64", bits=32, cpus=4))
    assert (found["os.family"], found["os.id"], found["os.version"]) == ("debian", "raspbian", "12")
    assert (found["arch"], found["os.bits"], found["memory_mb"]) == ("aarch64", 32, 430)
    assert found["hardware.model"] == "Raspberry Pi 3 Model B Plus Rev 1.3"
    assert found["throttled"] is True


def test_a_laptop_on_battery() -> None:
    found = gather(systems.FEDORA, [MAINS, BATTERY, SECOND_BATTERY, MOUSE], machine())
    assert (found["battery.percent"], found["battery.charging"]) == (62, False)
    assert (found["os.family"], found["os.version"], found["hardware.model"]) == ("redhat", "40", "20XW0055GE")
    on_mains = gather(systems.FEDORA, [BATTERY.replace("Discharging", "Not charging")], machine())
    assert on_mains["battery.charging"] is True


@pytest.mark.parametrize(
    ("files", "family", "version"),
    [
        (systems.ALPINE, "alpine", "3.20.3"),
        (systems.FEDORA, "redhat", "40"),
        (systems.ROCKY, "redhat", "9.4"),
        (systems.MANJARO, "arch", None),
        (systems.LEAP, "suse", "15.6"),
        (systems.NIXOS, "nixos", "24.05"),
        ({}, "linux", None),
    ],
)
def test_the_family_of_a_system(files: Mapping[str, str], family: str, version: str | None) -> None:
    found = gather(files, [], machine())
    assert (found["os.family"], found.get("os.version")) == (family, version)


@pytest.mark.parametrize(
    ("variable", "link", "file", "zone"),
    [
        ("Europe/Berlin", "/usr/share/zoneinfo/UTC", "", "Europe/Berlin"),
        (":/usr/share/zoneinfo/Etc/GMT+5", "", "", "Etc/GMT+5"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "../usr/share/zoneinfo/Asia/Tokyo", "", "Asia/Tokyo"),
        ("", "/etc/zoneinfo/Europe/Kyiv", "", "Europe/Kyiv"),
        ("", "", "Australia/Lord_Howe\n", "Australia/Lord_Howe"),
        ("", "/srv/localtime", "", "UTC"),
        ("", "", "", "UTC"),
    ],
)
def test_the_time_zone(variable: str, link: str, file: str, zone: str) -> None:
    files = {"/etc/timezone": file}
    assert gather(files, [], machine(timezone=variable, localtime=link))["timezone"] == zone


def test_what_is_not_there_is_absent() -> None:
    assert gather({}, [MAINS, MOUSE], machine(cpus=None)).keys() == {
        "os.family",
        "os.bits",
        "arch",
        "kernel",
        "hostname",
        "addresses",
        "timezone",
        "runlet.version",
        "python.version",
    }


@given(
    st.fixed_dictionaries({}, optional={path: st.text() for path in _FILES}),
    st.lists(st.text() | st.just(BATTERY.replace("83", "8e3")), max_size=3),
    st.text(),
)
def test_whatever_the_files_say_there_are_facts(files: dict[str, str], batteries: list[str], said: str) -> None:
    told = machine(hostname=said, timezone=said, localtime=said, kernel=said)
    assert mistake(gather(files, batteries, told)) is None


def test_the_most_that_an_agent_tells_fits_into_an_event() -> None:
    wide = "\N{CLINKING BEER MUGS}" * 1000
    routes = "".join(f"|-- 10.200.{number // 250}.{100 + number % 150}\n   /32 host LOCAL\n" for number in range(900))
    release = "\n".join(f"{name}={wide}" for name in ("ID", "ID_LIKE", "VERSION_ID", "PRETTY_NAME"))
    files = {**systems.DEBIAN, **systems.RASPBERRY_PI_OS, "/etc/os-release": release, ROUTES: routes}
    told = machine(hostname=wide, kernel=wide, arch=wide, python=wide)
    found = gather({**files, "/proc/device-tree/model": wide}, [BATTERY], told)
    assert set(found) == set(NAMES)
    assert len(found["addresses"]) == MAX_ITEMS  # type: ignore[arg-type]
    assert len(messages.encode(messages.Facts(found))) < MAX_EVENT_BYTES


def test_this_machine_tells_facts_that_have_names() -> None:
    found = look()
    assert set(found) <= set(NAMES)
    assert {"os.family", "arch", "kernel", "memory_mb", "addresses", "boot_time"} <= set(found)
    assert mistake(found) is None


def test_a_file_that_is_too_long_is_not_read(tmp_path) -> None:
    file = tmp_path / "routes"
    file.write_text("x" * MAX_FILE_BYTES)
    assert _read(str(file)) == "x" * MAX_FILE_BYTES
    file.write_text("x" * (MAX_FILE_BYTES + 1))
    assert _read(str(file)) is None
    assert _read(str(tmp_path)) is None


TOLD = gather({**systems.DEBIAN, **systems.RASPBERRY_PI_OS}, [BATTERY], machine())


@pytest.mark.parametrize(
    ("files", "battery", "matters"),
    [
        ({}, BATTERY, False),
        ({}, BATTERY.replace("83", "74"), False),
        ({}, BATTERY.replace("83", "73"), True),
        ({}, BATTERY.replace("Discharging", "Charging"), True),
        ({UPTIME: "90.50 1.00"}, BATTERY, False),
        ({UPTIME: "0.50 1.00"}, BATTERY, True),
        ({ROUTES: ""}, BATTERY, True),
        ({"/proc/meminfo": ""}, BATTERY, True),
    ],
)
def test_which_changes_matter(files: dict[str, str], battery: str, matters: bool) -> None:
    found = gather({**systems.DEBIAN, **systems.RASPBERRY_PI_OS, **files}, [battery], machine())
    assert matter(TOLD, found) is matters


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({f"f{number}": 1 for number in range(MAX_FACTS + 1)}, "more than"),
        ({"Os": "x"}, "the name"),
        ({"a..b": "x"}, "the name"),
        ({"a" * 40: "x"}, "the name"),
        ({"a.b": "x" * (MAX_TEXT + 1)}, "a.b is too long"),
        ({"a": ["x"] * (MAX_ITEMS + 1)}, "a is too long"),
        ({"a": ["\0"]}, "NUL"),
        ({"a": MAX_NUMBER + 1}, "out of range"),
        ({"a": float("nan")}, "out of range"),
    ],
)
def test_what_cannot_be_facts(facts: Facts, message: str) -> None:
    assert message in (mistake(facts) or "")


def test_every_kind_of_value_may_be_a_fact() -> None:
    assert mistake({"a": "", "b.c": 1, "d": -1.5, "e": False, "f": [], "g": ["x"]}) is None
