"""docs/reference/prompts.md: what the corpus holds, and what came of its programs in one run.

python -m tests.prompts.report    runs the corpus and writes the page
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from runlet.agent.prompts import judge
from runlet.holder import waiting
from runlet.holder.wire import Look
from runlet.model.prompt import Kind
from tests.prompts.device import COLUMNS, ROWS, Seen, run_all

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "prompts.md"
_HEAD = """\
# Prompts

What the detection of prompts finds among real programs. [How it decides](../explanation/prompts.md). This page is
written by `python -m tests.prompts.report`, which runs every program below on a terminal with a holder; the tests run
them too, and fail below 97 % found or above 1 % false alarms.

## Answers

[Who answers](../explanation/prompts.md#who-answers), and [how](../how-to/answer-questions.md). What is bounded:

| what | bound | beyond it |
|---|---|---|
| what is typed for a prompt | 4,096 bytes | it is refused; a pasted file goes through `attach` |
| what is kept of its text | 1,000 characters | the rest is left out |
| who answered, in words | 100 characters | it is refused; the command line cuts its own |
| answers in one request | 1,000 | it is refused |
| how long a request waits for the devices | 3 s | it tells what is known; `show` has the rest |
| how old an answer may be when it is typed | 10 s | the broker drops it |
| answers of one execution that wait for what becomes of another | 256 | they are refused |
| prompts whose answers an agent knows | 16, after its restart 1 | older ones are stale; the controller knows whose |
| what is typed on consoles or declared, kept of one execution | 1,000 answers | it is typed, and not listed |

## What is found

"""


def misses(seen: Iterable[Seen]) -> str:
    """What went wrong, for whoever has to find out."""
    wrong = [one for one in seen if not one.is_right]
    return "\n".join(f"{one.case.name}: {one.prompts[-1:] or 'nothing'} of {one.output[-300:]!r}" for one in wrong)


def page(corpus: list[Seen]) -> str:
    asking = [seen for seen in corpus if seen.case.expected is not None]
    working = [seen for seen in corpus if seen.case.expected is None]
    found, quiet = _right(asking), _right(working)
    delays = sorted(seen.delay for seen in asking if seen.delay is not None)
    hidden = sum(_without_the_kernel(seen) is not None for seen in asking)
    alarms = sum(_without_the_kernel(seen) is not None for seen in working)
    false = _share(len(working) - quiet, len(working))
    lines = [
        "| | of | found as expected | |",
        "|---|---|---|---|",
        f"| programs that wait for a person | {len(asking)} | {found} | {_share(found, len(asking))} |",
        f"| programs that work | {len(working)} | {quiet} | {false} false alarms |",
        "",
        f"From the last output to the report that it waits: {delays[len(delays) // 2] * 1000:.0f} ms in the median, "
        f"{delays[int(len(delays) * 0.95)] * 1000:.0f} ms for 95 of 100, several programs at once on two processors.",
        "",
        "With all that the kernel says of the programs left out, as where an agent may not look at them, the same "
        f"screens, after 2 s of silence, are found to wait in {_share(hidden, len(asking))} of the programs that do, "
        f"and in {_share(alarms, len(working))} of those that do not.",
        "",
        "### Programs that wait for a person",
        "",
        "| program | expected | found | confidence | the question |",
        "|---|---|---|---|---|",
        *(_row(seen) for seen in asking),
        "",
        "### Programs that work",
        "",
        "| program | found |",
        "|---|---|",
        *(f"| {_cell(seen.case.name)} | {_found(seen)} |" for seen in working),
        "",
    ]
    return _HEAD + "\n".join(lines)


def _row(seen: Seen) -> str:
    prompt = seen.prompt
    expected = _words(seen.case.expected, secret=seen.case.secret)
    text = " / ".join(prompt.text.splitlines()[-3:]) if prompt else ""
    shown = f"`{_cell(text[-60:].strip())}`" if text.strip() and prompt and prompt.kind is Kind.PROMPT else ""
    sure = f"{prompt.confidence:.2f}" if prompt else ""
    return f"| {_cell(seen.case.name)} | {expected} | {_found(seen)} | {sure} | {shown} |"


def _found(seen: Seen) -> str:
    prompt = seen.prompt or (seen.prompts[-1] if seen.prompts else None)
    return _words(prompt.kind, secret=prompt.secret) if prompt else "nothing"


def _words(kind: Kind | None, *, secret: bool) -> str:
    return "nothing" if kind is None else f"{kind}{', secret' if secret else ''}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")


def _right(corpus: list[Seen]) -> int:
    return sum(seen.is_right for seen in corpus)


def _share(some: int, of_all: int) -> str:
    return f"{100 * some / of_all:.1f} %"


def _without_the_kernel(seen: Seen) -> object:
    """What is made of the last screen, had the kernel told nothing; one that never was quiet is none."""
    if not seen.looks:
        return None
    last = seen.looks[-1]
    return judge(
        Look(
            last.offset,
            waiting.HIDDEN,
            lines=last.lines,
            echo=last.echo,
            own_screen=last.own_screen,
            long=True,
            columns=COLUMNS,
            rows=ROWS,
            silence=last.silence,
            recent=last.recent if seen.case.expected else seen.output,
        )
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="runlet-corpus-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        corpus = run_all(Path(home))
    PAGE.write_text(page(corpus))
    print(misses(corpus) or f"{len(corpus)} programs, all as expected")  # noqa: T201


if __name__ == "__main__":
    main()
