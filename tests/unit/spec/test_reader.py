from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidFiles
from runlet.spec.aliases import MAX_ALIASES
from runlet.spec.reader import MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES, parse, read

# What a hostile file may cost of the processor: each takes half a second at most on an idle machine, and what runs away
# takes minutes.
MOST_SECONDS = 5.0


def _refusal(text: str | bytes) -> str:
    with pytest.raises(InvalidFiles) as caught:
        parse("f", text.encode() if isinstance(text, str) else text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: true", {"a": True}),
        ("a: False", {"a": False}),
        ("a: null", {"a": None}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: 12", {"a": 12}),
        ("a: -3", {"a": -3}),
        ("a: 1.5e3", {"a": 1500.0}),
        ("a: no", {"a": "no"}),
        ("a: on", {"a": "on"}),
        ("a: 22:22", {"a": "22:22"}),
        ("a: 010", {"a": "010"}),
        ("a: 0x1f", {"a": "0x1f"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 2020-01-01", {"a": "2020-01-01"}),
        ("a: .inf", {"a": ".inf"}),
        ("a: 1e999", {"a": "1e999"}),
        (f"a: {'9' * 5000}", {"a": "9" * 5000}),
        ("a: 'true'", {"a": "true"}),
        ('a: "1"', {"a": "1"}),
        ("1: a", {"1": "a"}),
        ("true: a", {"true": "a"}),
        ("---\na: b\n...\n", {"a": "b"}),
        ("\ufeffa: b", {"a": "b"}),
        ("[a, {b: [c]}]", ["a", {"b": ["c"]}]),
        ("a: |\n  x\n   y\n", {"a": "x\n y\n"}),
        ("just text", "just text"),
    ],
)
def test_values(text: str, value: object) -> None:
    document = parse("f", text.encode())
    assert (document.value, document.problems) == (value, [])


def test_places_of_keys_and_values() -> None:
    document = parse("f", b"job:\n  script: ls\n  list:\n    - a\n    - b: c\n  none:\n")
    places = {
        (): (1, 1),
        ("job",): (2, 3),
        ("job", "script"): (2, 11),
        ("job", "list"): (4, 5),
        ("job", "list", 0): (4, 7),
        ("job", "list", 1, "b"): (5, 10),
        ("job", "none"): (6, 3),  # nothing is written there, so its key
    }
    for address, place in places.items():
        problem = document.problem(address, "")
        assert (problem.line, problem.column) == place, address
    assert document.problem(("job", "script"), "", at_key=True).column == 3


@pytest.mark.parametrize(
    ("text", "line", "place"),
    [
        ("a: |\n  one\n  two\n", 2, (3, 3)),
        ("a: |-\n\n    one\n      two\n", 3, (4, 5)),
        ("a: |2\n    one\n  two\n", 1, (2, 3)),
        ("x: y\na: |  # comment\n  one\n", 1, (3, 3)),
        ("a: |\n  one\n", 9, (2, 3)),  # past the end: the last line
        ("a: |\r\n  one\r\n  two\r\n", 2, (3, 3)),
        ("a: >\n  one\n\n  two\n", 2, (1, 4)),
        ("a: one two", 1, (1, 4)),
    ],
)
def test_places_within_a_text(text: str, line: int, place: tuple[int, int]) -> None:
    problem = parse("f", text.encode()).problem_in_text(("a",), line, "wrong")
    assert (problem.line, problem.column) == place


def test_a_line_that_has_no_place_of_its_own_is_named() -> None:
    document = parse("f", b"a: >\n  one\n\n  two\n")
    assert str(document.problem_in_text(("a",), 2, "wrong")) == "f:1:4: line 2 of this text: wrong"


@pytest.mark.parametrize("text", ["", "---\n", "# a comment\n", "~\n", "\ufeff"])
def test_a_file_may_hold_nothing(text: str) -> None:
    assert parse("f", text.encode()).is_empty


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 200_000, f"f:1:{MAX_DEPTH + 1}: nested deeper than {MAX_DEPTH} levels"),
        ("{a: " * 10_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("- " * 10_000, f"nested deeper than {MAX_DEPTH} levels"),
        ("".join(f"{' ' * level}a:\n" for level in range(1_400)), f"nested deeper than {MAX_DEPTH} levels"),
        ("- a\n" * MAX_NODES, f"more than {MAX_NODES} keys and values"),
        ("- *a\n" * 5_000, "f: 1000 mistakes or more; the rest is not told"),
        ("{" * 10_000, "a key must be text, not a list or a map"),
        ("a: b\n---\n" * 2, "f:2:1: a second document"),
        ("a: b\n" + "x" * MAX_FILE_BYTES, "f: the file is larger than 1024 KiB; split it"),
        (b"\xef\xbb\xbfa: b\nc\xff", "f:2:2: the file is not UTF-8: byte 0xff at offset 9"),
        ("a: b".encode("utf-16"), "f:1:1: the file is not UTF-8: byte 0xff at offset 0"),
        ("a: b\nc: d\0", "f:2:5: the invisible character U+0000 is not allowed in YAML; remove it"),
        ("a: b\u2028c", "f:1:5: the invisible character U+2028"),
    ],
    ids=lambda part: repr(part[:20]),
)
def test_hostile_files_are_refused_in_no_time(text: str | bytes, message: str) -> None:
    start = time.process_time()
    assert message in _refusal(text)
    assert time.process_time() - start < MOST_SECONDS


def test_a_copy_has_the_alias_place_and_names_the_original_line() -> None:
    document = parse("f", b"a: &x\n  - |\n    one\n    two\nb: &y {k: *x}\nc:\n  <<: *y\n")
    assert document.value == {"a": ["one\ntwo\n"], "b": {"k": ["one\ntwo\n"]}, "c": {"k": ["one\ntwo\n"]}}
    for address, place, line in ((("b", "k", 0), (5, 11), 2), (("c", "k", 0), (7, 7), 2), (("c", "k"), (7, 7), 1)):
        problem = document.problem(address, "wrong")
        assert (problem.line, problem.column, problem.message) == (*place, f"wrong (written in line {line})")
    assert str(document.problem_in_text(("c", "k", 0), 2, "wrong")) == "f:7:7: wrong (written in line 4)"
    assert str(document.problem(("c", "k"), "wrong", at_key=True)) == "f:7:7: wrong (written in line 5)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: &x {k: 1}, b: {<<: *x, k: 2}}", {"k": 2}),
        ("{a: &x {k: 1}, b: {k: 2, <<: *x}}", {"k": 2}),
        ("{a: &x {k: 1}, c: &y {k: 2, l: 3}, b: {<<: [*x, *y]}}", {"k": 1, "l": 3}),
        ("{a: &x {k: 1}, c: &y {<<: *x, l: 3}, b: {<<: *y}}", {"k": 1, "l": 3}),
        ("{b: {<<: {k: 1}}}", {"k": 1}),
        ("{b: {<<: [], k: 1}}", {"k": 1}),
        ("{b: {'<<': 1}}", {"<<": 1}),
        ("{b: {<<: {'<<': 1, k: 2}}}", {"<<": 1, "k": 2}),
        ("{a: &x , b: *x}", None),
        ("{a: {c: &x 1}, b: [*x, *x]}", [1, 1]),
    ],
)
def test_aliases_and_merge_keys(text: str, value: object) -> None:
    document = parse("f", text.encode())
    assert (document.value["b"], document.problems) == (value, [])  # type: ignore[call-overload, index]


def _levels(count: int, level: str) -> str:
    """`level` with the number of a level and of the one before, from 1 on."""
    return "".join(level.format(n, n - 1) for n in range(1, count))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a0 [x, x]\n" + _levels(60, "a{0}: &a{0} [*a{1}, *a{1}]\n"), "100000 keys and values, aliases written"),
        ("a: &a0 {k: x}\n" + _levels(60, "a{0}: &a{0} {{<<: [*a{1}, *a{1}]}}\n"), "aliases written out"),
        (f"a: &a [{'x, ' * 300}]\nb: [{'*a, ' * 400}]", "100000 keys and values, aliases written out"),
        (f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 20}]", "more than 1024 KiB of text, aliases written out"),
        ("a0: &a0 [x]\n" + _levels(40, "a{0}: &a{0} [*a{1}]\n"), f"nested deeper than {MAX_DEPTH} levels"),
        (f"a: &a x\nb: [{'*a, ' * MAX_ALIASES} *a]", f"more than {MAX_ALIASES} aliases; split the file"),
        ("a: &a [*a]", "f:1:8: the alias *a stands inside the value that it stands for (line 1)"),
        ("a: &a {<<: *a}", "stands inside the value"),
        ("a: *b\nb: &b 1", "f:1:4: no value before this has the anchor &b"),
        ("a: &a 1\na: &b 2\nb: {c: *b}\na: *a\n", "f:4:1: duplicate key 'a' (first in line 1)"),
        ("a: {<<: {}, <<: {}}", "duplicate key '<<' (first in line 1); merge several maps with one: [*a, *b]"),
    ],
    ids=lambda part: repr(part[:20]),
)
def test_aliases_are_bounded_before_anything_is_built(text: str, message: str) -> None:
    start = time.process_time()
    try:
        problems = parse("f", text.encode()).problems
    except InvalidFiles as error:
        problems = list(error.problems)
    assert any(message in str(problem) for problem in problems), problems
    assert time.process_time() - start < MOST_SECONDS


def test_reading_goes_on_after_what_can_be_stepped_over() -> None:
    document = parse("f", b"&k a: 1\nb: *x\n<<: 1\nc: !!str 1\na: 2\n")
    assert [(problem.line, problem.column) for problem in document.problems] == [(1, 1), (2, 4), (4, 4), (5, 1), (3, 1)]


def test_what_stops_the_reading_is_told_after_what_was_found_before() -> None:
    assert _refusal("a: 1\na: 2\nb: '\n").splitlines() == [
        "f:2:1: duplicate key 'a' (first in line 1)",
        "f:3:4: this quote is not closed",
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "cannot be read: Is a directory")):
        with pytest.raises(InvalidFiles, match=message):
            read(path)


def test_an_endless_file_is_read_to_the_limit_only() -> None:
    with pytest.raises(InvalidFiles, match="larger than"):
        read(Path("/dev/zero"))


# Pieces of YAML, and of what only looks like it, one after the other.
PIECES = [*"ab:[]{},'\"|>#%?\\@é \t\r\n", "- ", "\n  ", "&a", "*a", "!x", "<<", "---", "...", "{{", "{%", "true", "12"]
YAML_LIKE = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(st.text() | YAML_LIKE | st.binary())
def test_anything_is_a_document_or_refused(content: str | bytes) -> None:
    start = time.process_time()
    try:
        document = parse("f", content.encode() if isinstance(content, str) else content)
    except InvalidFiles:
        document = None
    assert document is None or document.value is not None or document.is_empty or document.problems
    assert time.process_time() - start < MOST_SECONDS
