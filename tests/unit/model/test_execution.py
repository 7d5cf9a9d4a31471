from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import IllegalTransition
from runlet.model.execution import OUTCOMES, RETRYABLE, TRANSITIONS, Event, State, advance, retried

# What an agent reports of one execution, in order: the prompts of a program come any number of times.
ENDS = st.sampled_from([Event.SUCCEED, Event.FAIL, Event.TIME_OUT, Event.CANCEL, Event.INTERRUPT])


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    prompts = draw(st.integers(0, 4)) * [Event.ASK, Event.RESUME]
    whole = [Event.ACCEPT, Event.START, *prompts, draw(ENDS)]
    return whole[: draw(st.integers(1, len(whole)))]


def test_table_covers_every_state() -> None:
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize("state", sorted(OUTCOMES))
@pytest.mark.parametrize("event", list(Event))
def test_outcomes_are_absorbing(state: State, event: Event) -> None:
    with pytest.raises(IllegalTransition, match=f"that is {state} cannot take {event}"):
        advance(state, event)


def test_every_state_is_reachable_and_every_event_has_a_use() -> None:
    reached = {State.QUEUED}
    waiting = [State.QUEUED]
    while waiting:
        for following in TRANSITIONS[waiting.pop()].values():
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    assert reached == set(State)
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)


@pytest.mark.parametrize("state", [state for state in State if not state.is_outcome])
def test_every_open_state_can_end_in_each_way_a_program_ends(state: State) -> None:
    for event in (Event.SUCCEED, Event.FAIL, Event.TIME_OUT, Event.CANCEL, Event.INTERRUPT):
        assert advance(state, event).is_outcome


@given(histories(), st.data())
def test_lost_reports_change_nothing_once_a_later_one_arrives(history: list[Event], data: st.DataObject) -> None:
    expected = State.QUEUED
    for event in history:
        expected = advance(expected, event)
    arrived = [event for event in history[:-1] if data.draw(st.booleans())]
    state = State.QUEUED
    for event in [*arrived, history[-1]]:
        state = advance(state, event)
    assert state is expected


@pytest.mark.parametrize("event", [Event.EXPIRE, Event.SKIP, Event.REJECT])
def test_a_started_execution_was_neither_undelivered_nor_refused(event: Event) -> None:
    with pytest.raises(IllegalTransition):
        advance(State.RUNNING, event)


@pytest.mark.parametrize("state", State)
def test_a_retry_begins_the_next_attempt_after_some_outcomes_only(state: State) -> None:
    if state in RETRYABLE:
        assert retried(state, 1) == (State.QUEUED, 2)
    else:
        with pytest.raises(IllegalTransition, match=f"that is {state} is not tried again"):
            retried(state, 1)
