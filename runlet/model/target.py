"""Which devices a run goes to: an expression (`where`, `whereCustom`) resolved against what is known and connected.

    the union of the unsigned terms, or every enrolled device when there is none,
    cut to each &term, less each !term, less the devices that are not enabled

The order of the terms makes no difference.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import chain, islice

from runlet.errors import Conflict, InvalidInput, UnknownName
from runlet.model import counted, facts
from runlet.model.inventory import RESERVED_NAMES
from runlet.model.pattern import Named, NamedLike, Selector, Sign, Term, Valued, parse, split

# The devices of a large fleet, one by one.
MAX_TERMS = 10_000
# Terms that are held against every name or device, where plain names are looked up.
MAX_SEARCHING_TERMS = 100
# How many names a message tells.
MOST_TOLD = 5
# Comparing a name with all others is slow, and a longer one is no slip of the finger.
MAX_NAME_TO_GUESS = 100


class Where(StrEnum):
    """The values of a job's `where`."""

    LOCAL = "local"  # the device the request comes from
    ALL = "all"  # every device connected at launch
    ANY = "any"  # one connected device, or the next to connect
    CUSTOM = "custom"  # the devices that whereCustom selects
    ENROLLED = "enrolled"  # every enrolled device, offline ones when they return


# Where nothing may be selected: the others name one device.
MAY_BE_EMPTY = frozenset({Where.ALL, Where.CUSTOM, Where.ENROLLED})


@dataclass(frozen=True, slots=True)
class Target:
    """An expression that selects devices. `patterns`, one term each, is empty unless `where` is CUSTOM.

    Raises InvalidInput for patterns that are wrong.
    """

    where: Where = Where.LOCAL
    patterns: tuple[str, ...] = ()
    allow_empty: bool = False  # whether selecting nothing, by names that nothing has too, is no mistake
    terms: tuple[Term, ...] = field(init=False, repr=False, compare=False)  # `patterns`, read

    def __post_init__(self) -> None:
        custom = self.where is Where.CUSTOM
        if custom and not self.patterns:
            raise InvalidInput("the target is empty", "name a device, or say all, any, enrolled or local")
        if self.patterns and not custom:
            raise InvalidInput(f"where: {self.where} takes no whereCustom")
        if self.allow_empty and self.where not in MAY_BE_EMPTY:
            raise InvalidInput(f"where: {self.where} takes no allowEmpty")
        if len(self.patterns) > MAX_TERMS:
            raise InvalidInput(f"a target has {MAX_TERMS} patterns at most")
        terms = tuple(parse(text) for text in self.patterns)
        if sum(not isinstance(term.selector, Named) for term in terms) > MAX_SEARCHING_TERMS:
            raise InvalidInput(f"a target has {MAX_SEARCHING_TERMS} patterns at most that are not plain names")
        object.__setattr__(self, "terms", terms)

    @classmethod
    def custom(cls, items: Iterable[str], *, allow_empty: bool = False) -> Target:
        """A target from whereCustom items; one item may hold several patterns: "pi-*,!pi-3"."""
        texts = list(islice(chain.from_iterable(map(split, items)), MAX_TERMS + 1))
        if len(texts) > MAX_TERMS:  # before any is read
            raise InvalidInput(f"a target has {MAX_TERMS} patterns at most")
        return cls(Where.CUSTOM, tuple(dict.fromkeys(parse(text).text for text in texts)), allow_empty)

    @classmethod
    def parse(cls, text: str) -> Target:
        """A target as typed on the command line: a value of `where`, else patterns."""
        if text in RESERVED_NAMES and text != Where.CUSTOM:
            return cls(Where(text))
        return cls.custom([text])

    def __str__(self) -> str:
        return ",".join(self.patterns) if self.where is Where.CUSTOM else self.where.value


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of an enrolled device when a target is resolved."""

    name: str
    connected: bool
    enabled: bool = True
    groups: frozenset[str] = frozenset()  # all that contain it
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    facts: Mapping[str, str | int | float | bool | list[str]] = field(default_factory=dict, hash=False)

    def texts(self, key: str) -> list[str]:
        """What `key=value` is compared with; a label wins over a fact of the same name."""
        if key in self.labels:
            return [self.labels[key]]
        fact = self.facts.get(key, [])
        return fact if isinstance(fact, list) else [str(fact).lower() if isinstance(fact, bool) else str(fact)]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Why a device is selected, or is not though something matched it. `excluded_by` None: it is selected."""

    device: str
    because: tuple[str, ...]  # the patterns that matched it, or the value of `where`
    excluded_by: str | None = None  # the pattern, or NOT_ENABLED, or ONE_IS_ENOUGH

    @property
    def words(self) -> str:
        """For people: "pi-*, room=attic"; "pi-*, but !pi-3"."""
        return ", ".join(self.because) + ("" if self.excluded_by is None else f", but {self.excluded_by}")


NOT_ENABLED = "enabled: false"
ONE_IS_ENOUGH = "any takes one"


def resolve(
    target: Target,
    candidates: Mapping[str, Candidate],
    *,
    groups: Set[str] = frozenset(),
    origin: str | None = None,
    barred: Set[str] = frozenset(),
) -> list[str | None]:
    """The devices of a run, one execution each, in order of name; None stands for the next device to connect.

    `groups` holds the names of all groups, empty ones too; `origin` is the device that asks, if it is one; `barred`
    holds devices that the playbook's settings exclude; the next to connect must not be one of them either.
    Raises Conflict for a device that is named and not enabled; unless `allow_empty`, also UnknownName for a name or
    label that nothing has and that is no fact either, and Conflict when nothing is left to run on.
    """
    return resolve_in(Fleet(candidates, groups), target, origin=origin, barred=barred)


def resolve_in(
    fleet: Fleet, target: Target, *, origin: str | None = None, barred: Set[str] = frozenset()
) -> list[str | None]:
    """As `resolve`, in a fleet that many targets are resolved in."""
    candidates = fleet.candidates
    match target.where:
        case Where.LOCAL:
            chosen = [_asking(origin, candidates)]
        case Where.ALL | Where.ANY:
            chosen = sorted((name for name in fleet.enabled if candidates[name].connected), key=counted.key)
        case Where.ENROLLED:
            chosen = sorted(fleet.enabled, key=counted.key)
        case Where.CUSTOM:
            chosen = sorted(_select(target, fleet), key=counted.key)
    allowed: list[str | None] = [name for name in chosen if name not in barred]
    if target.where is Where.ANY:
        return allowed[:1] or [None]
    if not allowed and not target.allow_empty:
        raise _barred(chosen) if chosen else _nothing(target, fleet)
    return allowed


def explain(target: Target, candidates: Mapping[str, Candidate], groups: Set[str] = frozenset()) -> list[Chosen]:
    """Every device that the target matches, in order of name, and why it is selected or not.

    Raises as `resolve` does for what nothing has, but neither for an empty result nor for what is not enabled.
    """
    fleet = Fleet(candidates, groups)
    match target.where:
        case Where.LOCAL:
            raise InvalidInput("where: local is the device that asks: there is nothing to explain")
        case Where.CUSTOM:
            return _explain_terms(target, fleet)
    found = []
    taken = False
    for name in sorted(candidates, key=counted.key):
        if candidates[name].connected or target.where is Where.ENROLLED:
            excluded_by = None
            if not candidates[name].enabled:
                excluded_by = NOT_ENABLED
            elif target.where is Where.ANY and taken:
                excluded_by = ONE_IS_ENOUGH
            taken = taken or excluded_by is None
            found.append(Chosen(name, (target.where.value,), excluded_by))
    return found


class Fleet:
    """The candidates, with what is asked of them often."""

    def __init__(self, candidates: Mapping[str, Candidate], groups: Set[str]) -> None:
        self.candidates = candidates
        self.enabled = {name for name, device in candidates.items() if device.enabled}
        # By name of a device or group: the device itself, or the group's devices.
        self.members: dict[str, set[str]] = {name: {name} for name in candidates}
        for group in groups:
            self.members.setdefault(group, set())
        for name, device in candidates.items():
            for group in device.groups:
                self.members.setdefault(group, set()).add(name)
        self._found: dict[Selector, set[str]] = {}

    def matching(self, term: Term) -> set[str]:
        """The devices that a term matches, whatever its sign, enabled or not. Searched for once a selector."""
        if term.selector not in self._found:
            self._found[term.selector] = self._searched(term.selector)
        return self._found[term.selector]

    def _searched(self, selector: Selector) -> set[str]:
        match selector:
            case Named(name):
                return self.members.get(name, set())
            case NamedLike() as like:
                return set().union(*(devices for name, devices in self.members.items() if like.matches(name)))
            case Valued() as valued:
                return {
                    name
                    for name, device in self.candidates.items()
                    if any(valued.matches(text) for text in device.texts(valued.key))
                }

    @cached_property
    def keys(self) -> set[str]:
        """Every name of a label or fact."""
        return {key for device in self.candidates.values() for key in (*device.labels, *device.facts)}


def _matches(target: Target, fleet: Fleet) -> list[tuple[Term, set[str]]]:
    """Each term with the devices it matches."""
    if not target.allow_empty:
        _refuse_unknown(target.terms, fleet)
    return [(term, fleet.matching(term)) for term in target.terms]


def _union(matches: Sequence[tuple[Term, set[str]]], fleet: Fleet) -> set[str]:
    """What the unsigned terms match; every device when there is none."""
    added = [devices for term, devices in matches if term.sign is Sign.ADD]
    return set().union(*added) if added else set(fleet.candidates)


def _select(target: Target, fleet: Fleet) -> set[str]:
    matches = _matches(target, fleet)
    for term in target.terms:
        if isinstance(term.selector, Named) and term.sign is not Sign.EXCLUDE:
            _check_enabled(term.selector.name, fleet.candidates)
    selected = _union(matches, fleet) & fleet.enabled
    for term, devices in matches:
        if term.sign is Sign.INTERSECT:
            selected &= devices
        elif term.sign is Sign.EXCLUDE:
            selected -= devices
    return selected


def _explain_terms(target: Target, fleet: Fleet) -> list[Chosen]:
    matches = _matches(target, fleet)
    because: dict[str, list[str]] = {name: [] for name in sorted(_union(matches, fleet), key=counted.key)}
    excluded_by = {name: NOT_ENABLED for name in because if name not in fleet.enabled}
    for term, devices in matches:
        if term.sign is not Sign.EXCLUDE:
            for name in devices & because.keys():
                because[name].append(term.text)
        removed = because.keys() - devices if term.sign is Sign.INTERSECT else because.keys() & devices
        if term.sign is not Sign.ADD:
            for name in removed:
                excluded_by.setdefault(name, term.text)
    start = () if any(term.sign is Sign.ADD for term in target.terms) else (Where.ENROLLED.value,)
    return [Chosen(name, (*start, *texts), excluded_by.get(name)) for name, texts in because.items()]


# --- what is refused -----------------------------------------------------------------------------------------------


def _asking(origin: str | None, candidates: Mapping[str, Candidate]) -> str:
    if origin is None:
        raise InvalidInput(
            "where: local means the device that asks, and this machine is not a device",
            "say where: --on DEVICE, --on all or --on any",
        )
    if origin not in candidates:
        raise UnknownName(
            f"no device is called {origin!r}{_guess(origin, candidates)}", "see them with: runlet devices"
        )
    _check_enabled(origin, candidates)
    return origin


def _check_enabled(name: str, candidates: Mapping[str, Candidate]) -> None:
    if name in candidates and not candidates[name].enabled:
        raise Conflict(f"device {name!r} is not enabled", "set enabled: true in the inventory, or leave it out")


def _refuse_unknown(terms: Sequence[Term], fleet: Fleet) -> None:
    """Every name at once, so that nobody mends one after another."""
    keys = fleet.keys if any(isinstance(term.selector, Valued) for term in terms) else set()
    unknown: dict[str, tuple[str, Iterable[str]]] = {}
    for term in terms:
        match term.selector:
            case Named(name) if name not in fleet.members:
                unknown[f"no device or group is called {name!r}"] = name, fleet.members
            case Valued(key) if key not in keys and key not in facts.NAMES:  # a fact may be told later
                unknown[f"no device has a label or fact called {key!r}"] = key, keys | facts.NAMES.keys()
    if unknown:
        told = [message + _guess(name, known) for message, (name, known) in islice(unknown.items(), MOST_TOLD)]
        more = [f"{len(unknown) - MOST_TOLD} more are unknown"] if len(unknown) > MOST_TOLD else []
        raise UnknownName("; ".join([*told, *more]), "see them with: runlet devices")


def _guess(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1) if len(name) <= MAX_NAME_TO_GUESS else []
    return f"; did you mean {close[0]}?" if close else ""


def _barred(chosen: Sequence[str]) -> Conflict:
    told = ", ".join(chosen[:MOST_TOLD]) + (f" and {len(chosen) - MOST_TOLD} more" if chosen[MOST_TOLD:] else "")
    return Conflict(
        f"settings.daemons bars {told} from this job", "set enabled: true there, or choose another device with --on"
    )


def _nothing(target: Target, fleet: Fleet) -> Conflict:
    match target.where:
        case Where.CUSTOM:
            return Conflict(f"no device matches {target}{_idle(target, fleet)}", "see them with: runlet devices")
        case Where.ENROLLED:
            return Conflict("no device is enrolled and enabled", "see them with: runlet devices")
    return Conflict("no device is connected", "see them with: runlet devices")


def _idle(target: Target, fleet: Fleet) -> str:
    """The first term that matches nothing by itself, with what may have been meant."""
    for term in target.terms:
        if term.sign is not Sign.EXCLUDE and not fleet.matching(term):
            why = _why_none(term.selector, fleet) if isinstance(term.selector, Valued) else ""
            return f": {term.text} matches none{why}" if term.text != str(target) else why
    return ""


def _why_none(selector: Valued, fleet: Fleet) -> str:
    key, value = selector.key, selector.value
    if key not in fleet.keys:
        return f"; no device has told the fact {key} yet"
    values = {text for device in fleet.candidates.values() for text in device.texts(key)}
    return _guess(f"{key}={value}", [f"{key}={text}" for text in sorted(values)])
