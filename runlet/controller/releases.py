"""Releases: runs that roll out are judged by model.release, and what it decides is written down.

- The facts, the decision and what comes of it are one transaction, and transactions are serializable: a controller that
  ends between two of them, and another one beside it, find a run that can be judged again. Judged twice it is as once.
- An execution's next attempt begins when the one before is settled, its whole output stored: agents, transcripts and
  consoles know one attempt at a time. Until then `retry_at` beside the outcome says that it is not over.
- A run without a plan is released at its launch and never comes here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlmodel import Session, col

from runlet.controller import attempts, deliveries, devices, executions, outbox
from runlet.controller.deliveries import Effects, End
from runlet.controller.tables import Device, Execution, Run
from runlet.controller.wall_clock import STEPPED
from runlet.errors import Conflict, UnknownName
from runlet.model import rollout_state
from runlet.model.execution import STARTED, Event, State, retried
from runlet.model.release import Decision, Elsewhere, Member, RunPlan, WaitsFor, decide
from runlet.model.rollout_state import RolloutState
from runlet.protocol.messages import OFFLINE_SECONDS
from runlet.protocol.views import RolloutView, Steering

# A device that falls silent says no goodbye, and keeps its place until somebody looks whether it is still there.
LOOK_AGAIN = timedelta(seconds=OFFLINE_SECONDS)
_WAITS_FOR_OTHERS = frozenset({WaitsFor.BATCH, WaitsFor.SLOT, WaitsFor.DEVICE})

_OPEN = tuple(state for state in State if not state.is_outcome)
_ABORTED = End(Event.CANCEL, outbox.WITHDRAW, "not started: the run was aborted")
# One sweep judges at most this many runs, so that a morning's firings do not stop everything else.
SWEEP_LIMIT = 100


@dataclass(frozen=True, slots=True)
class _Facts:
    """One execution as the judge sees it, and whether its present attempt is settled."""

    member: Member
    settled: bool
    undecided: bool  # a person was asked whether it is begun again
    deadline: datetime | None  # of what is awaited: it has begun, though this is not released


def advance(session: Session, runs: Collection[int], now: datetime) -> Effects:
    """Judge those of these runs that have a plan, and the runs of their concurrency groups that wait for a slot."""
    effects = Effects()
    for run in _to_judge(session, runs):
        _judge(session, run, now, effects)
    return effects


def look(session: Session, now: datetime, *, anew: bool = False) -> Effects:
    """Do what time has brought: what was not delivered expires, and runs that asked for it are judged.

    With `anew`, every run that asked to be judged later is due: the clock was set back, and later may be far away.
    """
    effects = Effects()
    if anew:
        session.execute(update(Run).where(col(Run.decide_at) > now).values(decide_at=now))
    expired = deliveries.expire(session, now, effects)
    effects.add(advance(session, {*expired, *due(session, now)}, now))
    return effects


def due(session: Session, now: datetime) -> list[int]:
    """The runs that asked to be judged by now."""
    query = select(col(Run.id)).where(col(Run.decide_at) <= now).order_by(col(Run.decide_at)).limit(SWEEP_LIMIT)
    return [number for number in session.scalars(query) if number is not None]


def concerned(
    session: Session, *, ended: Collection[str], settled: Collection[str], moved: Collection[str]
) -> set[int]:
    """The runs with a plan for which it matters that executions ended (or got a device) or settled, or devices moved.

    That an execution has settled matters only where another attempt waits for it.
    """
    found: set[int] = set()
    again = and_(col(Execution.id).in_(settled), col(Execution.retry_at).is_not(None))
    if ended or settled:
        found |= _planned(session, or_(col(Execution.id).in_(ended), again))
    if moved:
        found |= _planned(session, and_(col(Execution.settled).is_(False), col(Execution.device).in_(moved)))
    return found


def steer(session: Session, run_id: int, action: Steering, reason: str, now: datetime) -> Effects:
    """A person approves, pauses or resumes a run, or has what was interrupted begun again.

    Raises UnknownName, or Conflict when that means nothing now.
    """
    run = session.get(Run, run_id)
    if run is None:
        raise UnknownName(f"there is no run {run_id}", "see them with: runlet ps")
    if run.plan is None:
        raise Conflict(f"run {run_id} does not roll out: all of it was released at its launch")
    is_open = select(col(Execution.id)).where(col(Execution.run) == run_id, executions.IS_OPEN)
    if not session.scalars(is_open.limit(1)).first():
        raise Conflict(f"run {run_id} has ended already", f"see how with: runlet show {run_id}")
    plan, state = RunPlan.from_mapping(str(run_id), run.plan), _state(run)
    match action:
        case Steering.APPROVE:
            state = rollout_state.approve(plan.rollout, state)
        case Steering.PAUSE if state.aborted_by:
            raise Conflict("this run was aborted")
        case Steering.PAUSE:
            state = rollout_state.pause(state, reason)
        case Steering.RESUME:
            state = rollout_state.resume(state)
        case Steering.RERUN:
            _begin_again(session, run_id, now)
    run.rollout_state = state.to_mapping()
    session.flush()
    return advance(session, [run_id], now)


def _begin_again(session: Session, run: int, now: datetime) -> None:
    """A person decides so of everything that waits for that."""
    undecided = and_(col(Execution.state) == State.INTERRUPTED, col(Execution.counts_as).is_not(None))
    rows = list(session.scalars(select(Execution).where(col(Execution.run) == run, undecided)))
    if not rows:
        raise Conflict(f"nothing of run {run} waits for a decision")
    for row in rows:
        row.retry_at, row.counts_as = now, None


def view(run: Run, total: int) -> RolloutView | None:
    """How far a run on so many devices has come; None when it does not roll out."""
    if run.plan is None:
        return None
    plan, state = RunPlan.from_mapping(str(run.id), run.plan), _state(run)
    waits_for = None if run.waits_for is None else WaitsFor(run.waits_for)
    return RolloutView(
        batch=state.batch,
        batches=max(state.batch, plan.rollout.planned(total)),
        waits_for=waits_for,
        until=run.decide_at if waits_for in (WaitsFor.PAUSE, WaitsFor.RETRY) else None,
        paused_by=state.paused_by,
        aborted_by=state.aborted_by,
    )


def rollout(session: Session, run_id: int) -> RolloutView | None:
    """How far a run has come; None when it does not roll out, or is not there."""
    run = session.get(Run, run_id)
    if run is None or run.plan is None:
        return None
    return view(run, _total(session, run_id))


def _total(session: Session, run: int) -> int:
    return session.scalar(select(func.count()).select_from(Execution).where(col(Execution.run) == run)) or 0


# --- facts ------------------------------------------------------------------------------------------------------------


def _planned(session: Session, condition: ColumnElement[bool]) -> set[int]:
    query = select(col(Execution.run)).join(Run, col(Run.id) == col(Execution.run)).where(col(Run.plan).is_not(None))
    return set(session.scalars(query.where(condition)))


def _to_judge(session: Session, numbers: Collection[int]) -> Sequence[Run]:
    """The older first: who has waited longer takes a slot before."""
    if not numbers:
        return []
    runs = list(session.scalars(select(Run).where(col(Run.id).in_(numbers), col(Run.plan).is_not(None))))
    groups = {run.concurrency_group for run in runs if run.concurrency_group is not None}
    if groups:
        waiting = select(Run).where(col(Run.concurrency_group).in_(groups), col(Run.waits_for) == WaitsFor.SLOT.value)
        runs += session.scalars(waiting.where(col(Run.id).not_in([run.id for run in runs])))
    return sorted(runs, key=lambda run: run.id or 0)


def _state(run: Run) -> RolloutState:
    return RolloutState() if run.rollout_state is None else RolloutState.from_mapping(run.rollout_state)


def _facts(session: Session, run: int, now: datetime) -> dict[str, _Facts]:
    """The run's executions, in the order of the inventory."""
    query = (
        select(
            col(Execution.id),
            col(Execution.device),
            col(Execution.state),
            col(Execution.attempt),
            col(Device.connected),
            col(Device.last_seen),
            col(Execution.cancel_requested),
            col(Execution.released_at),
            col(Execution.ended_at),
            col(Execution.retry_at),
            col(Execution.interruptions),
            col(Execution.unanswered),
            col(Execution.settled),
            col(Execution.counts_as),
            col(Execution.expires_at),
        )
        .join(Device, col(Device.name) == col(Execution.device), isouter=True)
        .where(col(Execution.run) == run)
        .order_by(col(Execution.position), col(Execution.device))
    )
    found: dict[str, _Facts] = {}
    for (
        id_,
        device,
        state,
        attempt,
        said,
        seen,
        cancelling,
        released,
        ended,
        retry,
        interruptions,
        unanswered,
        *rest,
    ) in session.execute(query):
        settled, counts_as, expires = rest
        connected = device is not None and devices.is_connected(session, said, seen, now)
        deadline = expires if released is None and state is State.QUEUED else None
        if (
            deadline is not None and deadline <= now and not session.info.get(STEPPED, False)
        ):  # too late, though it is still to be found expired
            connected = False
        member = Member(
            id_,
            device,
            state,
            attempt,
            connected,
            cancelling,
            released_at=released,
            ended_at=ended,
            retry_at=retry,
            interruptions=interruptions,
            unanswered=unanswered,
        )
        found[id_] = _Facts(
            member,
            settled,
            undecided=state is State.INTERRUPTED and counts_as is not None,
            deadline=deadline,
        )
    return found


def _elsewhere(session: Session, run: Run, plan: RunPlan, now: datetime) -> Elsewhere:
    """What the other runs of the group have under way. Of all executions only those not settled are read."""
    if plan.concurrency.max is None and plan.concurrency.per_device is None:
        return Elsewhere()
    holds = or_(col(Execution.state).in_(STARTED), ~devices.is_away(session, now))
    query = (
        select(col(Execution.device))
        .join(Run, col(Run.id) == col(Execution.run))
        .join(Device, col(Device.name) == col(Execution.device))
        .where(col(Execution.settled).is_(False), col(Execution.released_at).is_not(None))
        .where(col(Execution.state).in_(_OPEN), col(Run.id) != run.id)
        .where(col(Run.concurrency_group) == run.concurrency_group)
    )
    on_device = Counter(session.scalars(query.where(holds)))
    return Elsewhere(on_device.total(), {device: count for device, count in on_device.items() if device is not None})


# --- a decision -------------------------------------------------------------------------------------------------------


def _judge(session: Session, run: Run, now: datetime, effects: Effects) -> None:
    assert run.id is not None
    total = _total(session, run.id)
    before = view(run, total)
    while _judge_once(session, run, now, effects):
        pass
    after = view(run, total)
    if after is not None and after != before:
        effects.rollouts.append((run.id, after))


def _judge_once(session: Session, run: Run, now: datetime, effects: Effects) -> bool:
    """Decide, and write it down. Whether that ended something, so that there is more to decide."""
    assert run.id is not None
    assert run.plan is not None
    plan = RunPlan.from_mapping(str(run.id), run.plan)
    facts = _facts(session, run.id, now)
    members = [one.member for one in facts.values()]
    decision = decide(plan, members, now, _state(run), _elsewhere(session, run, plan, now))
    ended = _write_down(session, run, facts, decision, now, effects)
    run.rollout_state = decision.new_state.to_mapping()
    run.waits_for = None if decision.waits_for is None else decision.waits_for.value
    # What is awaited is told by the device's hello or by its own deadline; all else may hang on a device gone silent.
    waits = decision.waits_for in _WAITS_FOR_OTHERS and not decision.awaited
    overdue = any(one.deadline is not None and one.deadline <= now for one in facts.values())
    look_again = [now + LOOK_AGAIN] if waits or overdue else []
    run.decide_at = min([*look_again, *([] if decision.wake_at is None else [decision.wake_at])], default=None)
    session.flush()  # the next run may be of the same group
    return ended


def _rows(session: Session, run: Run, executions: Collection[str]) -> dict[str, Execution]:
    query = select(Execution).where(col(Execution.run) == run.id, col(Execution.id).in_(executions))
    return {row.id: row for row in session.scalars(query)}


def _write_down(
    session: Session, run: Run, facts: dict[str, _Facts], decision: Decision, now: datetime, effects: Effects
) -> bool:
    """In the decision's order: retries, releases, cancels. Whether something ended at once, as nobody waits for it."""
    retry = dict(decision.retry)
    told = {
        one.member.id
        for one in facts.values()
        if one.member.state.is_outcome and one.member.retry_at != retry.get(one.member.id)
    }
    asked = {one.member.id for one in facts.values() if one.undecided is not (one.member.id in decision.undecided)}
    begun = {execution for execution in retry if facts[execution].settled}
    released = [execution for execution in decision.release if execution not in retry or execution in begun]
    # Who is back waits for its place, and one that is awaited keeps the deadline that it has.
    back = {one.member.id for one in facts.values() if one.deadline and one.member.connected}
    awaited = [execution for execution in decision.awaited if execution not in retry and not facts[execution].deadline]
    awaited += [execution for execution in decision.awaited if execution in begun]
    touched = told | asked | begun | set(released) | set(decision.cancel) | back | set(awaited)
    if not touched:
        return False
    rows = _rows(session, run, touched)
    for execution in sorted(told | begun):
        row = rows[execution]
        if execution in begun:
            attempts.keep(session, row)
            _try_again(row)
        row.retry_at = retry.get(execution)
    reachable = {facts[execution].member.device or "": facts[execution].member.connected for execution in released}
    for execution in back:
        rows[execution].expires_at = None
    for execution in asked:
        rows[execution].counts_as = State.AWAITING_INPUT if execution in decision.undecided else None
    deliveries.release(session, run, [rows[execution] for execution in released], reachable, now, effects)
    changed = told | asked | begun | back | set(released)
    effects.changed += [executions.view(rows[execution]) for execution in sorted(changed)]
    if decision.cancel:
        session.flush()
        deliveries.stop(session, [rows[execution] for execution in decision.cancel], _ABORTED, now, effects)
    return deliveries.await_devices(run, [rows[execution] for execution in awaited], now, effects)


def _try_again(row: Execution) -> None:
    """The next attempt, of which nothing is known yet."""
    row.interruptions += row.state is State.INTERRUPTED
    row.state, row.attempt = retried(row.state, row.attempt)
    row.version, row.detail, row.output_length, row.unanswered = 0, "", 0, False
    row.exit_code = row.signal = row.seconds = None
    row.started_at = row.ended_at = row.released_at = row.expires_at = None
    row.settled, row.counts_as = False, None
