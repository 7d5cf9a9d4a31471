"""Facts: what an agent observes of its device, by dotted names. Here are the names, and what a fact may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

FactValue = str | int | float | bool | list[str]
Facts = Mapping[str, FactValue]

# Bounds of one device's facts, which may come from a hostile one.
MAX_FACTS = 64
MAX_TEXT = 128  # characters: a line of a table
MAX_ITEMS = 64
MAX_NUMBER = 2**53  # what JSON holds exactly

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,31}){0,3}")

# Every fact that this version's agents tell. Some are absent where there is nothing to tell.
NAMES = {
    "os.family": "The family of systems it belongs to, which share package managers and paths: `debian`, `redhat`, "
    "`suse`, `arch`, `alpine`; else its `os.id`.",
    "os.id": "The system's own short name: `debian`, `raspbian`, `ubuntu`, `fedora`. Absent where there is no "
    "os-release file.",
    "os.version": "Its version, as text: `12`, `24.04`, `3.20.3`. Absent on systems without one, such as Arch Linux.",
    "os.name": "Its name for people: `Debian GNU/Linux 12 (bookworm)`.",
    "os.bits": "The width of addresses in programs here, 32 or 64. A 32-bit system may run on a kernel whose `arch` is "
    "64-bit.",
    "arch": "The kernel's word for the processor's architecture: `x86_64`, `aarch64`, `armv7l`, `armv6l`.",
    "kernel": "The kernel's release.",
    "cpu.count": "How many processors the system has.",
    "memory_mb": "The memory that programs and kernel share, in MiB.",
    "hostname": "What the device calls itself, which need not be its name in the fleet.",
    "addresses": "Its IP addresses in order, IPv4 first, without those that others cannot reach (loopback, link-local) "
    "and those that soon change (temporary IPv6 addresses).",
    "boot_time": "When it was started, in UTC. The uptime follows from it; told itself it would change at every look.",
    "timezone": "Its time zone, as the IANA calls it: `Europe/Berlin`; `UTC` when it is not known.",
    "hardware.model": "What the maker calls the device: `Raspberry Pi 4 Model B Rev 1.4`.",
    "battery.percent": "How full its batteries are.",
    "battery.charging": "Whether it is on mains power: charging, or held full.",
    "throttled": "On a Raspberry Pi, whether it was short of power or too hot of late, by its firmware's word.",
    "runlet.version": "The version of its agent.",
    "python.version": "The version of the Python that runs the agent.",
}


def mistake(facts: Facts) -> str | None:
    """Why these cannot be a device's facts, if that is so."""
    if len(facts) > MAX_FACTS:
        return f"more than {MAX_FACTS} facts"
    for name, value in facts.items():
        if not _NAME.fullmatch(name):
            return "the name of a fact is not one"
        if isinstance(value, str | list):
            texts = [value] if isinstance(value, str) else value
            if len(texts) > MAX_ITEMS or any(len(text) > MAX_TEXT or "\0" in text for text in texts):
                return f"the fact {name} is too long, or holds a NUL character"
        elif not -MAX_NUMBER <= value <= MAX_NUMBER:
            return f"the fact {name} is out of range"
    return None
