"""runlet/cli/junit.py: a run as a JUnit report, valid against what CI systems read."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.cli import junit
from runlet.errors import InvalidInput
from runlet.model.execution import State
from runlet.protocol.views import RunView
from tests.unit.cli.runs import execution, run

# The part of Jenkins' junit-10.xsd that concerns us: element -> (children, required attributes, other attributes).
_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")
_COUNTS = {"tests", "failures", "errors"}
_SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", *_COUNTS}),
    "testsuite": ({"testcase"}, {"name", *_COUNTS}, {"time", "skipped", "timestamp", "hostname", "id", "package"}),
    "testcase": ({"skipped", "error", "failure", "system-out"}, {"name"}, {"time", "classname"}),
    "failure": (set(), set(), {"type", "message"}),
    "error": (set(), set(), {"type", "message"}),
    "skipped": (set(), set(), {"type", "message"}),
    "system-out": (set(), set(), set()),
}


def check_against_the_schema(element: Element) -> None:
    children, required, others = _SCHEMA[element.tag]
    assert {child.tag for child in element} <= children
    assert required <= set(element.attrib) <= required | others
    assert _TIME.fullmatch(element.get("time", "0"))
    if "testcase" in (child.tag for child in element):
        cases = list(element)
        assert int(element.attrib["tests"]) == len(cases)
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.attrib[attribute]) == len([case for case in cases if case.find(tag) is not None])
    for child in element:
        check_against_the_schema(child)


def read(view: RunView, output: dict[str, str] | None = None) -> Element:
    root = fromstring(junit.report(view, output or {}))
    check_against_the_schema(root)
    (suite,) = root
    return suite


def test_a_run_is_a_suite_and_a_device_a_case() -> None:
    done, failed = execution("pi-1", State.SUCCEEDED), execution("pi-2", State.FAILED, exit_code=3, seconds=0.5)
    suite = read(run(done, failed), {failed.id: "no space left"})
    assert (suite.get("name"), suite.get("time"), suite.get("timestamp")) == (
        "run 12: upgrade",
        "1.704",
        "2026-03-01T12:00:00+00:00",
    )
    first, second = suite
    assert first.attrib == {"classname": "upgrade", "name": "pi-1", "time": "1.204"}
    assert list(first) == []
    failure, output = second
    assert failure.attrib == {"type": "failed", "message": "Exited with code: 3 signal: none"}
    assert output.text == "no space left"


@pytest.mark.parametrize("state", State)
def test_every_state_is_told_as_one_kind(state: State) -> None:
    expected = {
        State.SUCCEEDED: None,
        State.FAILED: "failure",
        State.TIMED_OUT: "failure",
        State.SKIPPED: "skipped",
    }.get(state, "error")
    (case,) = read(run(execution("pi-1", state, started_at=None, seconds=None)))
    assert [child.tag for child in case] == ([] if expected is None else [expected])


def test_what_was_not_waited_for_says_so() -> None:
    (case,) = read(run(execution("pi-1", State.AWAITING_INPUT)))
    assert case[0].get("message") == "not ended: awaiting input when the wait was given up"


def test_a_run_on_nothing_is_an_empty_suite() -> None:
    assert list(read(run())) == []


@settings(deadline=None)
@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_document(name: str, detail: str, output: str) -> None:
    failed = execution(name or None, State.FAILED, detail=detail)
    read(run(failed, job=None, command=("sh", "-c", output)), {failed.id: output})


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 10))
def test_any_bytes_make_a_document(data: bytes, position: int) -> None:
    failed = execution("pi-1", State.FAILED)
    read(run(failed), {failed.id: junit.text_of(data, position)})


def test_output_is_inert_and_tells_what_is_left_out() -> None:
    assert junit.text_of(b"\x1b[31mred\x1b[0m\r\n10%\r20%\r\nend", 0) == "red\n20%\nend"
    assert junit.text_of(b"tial\r\nnext\r\n", 700) == "[the first 700 bytes are left out]\nnext"


@pytest.mark.parametrize("executions", [0, 1, 100, 10_000, 1_000_000])
def test_the_output_of_all_has_a_bound(executions: int) -> None:
    assert junit.share(executions) <= junit.OUTPUT_BYTES
    assert junit.share(executions) * executions <= junit.ALL_OUTPUT_BYTES


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    for document in (b"<first/>", b"<second/>"):
        junit.check(file)
        junit.write(file, document)
        assert file.read_bytes() == document
    assert list(tmp_path.iterdir()) == [file]


def test_where_nothing_can_be_written_is_told_before(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"):
        junit.check(tmp_path)
    with pytest.raises(InvalidInput, match=r"no folder that one may write to"):
        junit.check(tmp_path / "missing" / "report.xml")
