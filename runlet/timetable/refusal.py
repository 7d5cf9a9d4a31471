"""How a text that is not a trigger is refused: the column, what is wrong there, and what could be written."""

from __future__ import annotations

from runlet.errors import InvalidInput

EXAMPLES = ("0 16 * * *", "6h", "every weekday at 08:00", "first monday of the month at 9am")


def refusal(start: int, message: str) -> InvalidInput:
    """An error about what begins at index `start` of the text."""
    return InvalidInput(f"at column {start + 1}: {message}", f"for example: {'; '.join(EXAMPLES)}")
