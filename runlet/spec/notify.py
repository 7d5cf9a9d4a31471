"""The `notify` of a controller's configuration, checked as that of a job is."""

from __future__ import annotations

from typing import Any

from runlet.errors import InvalidInput
from runlet.model.notify import Notify
from runlet.spec import playbook


def from_mapping(content: Any) -> tuple[Notify, ...]:
    """Raises InvalidInput with every mistake."""
    if content == []:
        return ()
    try:
        return playbook.from_mapping({"name": "notify", "script": ":", "notify": content}).notify
    except InvalidInput as error:
        raise InvalidInput(error.message.replace("this is not a job", "this is no notify", 1)) from None
