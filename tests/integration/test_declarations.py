"""What applying, pruning and rolling back do to a controller, asked over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from runlet.client.api import Api
from runlet.errors import Conflict, InvalidInput, NotTheOwner, StalePlan, UnknownName
from runlet.model.declaration import ChangeKind, Declaration, Kind, Submission
from runlet.model.job import Job
from runlet.protocol.views import PlanView
from tests.harness import Fleet, wait_until


class Source:
    """One repository, with jobs that nobody else's are called as."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.name = f"repository-{uuid.uuid4()}"

    def submission(self, *jobs: Job, **options: object) -> Submission:
        return Submission(self.name, "Ada", tuple(job.declaration() for job in jobs), **options)  # type: ignore[arg-type]

    def apply(self, *jobs: Job, **options: object) -> list[ChangeKind]:
        return kinds(self.api.apply(self.submission(*jobs, **options)))

    def plan(self, *jobs: Job, **options: object) -> PlanView:
        return self.api.plan(self.submission(*jobs, **options))

    def held(self) -> dict[str, str]:
        return {job.name: job.revision for job in self.api.jobs() if job.owner == self.name}


def kinds(plan: PlanView) -> list[ChangeKind]:
    return [change.change for change in plan.changes]


@pytest.fixture
def api(fleet: Fleet) -> Iterator[Api]:
    with fleet.api() as api:
        yield api


@pytest.fixture
def source(api: Api) -> Source:
    return Source(api)


def job(name: str, script: str = "true") -> Job:
    return Job(f"declared-{name}", script)


def fresh() -> str:
    return str(uuid.uuid4())


def test_a_plan_tells_what_apply_then_does_and_changes_nothing(source: Source) -> None:
    first, second = job(fresh()), job(fresh())
    assert source.apply(first) == [ChangeKind.CREATED]
    changed = Job(first.name, "false")
    planned = source.plan(changed, second)
    assert sorted(kinds(planned)) == [ChangeKind.CHANGED, ChangeKind.CREATED]
    assert source.held() == {first.name: first.revision}
    assert source.api.apply(source.submission(changed, second)).changes == planned.changes
    assert source.held() == {changed.name: changed.revision, second.name: second.revision}


def test_applying_again_changes_nothing_and_leaves_no_trace(source: Source) -> None:
    one = job(fresh())
    source.apply(one)
    newest = source.api.history(1)
    assert source.apply(one) == [ChangeKind.UNCHANGED]
    assert source.api.history(1) == newest


def test_nothing_is_applied_when_one_declaration_is_wrong(source: Source) -> None:
    good, bad = job(fresh()), Declaration(Kind.JOB, "bad", {**job("bad").to_mapping(), "script": 7})
    with pytest.raises(InvalidInput, match="script must be text"):
        source.api.apply(Submission(source.name, "Ada", (good.declaration(), bad)))
    assert source.held() == {}


def test_pruning_deletes_what_this_source_declared_before_and_nobody_elses(api: Api) -> None:
    ours, theirs = Source(api), Source(api)
    kept, dropped, foreign = job(fresh()), job(fresh()), job(fresh())
    ours.apply(kept, dropped)
    theirs.apply(foreign)
    assert ours.apply(kept) == [ChangeKind.UNCHANGED]
    assert set(ours.held()) == {kept.name, dropped.name}
    assert sorted(ours.apply(kept, prune=True)) == [ChangeKind.DELETED, ChangeKind.UNCHANGED]
    assert set(ours.held()) == {kept.name}
    assert set(theirs.held()) == {foreign.name}


def test_what_belongs_to_another_source_is_refused_and_adopted_when_asked(api: Api) -> None:
    ours, theirs = Source(api), Source(api)
    one = job(fresh())
    theirs.apply(one)
    with pytest.raises(NotTheOwner, match=f"job '{one.name}' belongs to {theirs.name}"):
        ours.apply(one)
    assert ours.apply(one, adopt=True) == [ChangeKind.UNCHANGED]
    assert (set(ours.held()), theirs.held()) == ({one.name}, {})
    [newest] = api.history(1)
    assert [change.adopted_from for change in newest.changes] == [theirs.name]


def test_a_plan_that_no_longer_fits_is_refused(source: Source) -> None:
    one = job(fresh())
    planned = source.plan(one)
    source.apply(job(fresh()))
    with pytest.raises(StalePlan):
        source.apply(one, base=planned.base)
    assert one.name not in source.held()
    assert source.apply(one, base=source.plan(one).base) == [ChangeKind.CREATED]


def test_the_history_tells_who_applied_what_from_which_commit(source: Source) -> None:
    one = job(fresh())
    source.apply(one, commit="0123abc", dirty=True)
    [newest] = source.api.history(1)
    assert (newest.by, newest.source, newest.commit, newest.dirty) == ("Ada", source.name, "0123abc", True)
    assert [(change.kind, change.name, change.change) for change in newest.changes] == [
        (Kind.JOB, one.name, ChangeKind.CREATED)
    ]


def test_a_job_is_shown_with_what_it_says_and_the_list_stays_small(source: Source) -> None:
    one = job(fresh(), "echo {{ args[0] }}")
    source.apply(one)
    shown = source.api.job(one.name)
    assert (shown.owner, shown.revision, shown.content) == (source.name, one.revision, one.to_mapping())
    assert not hasattr(next(iter(source.api.jobs())), "content")
    with pytest.raises(UnknownName, match="no job is called 'a b'"):
        source.api.job("a b")


def test_a_job_is_deleted_by_name_and_the_history_has_the_note(source: Source) -> None:
    kept, dropped = job(fresh()), job(fresh())
    source.apply(kept, dropped)
    assert source.apply(delete=(dropped.name,), note="by hand") == [ChangeKind.DELETED]
    assert set(source.held()) == {kept.name}
    assert source.api.history(1)[0].note == "by hand"


@pytest.mark.parametrize("field", ["source", "by", "commit", "note"])
@pytest.mark.parametrize("words", ["a\0b", "x" * 501], ids=["nul", "long"])
def test_words_for_the_history_that_cannot_be_kept_are_refused(source: Source, field: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^{field}: "):
        source.api.apply(replace(source.submission(job(fresh())), **{field: words}))


def test_nobody_applies_for_no_source(source: Source) -> None:
    with pytest.raises(InvalidInput, match=r"^source: "):
        source.api.apply(replace(source.submission(), source=""))


def test_rolling_back_brings_a_sources_declarations_back_and_is_told(source: Source) -> None:
    kept, changed, later = job(fresh()), job(fresh()), job(fresh())
    source.apply(kept, changed)
    [then] = source.api.history(1)
    source.apply(Job(changed.name, "false"), later, prune=True)
    done = source.api.rollback(then.id, "Grace")
    assert source.held() == {kept.name: kept.revision, changed.name: changed.revision}
    assert sorted(kinds(done)) == [ChangeKind.CHANGED, ChangeKind.CREATED, ChangeKind.DELETED]
    [newest] = source.api.history(1)
    assert (newest.by, newest.note) == ("Grace", f"rollback to {then.id}")


def test_a_rollback_can_be_tried_and_takes_over_only_when_asked(source: Source) -> None:
    one = job(fresh())
    source.apply(one)
    [then] = source.api.history(1)
    other = Source(source.api)
    other.apply(Job(one.name, "false"), adopt=True)
    with pytest.raises(Conflict, match=f"belongs to {other.name}"):
        source.api.rollback(then.id, "Grace", dry_run=True)
    [tried] = source.api.rollback(then.id, "Grace", adopt=True, dry_run=True).changes
    assert (tried.change, tried.adopted_from) == (ChangeKind.CHANGED, other.name)
    assert other.held() == {one.name: Job(one.name, "false").revision}
    source.api.rollback(then.id, "Grace", adopt=True)
    assert (source.held(), other.held()) == ({one.name: one.revision}, {})


def test_an_apply_that_never_was_cannot_be_returned_to(api: Api) -> None:
    with pytest.raises(UnknownName, match="there is no apply 999999"):
        api.rollback(999999, "Ada")


def test_a_deleted_job_s_runs_go_on_and_keep_their_transcripts(fleet: Fleet, source: Source) -> None:
    one = Job(f"declared-{fresh()}", "echo begun; read -r word; echo ended")
    source.apply(one)
    run = source.api.start_run(job=one.name, origin="pi-1")
    fleet.until_printed(run, b"begun")
    assert source.apply(prune=True) == [ChangeKind.DELETED]
    with pytest.raises(UnknownName):
        source.api.start_run(job=one.name, origin="pi-1")
    source.api.cancel(run.id)
    wait_until(lambda: source.api.run(run.id).settled, "the run to settle")
    assert b"begun" in fleet.transcript(run)


def test_applies_at_once_each_happen_whole(fleet: Fleet) -> None:
    """Two pipelines with the same two jobs: whoever is last, both jobs are from the same tree."""
    names = [f"declared-{fresh()}" for _ in range(2)]
    source = f"repository-{fresh()}"

    def apply(script: str) -> None:
        with fleet.api() as api:
            api.apply(Submission(source, script, tuple(Job(name, script).declaration() for name in names)))

    with ThreadPoolExecutor(2) as pipelines:
        list(pipelines.map(apply, [f"exit {number}" for number in range(20)]))
    with fleet.api() as api:
        newest = next(one for one in api.history(100) if one.source == source)
        expected = {name: Job(name, newest.by).revision for name in names}
        assert {job.name: job.revision for job in api.jobs() if job.owner == source} == expected
