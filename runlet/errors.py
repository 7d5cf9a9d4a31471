"""Every error Runlet raises on purpose.

    RunletError
    ├── InvalidInput            what was asked is wrong; asking again unchanged cannot help
    │   ├── InvalidFiles        a file is wrong, with the place of every mistake
    │   ├── InvalidDeclarations   what was declared cannot work on this controller
    │   ├── UnknownName         no such job, run or device
    │   └── NotAuthorized       the token is missing or wrong
    ├── Conflict                the present state does not allow it
    │   ├── IllegalTransition   an execution cannot take this event in its state
    │   ├── StaleUpdate         a newer version of this execution was already recorded
    │   ├── StalePlan           what the controller holds has changed since the plan was made
    │   └── NotTheOwner         another source declared it
    ├── Unavailable             something we need does not answer; asking again later may help
    │   ├── ControllerUnavailable
    │   └── BrokerUnavailable
    │       ├── Unroutable      the broker has no queue for this message
    │       └── ChannelRefused  the broker does not do what was asked on a channel
    ├── JournalFailed           an agent's durable record cannot be used
    ├── ProtocolError           the other side sent what the protocol does not allow
    └── LocalFleetError         `runlet up` and its companions cannot do what they were asked

`message` says what is wrong; `hint`, when there is one, says what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """The kinds of mistakes in files, by their stable names."""

    FILE = "file"  # it cannot be read, or is too large
    YAML = "yaml"  # it is not the YAML that is accepted
    SCHEMA = "schema"  # a key or a value is not what its schema allows
    TEMPLATE = "template"  # a script is no template
    VALUE = "value"  # a value means nothing, which a schema cannot tell
    NAME = "name"  # a name is declared twice, or too many are


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One mistake in a file. Lines and columns count from 1; 0 means the file as a whole."""

    path: str
    line: int
    column: int
    message: str
    rule: Rule = Rule.VALUE

    @property
    def place(self) -> str:
        """On one line, whatever the file is called."""
        path = on_one_line(self.path)
        return f"{path}:{self.line}:{self.column}" if self.line else path

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def on_one_line(name: object) -> str:
    """A file's name without what cannot be seen: one that went on in another line would forge what a CI reads."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(name))


class RunletError(Exception):
    """The root. `code` is the stable name of the error in the HTTP API and in `--output json`."""

    code = "error"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(RunletError):
    """What was asked is wrong; asking again unchanged cannot help."""

    code = "invalid"


class InvalidFiles(InvalidInput):
    """One or more files are wrong; `problems` lists every mistake, in order of position."""

    code = "invalid_files"

    def __init__(self, problems: Sequence[Problem], hint: str | None = None) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems), hint)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a declaration; `field` is its key, `line` (from 1) a line of the field's text."""

    kind: str
    name: str
    field: str | None
    line: int | None
    message: str

    def __str__(self) -> str:
        place = "" if self.field is None else f", {self.field}" + ("" if self.line is None else f" line {self.line}")
        return f"{self.kind} {self.name!r}{place}: {self.message}"


class InvalidDeclarations(InvalidInput):
    """What was declared cannot work on this controller; `mistakes` lists why, and where."""

    code = "invalid_declarations"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in mistakes))


class UnknownName(InvalidInput):
    """No job, run or device has this name."""

    code = "unknown"


class NotAuthorized(InvalidInput):
    """The controller does not accept this token."""

    code = "unauthorized"


class Conflict(RunletError):
    """The present state does not allow what was asked."""

    code = "conflict"


class IllegalTransition(Conflict):
    """The transition table has no entry for this event in this state."""

    code = "illegal_transition"


class StaleUpdate(Conflict):
    """An update carries a version that is not newer than the recorded one."""

    code = "stale_update"


class StalePlan(Conflict):
    """What the controller holds has changed since the plan was made."""

    code = "stale_plan"


class NotTheOwner(Conflict):
    """Another source declared it."""

    code = "not_the_owner"


class Unavailable(RunletError):
    """Something needed does not answer now; later it may."""

    code = "unavailable"


class ControllerUnavailable(Unavailable):
    """The controller's HTTP API cannot be reached."""

    code = "controller_unavailable"


class BrokerUnavailable(Unavailable):
    """The broker cannot be reached, refused the message or went away before confirming it."""

    code = "broker_unavailable"


class Unroutable(BrokerUnavailable):
    """The broker returned a mandatory message because no queue is bound to its routing key."""

    code = "unroutable"


class ChannelRefused(BrokerUnavailable):
    """The broker closed a channel for what was asked on it; `reply` is AMQP's number for the reason."""

    code = "channel_refused"

    def __init__(self, reply: int, message: str) -> None:
        super().__init__(message)
        self.reply = reply


class JournalFailed(RunletError):
    """An agent's durable record cannot be read or written: the agent ends, and tries again when it is started again."""

    code = "journal"


class ProtocolError(RunletError):
    """The other side sent what the protocol does not allow; it is dropped and logged, never guessed at."""

    code = "protocol"


class LocalFleetError(RunletError):
    """`runlet up`, `down` or `status` cannot do what they were asked."""

    code = "local_fleet"
