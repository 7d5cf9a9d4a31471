from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.holder import wire
from runlet.holder.records import Ended, Start, Started, UnreadableRecord

FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=50)), max_size=20)
FIELD = st.binary(max_size=20)


@given(FRAMES, st.data())
def test_frames_come_out_as_they_went_in_however_they_are_cut(frames: list[tuple[int, bytes]], data: st.DataObject):
    sent = b"".join(wire.frame(kind, content) for kind, content in frames)
    taken, received = wire.Frames(), []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        received += taken.feed(sent[:size])
        sent = sent[size:]
    assert received == frames


def test_what_was_seen_crosses_the_wire() -> None:
    seen = wire.Seen(2**40, 3, lines=True, echo=False, own_screen=True)
    [(kind, content)] = wire.Frames().feed(wire.type_if(2**63, 7, seen, b"y\r"))
    console, number, again, data = wire.read_type_if(content)
    assert (kind, console, number, data) == (wire.TYPE_IF, 2**63, 7, b"y\r")
    assert all(getattr(again, name) == getattr(seen, name) for name in wire.Seen.__slots__)


def test_a_holder_of_an_older_version_is_understood() -> None:
    [(_, content)] = wire.Frames().feed(wire.greeting(5))
    assert wire.read_greeting(b"\0\1" + content[2:]) == (wire.OLDEST_VERSION, 5)


def test_a_frame_beyond_the_bound_is_refused() -> None:
    header = wire.frame(wire.TYPE)[:1] + (wire.MAX_CONTENT_BYTES + 1).to_bytes(4, "big")
    with pytest.raises(wire.BrokenWire):
        list(wire.Frames().feed(header))


@pytest.mark.parametrize(
    "read", [wire.read_typed, wire.read_type_if, wire.read_release, wire.read_resize, wire.read_end]
)
def test_a_frame_that_is_cut_off_is_refused(read) -> None:
    with pytest.raises(wire.BrokenWire):
        read(b"")


def test_another_version_is_refused() -> None:
    [(kind, content)] = wire.Frames().feed(wire.greeting(5))
    assert (kind, wire.read_greeting(content)) == (wire.GREETING, (wire.VERSION, 5))
    with pytest.raises(wire.BrokenWire, match="version 770"):
        wire.read_greeting(b"\3" + content[1:])


STARTS = st.builds(
    Start,
    execution=FIELD,
    argv=st.lists(FIELD, min_size=1, max_size=5),
    environment=st.dictionaries(FIELD, FIELD, max_size=5),
    cwd=FIELD,
    size=st.tuples(st.integers(1, 999), st.integers(1, 999)),
    timeout=st.none() | st.floats(0.1, 1e9),
    on_timeout=FIELD,
    limit=st.none() | st.integers(1, 2**60),
    on_limit=FIELD,
    on_stop=FIELD,
)
ENDS = st.builds(
    Ended,
    code=st.integers(-64, 255),
    seconds=st.floats(0, 1e9),
    failure=FIELD,
    verdict=FIELD,
    offset=st.integers(0, 2**60),
    tail=FIELD,
)
STARTED = st.builds(Started, holder=st.integers(1), program=st.integers(1), since=st.integers(0, 2**60), boot=FIELD)


def fields(record: Start | Started | Ended) -> list[object]:
    return [getattr(record, name) for name in record.__slots__]


@given(STARTS | ENDS | STARTED)
def test_records_survive_the_disk(record: Start | Started | Ended) -> None:
    assert fields(type(record).decode(record.encode())) == fields(record)


@given(STARTED, st.data())
def test_a_record_that_is_cut_off_is_none(record: Started, data: st.DataObject) -> None:
    body = record.encode()
    with pytest.raises(UnreadableRecord):
        Started.decode(body[: data.draw(st.integers(0, len(body) - 1))])


@pytest.mark.parametrize("body", [b"", bytes(100), b"\0\0\0\1" + b"2" + b"\0\0\0\1x" * 8])
def test_zeros_and_other_versions_are_no_record(body: bytes) -> None:
    for kind in (Start, Started, Ended):
        with pytest.raises(UnreadableRecord):
            kind.decode(body)
