"""The parts that deliver, each against a simple model, over a network that loses, repeats and re-orders what it likes
while either side dies at any time.

The rules are the real ones, without I/O but for files: a machine moves the messages by hand. At the end of each run the
network is healed, and everything must come to its end. Holders alone are real processes.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, create_engine, select

from runlet.agent.journal import Journal
from runlet.amqp.consumer import Delivery
from runlet.controller import devices, executions, launches, outbox, runs
from runlet.controller.streams import Streams
from runlet.controller.tables import Execution, Outbox
from runlet.controller.transcripts import Transcripts
from runlet.holder.buffer import OutputBuffer
from runlet.model.execution import TRANSITIONS, Event, State, advance, retried
from runlet.model.target import Target
from runlet.protocol import names
from runlet.protocol.chunk import Chunk
from runlet.protocol.messages import Cancel, Execute, Hello, Report, Stored
from tests.faults.campaign import forked_holders
from tests.harness import wait_until
from tests.integration.test_holder import Device, start_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEVICE = "pi-1"
ID = "80ea91af-b31c-4efc-989d-002b2366f1a5"
ANY = st.integers(0, 1000)
# To find out is quick, to make the example short is not: the long tests do that.
FINDS = (Phase.reuse, Phase.generate)
SHORT = settings(stateful_step_count=40, deadline=None, phases=FINDS)
LONG = settings(stateful_step_count=60, deadline=None)
# So many times the examples of the short ones.
LONG_FACTOR = 50


class Network(RuleBasedStateMachine):
    """Messages under way in either direction. Only `deliver_down` and `deliver_up` know what they mean."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="runlet-machine-"))
        self.down: list[object] = []
        self.up: list[object] = []

    def teardown(self) -> None:
        try:
            self.heal()
        finally:
            shutil.rmtree(self.folder)

    def heal(self) -> None:
        """From here on nothing is lost: all must come to its end."""

    def take_down(self, message: object) -> None:
        raise NotImplementedError

    def take_up(self, message: object) -> None:
        raise NotImplementedError

    @precondition(lambda self: self.down)
    @rule(which=ANY, again=st.booleans())
    def deliver_down(self, which: int, again: bool) -> None:
        self.take_down(self.down[which % len(self.down)] if again else self.down.pop(which % len(self.down)))

    @precondition(lambda self: self.up)
    @rule(which=ANY, again=st.booleans())
    def deliver_up(self, which: int, again: bool) -> None:
        self.take_up(self.up[which % len(self.up)] if again else self.up.pop(which % len(self.up)))

    @precondition(lambda self: self.down)
    @rule(which=ANY)
    def lose_down(self, which: int) -> None:
        del self.down[which % len(self.down)]

    @precondition(lambda self: self.up)
    @rule(which=ANY)
    def lose_up(self, which: int) -> None:
        del self.up[which % len(self.up)]


class Deliveries(Network):
    """The outbox and what is recorded of reports, against the journal: each execution is started once, and settled."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.engine = memory()
        self.journal = Journal(self.folder / "journal.db")
        self.reports: dict[str, Report] = {}  # the newest of what the agent holds
        self.starts: Counter[str] = Counter()
        self.launched: list[str] = []
        self.cancelled: set[str] = set()
        self.executes: list[Execute] = []  # that were delivered once
        with Session(self.engine) as session, session.begin():
            devices.enroll(session, [DEVICE])
            devices.seen(session, DEVICE, self.now, hello=Hello("hello", "0.1.0"))

    def teardown(self) -> None:
        super().teardown()
        self.engine.dispose()

    # --- the controller ---

    @precondition(lambda self: len(self.launched) < 6)
    @rule()
    def launch(self) -> None:
        request = launches.Request(None, ("true",), (), Target.parse(DEVICE))
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            launched = launches.launch(session, request, self.now)
            self.down += [one.message for one in launched.effects.outgoing]
            self.launched += [view.id for view in launched.run.executions]

    @precondition(lambda self: self.launched)
    @rule(which=ANY)
    def cancel(self, which: int) -> None:
        execution = self.launched[which % len(self.launched)]
        with Session(self.engine) as session, session.begin():
            row = session.get_one(Execution, execution)
            if not row.state.is_outcome:
                self.cancelled.add(execution)
                self.down += [one.message for one in runs.cancel(session, row.run, None, self.now).effects.outgoing]

    @rule(seconds=st.integers(1, 120))
    def sweep(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        with Session(self.engine) as session, session.begin():
            devices.seen(session, DEVICE, self.now)
            self.down += [one.message for one in outbox.due(session, self.now)]

    def take_up(self, message: object) -> None:
        assert isinstance(message, Report)
        with Session(self.engine) as session, session.begin():
            recorded = executions.record(session, [(DEVICE, message)], self.now)
            ended = [view for view in recorded.open if view.state.is_outcome]
            taken = [view.id for view in recorded.open if not view.state.is_outcome and view.state is not State.QUEUED]
            outbox.answered(session, taken=taken, ended=[view.id for view in ended])
            executions.settle(session, {(view.id, view.attempt): 0 for view in ended})
            self.down += [Stored(view.id, view.attempt, 0, settled=True) for view in ended]
            self.down += [answer for _, answer in recorded.settled]

    # --- the agent ---

    def take_down(self, message: object) -> None:
        match message:
            case Execute():
                self._accept(message)
            case Cancel():
                self._cancel(message)
            case Stored():
                if message.execution in self.reports and self._is_over(message.execution):
                    self.journal.settle(message.execution, message.attempt)
                    del self.reports[message.execution]

    @precondition(lambda self: self.executes)
    @rule(which=ANY)
    def deliver_late(self, which: int) -> None:
        """A broker that was away gives out again what it had."""
        self._accept(self.executes[which % len(self.executes)])

    def _accept(self, command: Execute) -> None:
        self.executes.append(command)
        report = Report(command.execution, command.attempt, 1, Event.ACCEPT, at=0.0)
        if self.journal.accept(command, report):
            self.reports[command.execution] = report
            self.starts[command.execution] += 1
        self._tell(command.execution)

    def _cancel(self, cancel: Cancel) -> None:
        report = Report(cancel.execution, cancel.attempt, 1, Event.CANCEL, at=0.0)
        if self.journal.bar(cancel.execution, cancel.attempt, report):
            self.reports[cancel.execution] = report
        elif cancel.execution in self.reports and not self._is_over(cancel.execution):
            self._end(cancel.execution, Event.CANCEL)
        self._tell(cancel.execution)

    def _is_over(self, execution: str) -> bool:
        return advance(State.QUEUED, self.reports[execution].event).is_outcome

    def _end(self, execution: str, event: Event) -> None:
        before = self.reports[execution]
        self.reports[execution] = Report(execution, before.attempt, before.version + 1, event, at=0.0)
        self.journal.end(self.reports[execution], 0, b"")

    def _tell(self, execution: str) -> None:
        if execution in self.reports:
            self.up.append(self.reports[execution])

    @rule(which=ANY)
    def end(self, which: int) -> None:
        running = [execution for execution in self.reports if not self._is_over(execution)]
        if running:
            self._end(running[which % len(running)], Event.SUCCEED)
            self._tell(running[which % len(running)])

    @rule()
    def say_hello(self) -> None:
        """An agent tells all that it holds, and is told all that it has not answered."""
        self.up += self.reports.values()
        with Session(self.engine) as session, session.begin():
            self.down += [one.message for one in outbox.for_device(session, DEVICE, self.now)]

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = Journal(self.folder / "journal.db")
        assert {entry.id: entry.report for entry in self.journal.entries()} == self.reports

    # --- what must hold ---

    @invariant()
    def each_is_started_once_at_most(self) -> None:
        assert all(number == 1 for number in self.starts.values())

    @invariant()
    def what_waits_is_in_the_outbox(self) -> None:
        with Session(self.engine) as session:
            waiting = set(session.exec(select(Execution.id).where(Execution.state == State.QUEUED)))
            assert waiting <= set(session.exec(select(Outbox.execution)))

    @rule()
    def have_a_quiet_moment(self) -> None:
        """All arrives, all ends, and that is told."""
        for message in self._drained(self.down):
            self.take_down(message)
        for execution in [execution for execution in self.reports if not self._is_over(execution)]:
            self._end(execution, Event.SUCCEED)
            self._tell(execution)
        for message in self._drained(self.up):
            self.take_up(message)
        for message in self._drained(self.down):
            self.take_down(message)

    def heal(self) -> None:
        for _ in range(10):
            self.sweep(120)
            self.say_hello()
            self.have_a_quiet_moment()
        with Session(self.engine) as session:
            rows = session.exec(select(Execution)).all()
            assert all(row.settled for row in rows)
            for row in rows:
                assert row.state in (State.SUCCEEDED, State.CANCELLED)
                assert row.state is State.SUCCEEDED or row.id in self.cancelled
                assert self.starts[row.id] == 1 or row.state is State.CANCELLED
            assert not session.exec(select(Outbox)).all()
        assert not list(self.journal.entries())
        self.journal.close()

    @staticmethod
    def _drained(messages: list[object]) -> list[object]:
        found, messages[:] = list(messages), []
        return found


class Outputs(Network):
    """A stream from its holder by way of an agent into the transcript: every byte once, none given up too early."""

    LIMIT = 200

    def __init__(self) -> None:
        super().__init__()
        self.printed = b""
        self.ended = False
        self.settled = False
        self.holder = OutputBuffer(self.LIMIT)
        self.agent = OutputBuffer(self.LIMIT)
        self._begin_controller()
        self._open(ID)

    @rule(length=st.integers(1, 90))
    def produce(self, length: int) -> None:
        if not self.ended:
            data = bytes(number % 251 for number in range(len(self.printed), len(self.printed) + length))
            data = data[: self.holder.room]
            self.holder.append(data)
            self.printed += data

    @rule(pieces=st.integers(1, 4))
    def send(self, pieces: int) -> None:
        """The agent reads what its holder has for it, and passes it on."""
        for _ in range(pieces):
            self.agent.append(self.holder.take(64)[1])
            if self.agent.unsent:
                self.up.append(Chunk(ID, 1, *self.agent.take(24)).encode())

    @rule()
    def resend(self) -> None:
        self.agent.rewind()

    @rule()
    def kill_agent(self) -> None:
        """Another one gets all of the holder's again."""
        self.agent = OutputBuffer(self.LIMIT, start=self.holder.acknowledged)
        self.holder.rewind()

    @rule()
    def end(self) -> None:
        self.ended = True

    @rule()
    def report_the_end(self) -> None:
        """What the agent reports once it has all of the output of a program that ended."""
        self.agent.append(self.holder.take(self.LIMIT)[1])
        if self.ended:
            self.streams.finish(ID, self.agent.end, self.agent.acknowledged)

    @rule()
    def kill_controller(self) -> None:
        self._begin_controller()

    @rule()
    def acknowledge(self) -> None:
        """What the controller does at an interval."""
        self.streams._acknowledge([self.streams._streams[one] for one in self.streams._unacknowledged])

    def _begin_controller(self) -> None:
        self.transcripts = Transcripts(self.folder / "transcripts")
        self.streams = Streams(self.transcripts, lambda _device, stored: self.down.append(stored))
        self.streams.on_unknown = self._open
        self.streams.on_complete = self._complete

    def _open(self, execution: str) -> None:
        self.streams.open(execution, 1, DEVICE, limit=1_000_000)
        self.streams.ask(execution)

    def _complete(self, _execution: str, _attempt: int, length: int) -> None:
        assert self.ended
        assert self._stored() == self.printed
        assert length == len(self.printed)
        self.settled = True

    def _stored(self) -> bytes:
        return self.transcripts.read(ID, 1, 0, 1_000_000)[1]

    def take_up(self, message: object) -> None:
        assert isinstance(message, bytes)
        self.streams.on_delivery(Delivery(names.key(DEVICE, names.OUTPUT), message, lambda: None))

    def take_down(self, message: object) -> None:
        assert isinstance(message, Stored)
        try:
            self.agent.acknowledge(message.offset)
        except ValueError:
            return  # the holder has not sent it again yet
        if message.hole:
            self.agent.rewind()
        self.holder.acknowledge(self.agent.acknowledged)

    @invariant()
    def the_transcript_is_what_was_printed(self) -> None:
        assert self.printed.startswith(self._stored())

    @invariant()
    def what_the_holder_gave_up_is_stored(self) -> None:
        assert self.holder.acknowledged <= len(self._stored())
        assert self.holder.kept() == self.printed[self.holder.acknowledged :]

    @invariant()
    def the_holder_keeps_no_more_than_its_bound(self) -> None:
        assert len(self.holder.kept()) <= self.LIMIT

    def heal(self) -> None:
        self.ended = True
        self.settled = False
        self.kill_controller()
        self._open(ID)
        for _ in range(20):
            for message in [*self.down]:
                self.down.remove(message)
                self.take_down(message)
            self.resend()
            self.send(8)
            for message in [*self.up]:
                self.up.remove(message)
                self.take_up(message)
            self.acknowledge()
        self.report_the_end()
        assert self.settled
        assert self._stored() == self.printed


class Reports(Network):
    """An execution's row against what its agents report: it is what the newest report of its present attempt says."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = memory()
        request = launches.Request(None, ("true",), (), Target.parse(DEVICE))
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            devices.enroll(session, [DEVICE])
            devices.seen(session, DEVICE, NOON)
            [view] = launches.launch(session, request, NOON).run.executions
        self.execution = view.id
        self.state, self.version, self.attempt = State.QUEUED, 0, 1  # at the agent
        self.heard = (1, 0, State.QUEUED)  # by the controller: attempt, version, state

    def teardown(self) -> None:
        super().teardown()
        self.engine.dispose()

    @rule(which=ANY)
    def happen(self, which: int) -> None:
        """Anything that may happen next on the device."""
        known = TRANSITIONS[self.state]
        events = sorted(known.keys() - {Event.EXPIRE, Event.SKIP, Event.REJECT})
        if which % 5:  # most programs go on for a while
            events = [event for event in events if not known[event].is_outcome] or events
        if events:
            event = events[which % len(events)]
            self.state, self.version = advance(self.state, event), self.version + 1
            self.up.append(Report(self.execution, self.attempt, self.version, event, at=0.0))

    @rule()
    def retry(self) -> None:
        """Another attempt begins once the controller knows how the present one ended, all of it."""
        if self.heard == (self.attempt, self.version, self.state) and self.state in (State.FAILED, State.INTERRUPTED):
            self.state, self.attempt = retried(self.state, self.attempt)
            self.version = 0
            self.heard = self.attempt, 0, State.QUEUED
            with Session(self.engine) as session, session.begin():
                row = session.get_one(Execution, self.execution)
                row.state, row.attempt, row.version, row.settled = self.state, self.attempt, 0, False

    def take_up(self, message: object) -> None:
        assert isinstance(message, Report)
        attempt, version, state = self.heard
        if message.attempt == attempt and message.version > version and not state.is_outcome:
            self.heard = attempt, message.version, advance(state, message.event)
        with Session(self.engine) as session, session.begin():
            executions.record(session, [(DEVICE, message)], NOON)

    @invariant()
    def the_row_is_what_was_heard(self) -> None:
        with Session(self.engine) as session:
            row = session.get_one(Execution, self.execution)
            assert (row.attempt, row.version, row.state) == self.heard


class Starts(RuleBasedStateMachine):
    """Real holders and their records, asked for any number of times and killed at any of their steps: a program runs
    once at most, and never without a record of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="runlet-machine-"))
        self.device = Device(self.folder / "holders")
        self.marker = self.folder / "starts"
        self.marker.touch()
        self.starts = [
            start_of(str(uuid.uuid4()), "sh", "-c", f"echo {number} >> {self.marker}") for number in range(3)
        ]

    def name(self, which: int) -> str:
        return f"{self.starts[which % 3].execution.decode()}.1"

    @rule(which=ANY)
    def ask(self, which: int) -> None:
        self.device.ask(self.name(which), self.starts[which % 3])

    @precondition(lambda self: self.device.agents)
    @rule(which=ANY)
    def kill_agent(self, which: int) -> None:
        self.device.agents.pop(which % len(self.device.agents)).connection.close()

    @rule(which=ANY)
    def kill_holder(self, which: int) -> None:
        if found := sorted(forked_holders(self.folder)):
            with suppress(ProcessLookupError):
                os.kill(found[which % len(found)], signal.SIGKILL)

    @rule()
    def kill_spawner(self) -> None:
        if spawner := self.device.holders._spawner:
            spawner.kill()
            spawner.wait()

    @rule(which=ANY)
    def hear(self, which: int) -> None:
        """Let time pass, until somebody says something."""
        if self.device.agents:
            self.device.agents[which % len(self.device.agents)].take(0.05)

    @invariant()
    def each_runs_once_at_most(self) -> None:
        assert all(number == 1 for number in self._counted().values())

    def _counted(self) -> Counter[int]:
        return Counter(map(int, self.marker.read_text().split()))

    def teardown(self) -> None:
        for agent in self.device.agents:
            agent.connection.close()
        try:
            wait_until(lambda: not forked_holders(self.folder), "the holders to leave")
            counted = self._counted()
            for number in range(3):
                if self.device.holders.started(self.name(number)) is None:
                    assert counted[number] == 0, "it ran, and there is no record of it"
                if self.device.holders.ended(self.name(number)):
                    assert counted[number] == 1
            self.each_runs_once_at_most()
        finally:
            self.device.close()
            shutil.rmtree(self.folder)


def memory() -> Engine:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    return engine


EXAMPLES = {Deliveries: 80, Outputs: 400, Reports: 80, Starts: 15}  # some seconds each


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "most", [pytest.param(SHORT, id="some"), pytest.param(LONG, id="many", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("machine", EXAMPLES)
def test_a_part_of_the_protocol_agrees_with_its_model(machine: type[RuleBasedStateMachine], most: settings) -> None:
    examples = EXAMPLES[machine] * (LONG_FACTOR if most is LONG else 1)
    run_state_machine_as_test(machine, settings=settings(most, max_examples=examples))
