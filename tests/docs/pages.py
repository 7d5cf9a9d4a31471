"""The documentation as data: pages, headings, links, and blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATHS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_TITLE = re.compile(r'title="([^"]+)"')
_EXIT = re.compile(r"exit=(\d+)")


@dataclass(frozen=True)
class Block:
    """A fenced block; `info` is what stands behind its first fence: the language, then words of ours."""

    info: str
    text: str

    @property
    def language(self) -> str:
        return self.info.split(" ", 1)[0]

    @property
    def words(self) -> set[str]:
        return set(self.info.split()[1:])

    @property
    def title(self) -> str | None:
        found = _TITLE.search(self.info)
        return found[1] if found else None

    @property
    def exit_code(self) -> int:
        found = _EXIT.search(self.info)
        return int(found[1]) if found else 0


@dataclass(frozen=True)
class Step:
    """A command of a console block, and the lines that it prints."""

    command: str
    printed: list[str]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def blocks(text: str) -> list[Block]:
    return [Block(match[1].strip(), match[2]) for match in _FENCE.finditer(text)]


def steps(block: Block) -> list[Step]:
    """The commands behind `$ `; in a block of the shell language, which shows no output, every line."""
    if block.language == "sh":
        joined = block.text.replace("\\\n", " ")
        return [Step(line, []) for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    found: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], []))
        elif found:
            found[-1].printed.append(line)
    return found


def links(text: str) -> Iterator[str]:
    """Targets of links, without those to other sites."""
    for target in _LINK.findall(_FENCE.sub("", text)):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next of its level or above."""
    level = len(heading.split(" ", 1)[0])
    begin = f"\n{text}".index(f"\n{heading}\n") + len(heading) + 1
    rest = text[begin:]
    end = re.search(rf"^#{{1,{level}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest
