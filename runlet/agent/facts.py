"""What this device is: facts from a few small files of the kernel and the system, read anew at each look.

`gather` turns contents of files into facts and touches nothing; `look` reads the files. A file that is not there,
cannot be read or says something else than expected means that its facts are absent, never that the look fails.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runlet import __version__
from runlet.model.facts import MAX_ITEMS, MAX_TEXT, Facts, FactValue

# How often an agent looks whether something changed. A look costs less than a millisecond.
LOOK_SECONDS = 60.0
# A larger file is not read: the routes of a whole network, say, of which the few own addresses are a part.
MAX_FILE_BYTES = 256 * 1024
# A battery's level is told again when it has moved this far, ...
BATTERY_STEP = 10
# ... and a boot time when it has: setting the clock right by a second moves it by a second.
BOOT_STEP = timedelta(minutes=1)

_FILES = (
    OS_RELEASE := "/etc/os-release",
    MEMORY := "/proc/meminfo",
    UPTIME := "/proc/uptime",
    ROUTES := "/proc/net/fib_trie",
    IPV6 := "/proc/net/if_inet6",
    TIMEZONE := "/etc/timezone",
    TREE_MODEL := "/proc/device-tree/model",
    DMI_MODEL := "/sys/class/dmi/id/product_name",
    THROTTLED := "/sys/devices/platform/soc/soc:firmware/get_throttled",
)
_LOCALTIME = "/etc/localtime"
_BATTERIES = "/sys/class/power_supply"

_FAMILIES = {
    "debian": "debian",
    "ubuntu": "debian",
    "raspbian": "debian",
    "rhel": "redhat",
    "fedora": "redhat",
    "centos": "redhat",
    "suse": "suse",
    "opensuse": "suse",
    "arch": "arch",
    "alpine": "alpine",
}
_OWN_ADDRESS = re.compile(r"\|-- (\S+)\n(?:\s+/.*\n)*?\s+/32 host LOCAL")
_NOT_BEYOND = ("127.", "169.254.")  # loopback and link-local
_GLOBAL_SCOPE = 0x00
_SHORT_LIVED = 0x01 | 0x20 | 0x40  # the kernel's flags temporary, deprecated, tentative
# A name of the IANA's, not one of POSIX's descriptions such as CET-1CEST.
_ZONE = re.compile(r"[A-Za-z_]+(-[A-Za-z]+)?(/[A-Za-z0-9_+-]+)*")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the running system tells without a file."""

    system: str  # Linux, Darwin
    hostname: str
    kernel: str
    arch: str
    cpus: int | None
    bits: int
    python: str
    timezone: str  # TZ, or empty
    localtime: str  # where the link leads, or empty
    now: datetime


def gather(files: Mapping[str, str], batteries: list[str], machine: Machine) -> dict[str, FactValue]:
    """The facts in the contents of `_FILES` (those there are, by path) and of each battery's uevent file."""
    found: dict[str, FactValue | None] = {
        **_system(files.get(OS_RELEASE, ""), machine),
        "os.bits": machine.bits,
        "arch": machine.arch,
        "kernel": machine.kernel,
        "cpu.count": machine.cpus,
        "memory_mb": _memory(files.get(MEMORY, "")),
        "hostname": machine.hostname,
        "addresses": [*_ipv4(files.get(ROUTES, "")), *_ipv6(files.get(IPV6, ""))][:MAX_ITEMS],
        "boot_time": _boot_time(files.get(UPTIME, ""), machine.now),
        "timezone": _timezone(machine.timezone, machine.localtime, files.get(TIMEZONE, "")),
        "hardware.model": files.get(TREE_MODEL) or files.get(DMI_MODEL),
        **_power(batteries),
        "throttled": _throttled(files.get(THROTTLED, "")),
        "runlet.version": __version__,
        "python.version": machine.python,
    }
    clean = {name: _clean(value) if isinstance(value, str) else value for name, value in found.items()}
    return {name: value for name, value in clean.items() if value is not None and value != ""}


def matter(told: Facts, found: Facts) -> bool:
    """Whether what was found differs from what was told by more than what always moves a little."""
    return told.keys() != found.keys() or any(_moved(name, told[name], value) for name, value in found.items())


def look() -> dict[str, FactValue]:
    """The facts of this device now."""
    name = os.uname()
    machine = Machine(
        system=name.sysname,
        hostname=name.nodename,
        kernel=name.release,
        arch=name.machine,
        cpus=os.cpu_count(),
        bits=sys.maxsize.bit_length() + 1,
        python=".".join(map(str, sys.version_info[:3])),
        timezone=os.environ.get("TZ", ""),
        localtime=_link(_LOCALTIME),
        now=datetime.now(UTC),
    )
    files = {path: text for path in _FILES if (text := _read(path)) is not None}
    return gather(files, list(_read_batteries()), machine)


def _moved(name: str, told: FactValue, found: FactValue) -> bool:
    if name == "battery.percent":
        return abs(int(str(told)) - int(str(found))) >= BATTERY_STEP
    if name == "boot_time":
        return abs(datetime.fromisoformat(str(told)) - datetime.fromisoformat(str(found))) >= BOOT_STEP
    return told != found


# --- from contents to facts -------------------------------------------------------------------------------------------


def _system(os_release: str, machine: Machine) -> dict[str, FactValue | None]:
    said = _assignments(os_release)
    own = said.get("ID") or None
    kin = [own or machine.system.lower(), *said.get("ID_LIKE", "").split()]
    return {
        "os.family": next((_FAMILIES[name] for name in kin if name in _FAMILIES), kin[0]),
        "os.id": own,
        "os.version": said.get("VERSION_ID"),
        "os.name": said.get("PRETTY_NAME"),
    }


def _assignments(text: str) -> dict[str, str]:
    """NAME=value lines; values may be quoted."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _memory(meminfo: str) -> int | None:
    match = re.search(r"^MemTotal:\s+(\d{1,15}) kB", meminfo, re.MULTILINE)
    return int(match[1]) // 1024 if match else None


def _ipv4(fib_trie: str) -> list[str]:
    """The kernel lists an address once for each of its tables."""
    found = {address for address in _OWN_ADDRESS.findall(fib_trie) if not address.startswith(_NOT_BEYOND)}
    return sorted(found, key=lambda address: [int(part) for part in address.split(".")])


def _ipv6(if_inet6: str) -> list[str]:
    found = set()
    for line in if_inet6.splitlines():
        with suppress(ValueError):
            address, _index, _prefix, scope, flags, _interface = line.split()
            if int(scope, 16) == _GLOBAL_SCOPE and not int(flags, 16) & _SHORT_LIVED:
                found.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address)))
    return sorted(found)


def _boot_time(uptime: str, now: datetime) -> str | None:
    match = re.match(r"\d{1,10}\.\d\d", uptime)
    return (now - timedelta(seconds=float(match[0]))).strftime("%Y-%m-%dT%H:%M:%SZ") if match else None


def _timezone(variable: str, link: str, file: str) -> str:
    """TZ decides for programs; then the link, and the file that Debian keeps beside it."""
    for said in (variable.removeprefix(":"), link, file):
        zone = said.strip().rpartition("zoneinfo/")[2]
        if _ZONE.fullmatch(zone):
            return zone
    return "UTC"


def _power(batteries: list[str]) -> dict[str, FactValue | None]:
    levels, discharging = [], False
    for battery in batteries:
        said = _assignments(battery)
        # The scope Device is a mouse's or a keyboard's.
        if said.get("POWER_SUPPLY_TYPE") == "Battery" and said.get("POWER_SUPPLY_SCOPE") != "Device":
            with suppress(KeyError, ValueError):
                levels.append(min(max(int(said["POWER_SUPPLY_CAPACITY"]), 0), 100))
                discharging |= said.get("POWER_SUPPLY_STATUS") == "Discharging"
    if not levels:
        return {}
    return {"battery.percent": round(sum(levels) / len(levels)), "battery.charging": not discharging}


def _throttled(text: str) -> bool | None:
    try:
        return int(text, 16) != 0
    except ValueError:
        return None


def _clean(text: str) -> str:
    return "".join(char for char in text.strip()[:MAX_TEXT] if char.isprintable())


# --- from the device --------------------------------------------------------------------------------------------------


def _read(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError:
        return None
    return None if len(content) > MAX_FILE_BYTES else content.decode(errors="replace")


def _read_batteries() -> Iterator[str]:
    with suppress(OSError):
        for name in sorted(os.listdir(_BATTERIES)):
            text = _read(f"{_BATTERIES}/{name}/uevent")
            if text:
                yield text


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
