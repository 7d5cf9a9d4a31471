"""Scripts as templates: Jinja2 places a run's arguments and variables.

A script without `{{` and `{%` is used as it is, and jinja2 is not even imported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runlet.errors import InvalidInput
from runlet.model import text

if TYPE_CHECKING:
    from runlet.spec import jinja
    from runlet.spec.needs import Need

# A script travels in one message to each device and is kept in its journal. A quarter of a mebibyte is some 6,000
# lines; larger things are files, not scripts. It bounds a script as written and as rendered.
MAX_SCRIPT_BYTES = 256 * 1024
# What the templates of one file may hold together: a thousand of some five placements. Checking takes 10 µs a token.
MAX_FILE_TOKENS = 50_000
# A thousand steps (spec/filters.py) on each of ten thousand devices: some ten seconds.
MAX_STEPS_OF_ALL = 10_000_000

_TEMPLATE = re.compile(r"\{\{|\{%")


def check(script: str, variables: Mapping[str, Any]) -> list[tuple[int, str]]:
    """What is wrong with a script as a template, by itself and with its job's own `variables`.

    (line from 1, message) each. Nothing is evaluated.
    """
    if not _TEMPLATE.search(script):
        return []
    from runlet.spec import jinja

    return jinja.check(script, variables)


def tokens(script: str) -> int:
    """How many tokens of a template a script has, which is what checking it costs."""
    if not _TEMPLATE.search(script):
        return 0
    from runlet.spec import jinja

    return jinja.tokens(script)


def needed(script: str) -> list[Need]:
    """What a script without mistakes cannot do without: variables, and what it reads in them; in order of lines."""
    if not _TEMPLATE.search(script):
        return []
    from runlet.spec import jinja

    return jinja.needed(script)


class Template:
    """A script made ready once, to be rendered for each device of a run.

    Raises InvalidInput for a mistake in it.
    """

    __slots__ = ("_compiled", "_script")

    def __init__(self, script: str) -> None:
        self._script = script
        self._compiled: jinja.Compiled | None = None
        if _TEMPLATE.search(script):
            from runlet.spec import jinja

            self._compiled = jinja.Compiled(script)

    def render(self, args: Sequence[str], values: Mapping[str, Any]) -> str:
        """The script with the run's arguments and its variables' values placed; `args[0]` is the job's name.

        Raises InvalidInput when the template asks for what is not there, or cannot be rendered.
        """
        for index, argument in enumerate(args):
            _check_argument(index, argument)
        if self._compiled is None:
            return _checked(self._script)
        if self._compiled.steps > MAX_STEPS_OF_ALL:
            raise InvalidInput(
                f"rendering the script for so many devices takes more than {MAX_STEPS_OF_ALL} steps",
                "run it on fewer devices at a time, or loop in the script",
            )
        return _checked(self._compiled.render(tuple(args), values, MAX_SCRIPT_BYTES))


def render(script: str, args: Sequence[str], values: Mapping[str, Any]) -> str:
    """A script rendered once; see Template."""
    return Template(script).render(args, values)


def _check_argument(index: int, argument: str) -> None:
    """Arguments become the script's argv too, which cannot hold everything a Python string can."""
    if found := text.unspeakable(argument):
        raise InvalidInput(f"args[{index}] holds {found[1]}, which no program can be given")


def _checked(script: str) -> str:
    """A rendered script, if it can be sent and kept: what stands in a template can make any character."""
    if found := text.unspeakable(script):
        line = script.count("\n", 0, found[0]) + 1
        raise InvalidInput(
            f"line {line} of the rendered script holds {found[1]}, which no program can be given",
            "write it so that the program makes it itself, as in: printf '\\0'",
        )
    return script
