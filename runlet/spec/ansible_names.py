"""Names of hosts as Ansible writes them: ranges, ports, and what is no name at all."""

from __future__ import annotations

import ipaddress
import re
import string
from dataclasses import dataclass
from itertools import product

# What one text may stand for: the devices of the largest inventory.
MAX_HOSTS = 10_000
# A range's bounds: more digits would count beyond any fleet.
MAX_DIGITS = 9
_RANGE = re.compile(r"\[([^\[\]]*)\]")
_PORT = re.compile(r"((?:[^:\[\]]|\[[^\[\]]*\])+):([0-9]+)")
_PORT_OF_BRACKETS = re.compile(r"\[(.+)\]:([0-9]+)")
# What nobody sees between the words of a name.
_BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\u00ad]")


def address(text: str) -> tuple[str, str]:
    """A host, and its port if there is one: `host:22`, `[2001:db8::1]:22`."""
    host, port = text, ""
    for form in (_PORT_OF_BRACKETS, _PORT):
        if found := form.fullmatch(host):
            host, port = found.groups()
    return host, port


def what_is_wrong(text: str) -> str | None:
    """What is wrong with a host's name, apart from its ranges."""
    if blank := what_is_blank(text):
        return blank
    bare = _RANGE.sub("", text)
    if bare.startswith("---") or (bare.endswith(":") and not bare.endswith("::") and "[" not in bare):
        return "is no host, it looks like YAML: give the file a name that ends with .yaml"
    if "=" in bare:
        return "is no host: the line begins with a name, and key=value follows it"
    if ":" in bare and "[" not in bare:
        try:
            ipaddress.IPv6Address(text)
        except ValueError:
            return "is neither a name nor an address, with a port or without"
    return None


def what_is_blank(name: str) -> str | None:
    """Words about a sign in a name that nobody sees."""
    blank = _BLANK.search(name)
    if blank is None:
        return None
    sign = f"U+{ord(blank[0]):04X}"
    return f"is no name: it holds a blank ({sign}), which may be meant as a space between two words"


@dataclass(frozen=True, slots=True)
class _Range:
    """What stands in brackets; nothing is spelled out until it is known to be within the bounds."""

    numbers: range
    width: int | None  # of zeros before a number; None: the numbers count letters

    def texts(self) -> list[str]:
        if self.width is None:
            return [string.ascii_letters[number] for number in self.numbers]
        return [str(number).zfill(self.width) for number in self.numbers]


def expand(text: str) -> list[str]:
    """The names that a text with ranges such as `web[01:50]` stands for. Raises ValueError."""
    parts = _RANGE.split(text)
    if any(not set(literal).isdisjoint("[]") for literal in parts[::2]):
        raise ValueError("a '[' or ']' has no partner")
    ranges: list[_Range] = []
    count = 1
    for bounds in parts[1::2]:
        ranges.append(_range(bounds))
        count *= len(ranges[-1].numbers)
        if count > MAX_HOSTS:
            raise ValueError(f"it stands for more than {MAX_HOSTS} hosts")
    choices = [[part] for part in parts]
    choices[1::2] = [one.texts() for one in ranges]
    return ["".join(chosen) for chosen in product(*choices)]


def _range(bounds: str) -> _Range:
    """`01:50`, `a:f`, `1:10:2`: both ends belong to it; a leading 0 keeps the width."""
    parts = bounds.split(":")
    if len(parts) not in (2, 3):
        raise ValueError(f"'[{bounds}]' is not a range such as [1:9] or [a:f]")
    first, last, step = (*parts, "1")[:3]
    if not _is_number(step) or int(step) == 0:
        raise ValueError(f"the step of '[{bounds}]' is not a number above 0")
    first = first or "0"
    if _is_number(first) and _is_number(last):
        width = len(first) if first.startswith("0") and len(first) > 1 else 0
        if width and width != len(last):
            raise ValueError(f"the ends of '[{bounds}]' have different lengths")
        found = _Range(range(int(first), int(last) + 1, int(step)), width)
    elif len(first) == len(last) == 1 and {first, last} <= set(string.ascii_letters):
        letters = string.ascii_letters
        found = _Range(range(letters.index(first), letters.index(last) + 1, int(step)), None)
    else:
        raise ValueError(f"'[{bounds}]' is not a range such as [1:9] or [a:f]")
    if not found.numbers:
        raise ValueError(f"'[{bounds}]' ends before it begins")
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
