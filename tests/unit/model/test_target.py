from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.errors import Conflict, InvalidInput, UnknownName
from runlet.model.inventory import RESERVED_NAMES
from runlet.model.target import (
    MAX_SEARCHING_TERMS,
    MAX_TERMS,
    NOT_ENABLED,
    ONE_IS_ENOUGH,
    Candidate,
    Chosen,
    Target,
    Where,
    explain,
    resolve,
)

FLEET = {
    one.name: one
    for one in (
        Candidate(
            "pi-1", True, True, frozenset({"pis", "site"}), {"room": "attic"}, {"os.family": "debian", "cpus": 4}
        ),
        Candidate("pi-2", True, True, frozenset({"pis", "site"}), {"room": "hall"}, {"os.family": "arch", "cpus": 1}),
        Candidate("web-a", False, True, frozenset({"web", "site"}), {"os.family": "none"}, {"os.family": "debian"}),
        Candidate("mac", False, False, frozenset({"site"}), {}, {"battery": True, "ips": ["10.0.0.1", "::1"]}),
        Candidate("nas", True, True, frozenset(), {}, {"load": 0.5, "battery": False, "ips": ["10.0.0.2"]}),
    )
}
GROUPS = frozenset({"pis", "site", "web", "void"})


def _fleet(**connected: bool) -> dict[str, Candidate]:
    return {name: Candidate(name, is_connected) for name, is_connected in connected.items()}


def test_an_endless_list_of_patterns_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidInput, match="10000 patterns at most"):
        Target.custom("a" for _ in iter(int, 1))


def test_reserved_names_are_the_values_of_where() -> None:
    assert {where.value for where in Where} == RESERVED_NAMES


# --- what is selected ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local", ["pi-1"]),
        ("all", ["nas", "pi-1", "pi-2"]),
        ("any", ["nas"]),
        ("enrolled", ["nas", "pi-1", "pi-2", "web-a"]),
        ("pi-2,pi-1", ["pi-1", "pi-2"]),
        ("web-a", ["web-a"]),
        ("site", ["pi-1", "pi-2", "web-a"]),
        ("pi-*", ["pi-1", "pi-2"]),
        ("pi[s]", ["pi-1", "pi-2"]),
        ("web-[ab]", ["web-a"]),
        ("room=attic", ["pi-1"]),
        ("room=*", ["pi-1", "pi-2"]),
        ("os.family=debian", ["pi-1"]),
        ("os.family=none", ["web-a"]),
        ("cpus=4", ["pi-1"]),
        ("battery=false", ["nas"]),
        ("load=0.5", ["nas"]),
        ("ips=10.0.0.*", ["nas"]),
        ("~pi", ["pi-1", "pi-2"]),
        ("~(web|nas)", ["nas", "web-a"]),
        ("~i-1", []),
        ("site,&web", ["web-a"]),
        ("!pi-1,site", ["pi-2", "web-a"]),
        ("!site", ["nas"]),
        ("&pis,!room=attic", ["pi-2"]),
        ("void", []),
    ],
)
def test_what_a_target_selects(text: str, expected: list[str]) -> None:
    target = Target.parse(text)
    if not expected:
        with pytest.raises(Conflict, match="no device matches"):
            resolve(target, FLEET, groups=GROUPS)
        target = Target.custom([text], allow_empty=True)
    assert resolve(target, FLEET, groups=GROUPS, origin="pi-1") == expected


@pytest.mark.parametrize(
    ("items", "patterns"),
    [
        (["pi-1,pi-2"], ("pi-1", "pi-2")),
        (["pi-1", " pi-2 , mac,"], ("pi-1", "pi-2", "mac")),
        (["pi-1", "pi-1", "& web", "&web"], ("pi-1", "&web")),
    ],
)
def test_items_may_hold_several_patterns(items: list[str], patterns: tuple[str, ...]) -> None:
    assert Target.custom(items).patterns == patterns


@pytest.mark.parametrize("text", ["local", "all", "any", "enrolled", "pi-1", "pi-1,pi-2", "pi-*,!pi-3,~x{1,2}"])
def test_a_target_is_shown_as_it_is_typed(text: str) -> None:
    assert str(Target.parse(text)) == text
    assert Target.parse(str(Target.parse(text))) == Target.parse(text)


def test_any_waits_when_nothing_is_connected() -> None:
    assert resolve(Target(Where.ANY), _fleet(mac=False)) == [None]
    assert resolve(Target(Where.ANY), {"mac": Candidate("mac", connected=True, enabled=False)}) == [None]


def test_barred_devices_are_left_out() -> None:
    fleet = _fleet(a=True, b=True, c=False)
    assert resolve(Target(Where.ALL), fleet, barred={"a"}) == ["b"]
    assert resolve(Target(Where.CUSTOM, ("c",), allow_empty=True), fleet, barred={"c"}) == []
    with pytest.raises(Conflict, match=r"settings\.daemons bars c from"):
        resolve(Target.custom(["c"]), fleet, barred={"c"})


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " , "])
def test_an_empty_target_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="the target is empty"):
        Target.parse(text)


@pytest.mark.parametrize(
    ("where", "patterns", "allow_empty", "message"),
    [
        (Where.ALL, ("pi-1",), False, "where: all takes no whereCustom"),
        (Where.ANY, (), True, "where: any takes no allowEmpty"),
        (Where.LOCAL, (), True, "where: local takes no allowEmpty"),
        (Where.CUSTOM, ("pi-1,pi-2",), False, "',' cannot be part of a name"),
        (Where.CUSTOM, ("a",) * (MAX_TERMS + 1), False, "10000 patterns at most"),
        (Where.CUSTOM, ("a*",) * (MAX_SEARCHING_TERMS + 1), False, "100 patterns at most that are not plain names"),
    ],
)
def test_no_target_is_made_that_means_nothing(
    where: Where, patterns: tuple[str, ...], allow_empty: bool, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        Target(where, patterns, allow_empty)


def test_a_fact_that_nobody_has_told_yet_excludes_nobody_and_adds_nobody() -> None:
    for text in ("pi-1,!arch=armv6l", "pi-1,arch=armv6l"):
        assert resolve(Target.parse(text), FLEET, groups=GROUPS) == ["pi-1"]


@pytest.mark.parametrize("where", [Where.ALL, Where.ENROLLED])
def test_nothing_connected_or_enrolled_is_an_error_unless_allowed(where: Where) -> None:
    fleet = {"mac": Candidate("mac", connected=False, enabled=False)}
    with pytest.raises(Conflict, match=r"no device is (connected|enrolled and enabled)"):
        resolve(Target(where), fleet)
    assert resolve(Target(where, allow_empty=True), fleet) == []


def test_local_needs_an_origin_that_is_an_enabled_device() -> None:
    with pytest.raises(InvalidInput, match="this machine is not a device"):
        resolve(Target(), FLEET)
    with pytest.raises(UnknownName, match="no device is called 'pc'"):
        resolve(Target(), FLEET, origin="pc")
    with pytest.raises(Conflict, match="device 'mac' is not enabled"):
        resolve(Target(), FLEET, origin="mac")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pi1", "no device or group is called 'pi1'; did you mean pi-[12]"),
        ("pi-1,!piss", "no device or group is called 'piss'; did you mean pis"),
        ("rom=attic", "no device has a label or fact called 'rom'; did you mean room"),
        ("archh=armv6l", "no device has a label or fact called 'archh'; did you mean arch"),
        ("x" * 63, "no device or group is called 'x+'$"),
        ("saturn,pi-1,venus", "called 'saturn'; no device or group is called 'venus'$"),
        ("saturn,saturn,planet=x", "called 'saturn'; no device has a label or fact called 'planet'$"),
        ("a1,a2,a3,a4,a5,a6,a7", "; 2 more are unknown$"),
    ],
)
def test_an_unknown_name_comes_with_a_guess(text: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        resolve(Target.parse(text), FLEET, groups=GROUPS)
    assert set(resolve(Target.custom([text], allow_empty=True), FLEET, groups=GROUPS)) <= {"pi-1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("room=atic", "no device matches room=atic; did you mean room=attic?"),
        ("pis,&room=atic", "no device matches pis,&room=atic: &room=atic matches none; did you mean room=attic?"),
        ("arch=armv6l", "no device matches arch=armv6l; no device has told the fact arch yet"),
        (
            "pis,&arch=arm*",
            "no device matches pis,&arch=arm*: &arch=arm* matches none; no device has told the fact arch yet",
        ),
        ("pis,&web", "no device matches pis,&web"),
    ],
)
def test_an_empty_result_says_what_matched_nothing(text: str, message: str) -> None:
    with pytest.raises(Conflict) as caught:
        resolve(Target.parse(text), FLEET, groups=GROUPS)
    assert caught.value.message == message


def test_a_disabled_device_is_an_error_only_when_it_is_named() -> None:
    with pytest.raises(Conflict, match="device 'mac' is not enabled"):
        resolve(Target.custom(["mac", "pi-1"], allow_empty=True), FLEET, groups=GROUPS)
    assert resolve(Target.parse("site,!mac"), FLEET, groups=GROUPS) == ["pi-1", "pi-2", "web-a"]


# --- why ------------------------------------------------------------------------------------------------------------


def test_an_explanation_names_every_pattern_that_decided() -> None:
    assert explain(Target.parse("pi-*,site,!room=attic,&~[pw]"), FLEET, GROUPS) == [
        Chosen("mac", ("site",), NOT_ENABLED),
        Chosen("pi-1", ("pi-*", "site", "&~[pw]"), "!room=attic"),
        Chosen("pi-2", ("pi-*", "site", "&~[pw]")),
        Chosen("web-a", ("site", "&~[pw]")),
    ]


def test_without_an_unsigned_pattern_every_device_is_explained() -> None:
    found = explain(Target.parse("!site"), FLEET, GROUPS)
    assert [one.device for one in found] == sorted(FLEET)
    assert [one.words for one in found] == [
        "enrolled, but enabled: false",
        "enrolled",
        "enrolled, but !site",
        "enrolled, but !site",
        "enrolled, but !site",
    ]


def test_the_other_values_of_where_are_explained() -> None:
    assert [one.excluded_by for one in explain(Target(Where.ANY), FLEET)] == [None, ONE_IS_ENOUGH, ONE_IS_ENOUGH]
    assert [one.device for one in explain(Target(Where.ALL), FLEET)] == ["nas", "pi-1", "pi-2"]
    assert explain(Target(Where.ENROLLED), FLEET)[0] == Chosen("mac", ("enrolled",), NOT_ENABLED)
    with pytest.raises(InvalidInput, match="the device that asks"):
        explain(Target(), FLEET)


# --- against plain set arithmetic ------------------------------------------------------------------------------------

DEVICES = ["a", "b", "ab", "a-1", "b-1", "web", "db"]
GROUP_NAMES = ["g", "ga", "h-1", "pis"]
KEYS = ["room", "os.family", "cpus"]
VALUES = ["x", "xy", "1", "true"]
FACTS: st.SearchStrategy[str | int | float | bool | list[str]] = st.one_of(
    st.sampled_from(VALUES), st.integers(1, 3), st.booleans(), st.lists(st.sampled_from(VALUES), max_size=2)
)


@dataclass(frozen=True)
class Choice:
    """A term's text, and by itself which devices it means."""

    text: str
    holds: Callable[[Candidate], bool]


def _texts(device: Candidate, key: str) -> list[str]:
    if key in device.labels:
        return [device.labels[key]]
    if key not in device.facts:
        return []
    fact = device.facts[key]
    if isinstance(fact, bool):
        return ["true" if fact else "false"]
    return fact if isinstance(fact, list) else [f"{fact}"]


def _by_name(text: str, holds: Callable[[str], object]) -> Choice:
    return Choice(text, lambda device: any(holds(name) for name in {device.name, *device.groups}))


def _by_value(key: str, value: str) -> Choice:
    return Choice(
        f"{key}={value}", lambda device: any(fnmatch.fnmatchcase(text, value) for text in _texts(device, key))
    )


SELECTORS = st.one_of(
    st.sampled_from(DEVICES + GROUP_NAMES).map(lambda name: _by_name(name, name.__eq__)),
    st.sampled_from(["a*", "*-1", "?b", "[ag]*", "*", "[!a]*", "g?"]).map(
        lambda glob: _by_name(glob, lambda name: fnmatch.fnmatchcase(name, glob))
    ),
    st.sampled_from(["a", "[ab]-1", ".*b$", "(g|we)", "x{1,2}"]).map(
        lambda regex: _by_name(f"~{regex}", lambda name: re.match(regex, name))
    ),
    st.builds(_by_value, st.sampled_from(KEYS), st.sampled_from([*VALUES, "x*", "?", "*", "[1t]*"])),
)
TERMS = st.lists(st.tuples(st.sampled_from(["", "&", "!"]), SELECTORS), min_size=1, max_size=6)


@st.composite
def fleets(draw: st.DrawFn) -> Mapping[str, Candidate]:
    return {
        name: Candidate(
            name,
            draw(st.booleans()),
            draw(st.integers(0, 4)) > 0,
            draw(st.frozensets(st.sampled_from(GROUP_NAMES))),
            draw(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))),
            draw(st.dictionaries(st.sampled_from(KEYS), FACTS)),
        )
        for name in draw(st.lists(st.sampled_from(DEVICES), unique=True))
    }


def _oracle(fleet: Mapping[str, Candidate], terms: list[tuple[str, Choice]]) -> list[str]:
    everything = set(fleet)
    meant = [(sign, {name for name in everything if choice.holds(fleet[name])}) for sign, choice in terms]
    added = [devices for sign, devices in meant if sign == ""]
    result = set.union(*added) if added else everything
    for sign, devices in meant:
        if sign == "&":
            result &= devices
    for sign, devices in meant:
        if sign == "!":
            result -= devices
    return sorted(name for name in result if fleet[name].enabled)


@settings(deadline=None)
@given(fleets(), TERMS, st.randoms())
def test_resolving_is_set_arithmetic_in_any_order(
    fleet: Mapping[str, Candidate], terms: list[tuple[str, Choice]], random: object
) -> None:
    expected = _oracle(fleet, terms)
    texts = [sign + choice.text for sign, choice in terms]
    target = Target.custom(texts, allow_empty=True)
    named = {text for sign, choice in terms if sign != "!" for text in [choice.text] if text in fleet}
    if any(not fleet[name].enabled for name in named):
        with pytest.raises(Conflict, match="is not enabled"):
            resolve(target, fleet, groups=set(GROUP_NAMES))
    else:
        assert resolve(target, fleet, groups=set(GROUP_NAMES)) == expected
        random.shuffle(texts)  # type: ignore[attr-defined]
        assert resolve(Target.custom(texts, allow_empty=True), fleet, groups=set(GROUP_NAMES)) == expected
    told = explain(target, fleet, set(GROUP_NAMES))
    assert [one.device for one in told if one.excluded_by is None] == expected
    positive = any(sign == "" for sign, _ in terms)
    for one in told:
        device = fleet[one.device]
        matched = {sign + choice.text for sign, choice in terms if sign != "!" and choice.holds(device)}
        assert set(one.because) == matched | (set() if positive else {"enrolled"})


@settings(deadline=None)
@given(fleets(), st.sets(st.sampled_from(DEVICES)))
def test_all_any_and_enrolled_are_set_arithmetic(fleet: Mapping[str, Candidate], barred: set[str]) -> None:
    enabled = {name for name, device in fleet.items() if device.enabled} - barred
    connected = sorted(name for name in enabled if fleet[name].connected)
    assert resolve(Target(Where.ALL, allow_empty=True), fleet, barred=barred) == connected
    assert resolve(Target(Where.ENROLLED, allow_empty=True), fleet, barred=barred) == sorted(enabled)
    assert resolve(Target(Where.ANY), fleet, barred=barred) == (connected[:1] or [None])
