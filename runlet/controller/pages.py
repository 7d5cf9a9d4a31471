"""Pages of what is listed in order of time: where one ends, the next begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, literal, tuple_

from runlet.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Place:
    """The last item of a page: its instant and its id."""

    at: datetime
    id: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` wrote. Raises InvalidInput."""
        at, slash, id_ = text.partition("/")
        try:
            place = cls(datetime.fromisoformat(at), id_)
        except ValueError:
            slash = ""
        if not slash or place.at.tzinfo is None or "\0" in id_:
            raise InvalidInput("that is not where a page ended", "give what a page before had as `next`")
        return place

    def __str__(self) -> str:
        return f"{self.at.isoformat()}/{self.id}"

    def is_before(self, at: Any, id_: Any) -> ColumnElement[bool]:
        """Whether these columns say what comes after it, the oldest being first."""
        return tuple_(at, id_) > self._literal(at, id_)

    def is_behind(self, at: Any, id_: Any) -> ColumnElement[bool]:
        """Whether these columns say what comes after it, the newest being first."""
        return tuple_(at, id_) < self._literal(at, id_)

    def _literal(self, at: Any, id_: Any) -> ColumnElement[Any]:
        return tuple_(literal(self.at, at.type), literal(self.id, id_.type))
