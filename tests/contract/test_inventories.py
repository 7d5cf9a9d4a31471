"""Declared devices, groups and variables: who is enrolled, what targets select, what scripts are rendered with."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlmodel import Session, select

from runlet.controller import declarations, devices, inventories, launches, outbox, renderings, runs
from runlet.controller.deliveries import Effects
from runlet.controller.store import Store
from runlet.controller.tables import Script
from runlet.errors import Conflict, InvalidDeclarations, InvalidInput, StalePlan, UnknownName
from runlet.model.declaration import Submission
from runlet.model.execution import State
from runlet.model.inventory import Device, Group, Inventory
from runlet.model.job import Job
from runlet.model.target import Target, Where
from runlet.protocol.messages import Execute
from runlet.protocol.views import PlanView
from tests.contract.operations import NOON, connect, request

INVENTORY = Inventory(
    devices={
        "pi-1": Device("pi-1", labels={"room": "attic"}, vars={"port": 81}),
        "pi-2": Device("pi-2"),
        "pi-3": Device("pi-3", enabled=False),
    },
    groups={"pis": Group("pis", members=("pi-1", "pi-2", "pi-3"), vars={"port": 80, "dir": "/srv"})},
    vars={"site": {"name": "lab"}},
)


def declare(session: Session, inventory: Inventory, *jobs: Job, prune: bool = False) -> PlanView:
    declared = (*inventory.declarations(), *(job.declaration() for job in jobs))
    return declarations.apply(session, Submission("tests", "tests", declared, prune=prune), NOON)


def custom(*patterns: str) -> Target:
    return Target.custom(patterns)


def mistakes(session: Session, *jobs: Job, inventory: Inventory = INVENTORY) -> list[str]:
    with pytest.raises(InvalidDeclarations) as caught:
        declare(session, inventory, *jobs)
    return [str(mistake) for mistake in caught.value.mistakes]


async def test_an_inventory_is_held_as_it_was_declared(store: Store):
    def work(session: Session) -> Inventory:
        declare(session, INVENTORY)
        return inventories.present(session)

    assert await store.transact(work) == INVENTORY


async def test_declared_devices_are_enrolled_until_they_are_pruned(store: Store):
    def work(session: Session) -> list[list[str]]:
        devices.enroll(session, ["configured"])
        declare(session, INVENTORY)
        before = list(devices.connected(session, NOON))
        declare(session, Inventory({"pi-1": Device("pi-1")}), prune=True)
        return [before, list(devices.connected(session, NOON))]

    before, after = await store.transact(work)
    assert sorted(before) == ["configured", "pi-1", "pi-2", "pi-3"]
    assert sorted(after) == ["configured", "pi-1"]


async def test_a_run_goes_to_what_groups_labels_and_facts_select(store: Store):
    def work(session: Session) -> list[list[str | None]]:
        declare(session, INVENTORY)
        connect(session, "pi-1", "pi-2")
        devices.observed(session, "pi-2", {"os.family": "debian"}, NOON)
        return [
            [one.device for one in launches.launch(session, request(where), NOON).run.executions]
            for where in ("pis", "room=attic", "os.family=debian", "pis,!room=*", "enrolled")
        ]

    assert await store.transact(work) == [["pi-1", "pi-2"], ["pi-1"], ["pi-2"], ["pi-2"], ["pi-1", "pi-2"]]


async def test_a_device_that_is_not_enabled_takes_no_part(store: Store):
    def work(session: Session) -> list[str]:
        declare(session, INVENTORY)
        connect(session, "pi-1", "pi-2", "pi-3")
        with pytest.raises(Conflict, match="'pi-3' is not enabled"):
            launches.launch(session, request("pi-3"), NOON)
        waiting = launches.launch(session, request("any"), NOON)  # taken by pi-1
        assert waiting.run.executions[0].device == "pi-1"
        return [one.device for one in launches.launch(session, request("all"), NOON).run.executions if one.device]

    assert await store.transact(work) == ["pi-1", "pi-2"]


async def test_a_device_that_is_not_enabled_is_not_the_next_to_connect(store: Store):
    def work(session: Session) -> list[int]:
        declare(session, INVENTORY)
        launches.launch(session, request("any"), NOON)
        connect(session, "pi-3", "pi-2")
        return [len(launches.assign_waiting(session, name, NOON, Effects())) for name in ("pi-3", "pi-2")]

    assert await store.transact(work) == [0, 1]


async def test_each_device_gets_the_script_with_its_own_variables(store: Store):
    job = Job(
        "serve",
        "{{ site.name }} {{ dir }} {{ port }} {{ device.name }} {{ device.labels.room | default('-') }} {{ args[1] }}",
        target=custom("pis"),
        vars={"dir": "/job", "flag": True},
        env={"RUNLET_VAR_port": "the job's own"},
    )

    def work(session: Session) -> list[Execute]:
        declare(session, INVENTORY, job)
        connect(session, "pi-1", "pi-2")
        sent = launches.launch(
            session, launches.Request(job="serve", args=("x",), variables={"site": "y"}), NOON
        ).outgoing
        assert not sent
        sent = launches.launch(session, launches.Request(job="serve", args=("x",)), NOON).outgoing
        return [one.message for one in sent if isinstance(one.message, Execute)]

    with pytest.raises(InvalidInput, match="on pi-1: line 1"):  # a text has no name
        await store.transact(work)

    def again(session: Session) -> list[Execute]:
        declare(session, INVENTORY, job)
        connect(session, "pi-1", "pi-2")
        sent = launches.launch(
            session, launches.Request(job="serve", args=("x",), variables={"dir": "/mine"}), NOON
        ).outgoing
        return [one.message for one in sent if isinstance(one.message, Execute)]

    first, second = await store.transact(again)
    assert first.script == "lab /mine 81 pi-1 attic x"
    assert second.script == "lab /mine 80 pi-2 - x"
    assert second.environment == {
        "RUNLET_VAR_site": '{"name": "lab"}',
        "RUNLET_VAR_port": "the job's own",
        "RUNLET_VAR_dir": "/mine",
        "RUNLET_VAR_flag": "true",
    }


async def test_a_run_for_any_device_is_rendered_where_it_goes(store: Store):
    job = Job("here", "{{ device.name }} {{ port }}", target=Target.parse("any"), vars={"port": 1})
    needy = Job("needy", "{{ port }}", target=Target.parse("any"))

    def work(session: Session) -> tuple[str | None, State, str]:
        declare(session, INVENTORY, job, needy)
        for name in ("here", "needy"):
            launches.launch(session, launches.Request(job=name), NOON)
        devices.enroll(session, ["stranger"])  # without port
        connect(session, "stranger")
        _, rejected = launches.assign_waiting(session, "stranger", NOON, Effects())
        return rejected.device, rejected.state, rejected.detail

    assert await store.transact(work) == ("stranger", State.REJECTED, "on stranger: line 1: no variable is called port")


async def test_a_plan_refuses_what_cannot_work_at_its_place(store: Store):
    jobs = [
        Job("unknown-device", "true", target=custom("pi-11")),
        Job("unknown-variable", "true\n{{ prot }}", target=custom("pis")),
        Job("lacking", "{{ port }}", target=custom("configured", "pi-1")),
        Job("empty", "true", target=custom("pi-1,&pi-2")),
    ]

    def work(session: Session) -> list[str]:
        devices.enroll(session, ["configured"])
        return mistakes(session, *jobs)

    found = await store.transact(work)
    assert [re.sub(r"; (did you mean|declare it).*", "", one) for one in found] == [
        "job 'empty', whereCustom: no device matches pi-1,&pi-2",
        "job 'lacking', script line 1: port is missing on configured",
        "job 'unknown-device', whereCustom: no device or group is called 'pi-11'",
        "job 'unknown-variable', script line 2: no variable is called prot",
    ]


async def test_a_plan_refuses_names_that_devices_lack_in_maps_labels_and_facts(store: Store):
    sites = {name: {"site": {"room": "attic"}} for name in ("pi-1", "pi-2", "pi-3", "pi-4")}
    sites["pi-5"] = {"site": {"room": "attic", "rack": 1}}
    inventory = Inventory({name: Device(name, vars=variables) for name, variables in sites.items()}, vars={"n": {}})
    everyone = Target(Where.ENROLLED)
    jobs = [
        Job("guarded", "{% if site.rack is defined %}{{ site.rack }}{% endif %}{{ n.x | d('') }}", target=everyone),
        Job("in-a-branch", "{% if device.name == 'pi-5' %}{{ site.rack }}{% endif %}", target=everyone),
        Job("its-own", "{{ site.rack }}", target=everyone, vars={"site": {"rack": 7}}),
        Job("wherever-it-is-asked", "{{ site.rack }}"),
        Job("has-it", "{{ site.rack }}{{ device.facts.arch }}", target=custom("pi-5")),
        Job("rack", "true\n{{ site.rack }}", target=everyone),
        Job("fleet", "{{ n.x }}", target=custom("pi-1")),
        Job("label", "{{ device.labels.room }}", target=custom("pi-1", "pi-5")),
        Job("fact", "{{ device.facts['battery.percent'] }}", target=custom("pi-*")),
    ]

    def work(session: Session) -> list[str]:
        declare(session, inventory)
        devices.observed(session, "pi-2", {"arch": "armv7l"}, NOON)
        return mistakes(session, *jobs, inventory=inventory)

    assert await store.transact(work) == [
        "job 'fact', script line 1: device.facts[\"battery.percent\"] is missing on pi-2",
        "job 'fleet', script line 1: n.x is missing on pi-1",
        "job 'label', script line 1: device.labels.room is missing on pi-1, pi-5",
        "job 'rack', script line 2: site.rack is missing on pi-1, pi-2, pi-3 and 1 more",
    ]


async def test_a_plan_warns_of_facts_that_nobody_has_told_yet(store: Store):
    wheres = (Where.ALL, Where.ENROLLED)
    jobs = [Job(f"arch-{where}", "{{ device.facts.arch }}", target=Target(where)) for where in wheres]

    def work(session: Session) -> list[tuple[str, tuple[str, ...]]]:
        declare(session, INVENTORY)
        devices.observed(session, "pi-2", {"arch": "armv7l"}, NOON)
        found = declarations.plan(session, Submission("t", "t", tuple(job.declaration() for job in jobs)), NOON)
        return [(outlook.job, outlook.warnings) for outlook in found.outlooks]

    of_all, of_enrolled = await store.transact(work)
    assert of_enrolled == (
        "arch-enrolled",
        ("script line 1: pi-1 must tell device.facts.arch before a run can start",),
    )
    assert of_all[1] == ("no device is connected",)


async def test_parts_of_an_inventory_that_do_not_fit_are_refused(store: Store):
    def work(session: Session) -> list[str]:
        declare(session, INVENTORY)
        other = Submission(
            "other", "tests", tuple(Inventory(groups={"g": Group("g", members=("pi-9",))}).declarations())
        )
        with pytest.raises(InvalidDeclarations) as caught:
            declarations.plan(session, other, NOON)
        return [str(mistake) for mistake in caught.value.mistakes]

    [told] = await store.transact(work)
    assert told.startswith("group 'g', members: there is no device 'pi-9'")


async def test_a_plan_tells_where_jobs_go_and_when_they_fire(store: Store):
    job = Job("serve", "true", target=custom("pis"))

    def work(session: Session) -> PlanView:
        return declarations.plan(session, Submission("t", "t", (*INVENTORY.declarations(), job.declaration())), NOON)

    [outlook] = (await store.transact(work)).outlooks
    assert (outlook.job, outlook.devices, outlook.sample, outlook.fire_times) == ("serve", 2, ("pi-1", "pi-2"), ())


async def test_rendering_shows_a_job_without_running_it(store: Store):
    def work(session: Session) -> str | None:
        declare(session, INVENTORY, Job("serve", "{{ port }}"))
        with pytest.raises(UnknownName, match="did you mean pi-1"):
            launches.rendered(session, launches.Request(job="serve"), "pi-11", NOON)
        shown = launches.rendered(session, launches.Request(job="serve", variables={"port": "99"}), "pi-1", NOON)
        assert runs.summaries(session, 1, NOON) == []
        return shown.script

    assert await store.transact(work) == "99"


async def test_what_does_not_fit_into_an_environment_is_named(store: Store):
    half = "x" * 30_000

    def work(session: Session) -> None:
        declare(session, Inventory({"pi-1": Device("pi-1")}, vars={"a": half, "big": half + "x"}), Job("serve", "ls"))
        request = launches.Request(job="serve", target=custom("pi-1"), variables={"b": half})
        with pytest.raises(InvalidInput, match=r"on pi-1: env is larger .* RUNLET_VAR_big with 30015 bytes"):
            launches.launch(session, request, NOON)

    await store.transact(work)


async def test_each_script_of_a_run_is_kept_once_and_all_together_are_bounded(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(renderings, "MAX_PORTION", 2)
    fleet = Inventory({f"d{n}": Device(f"d{n}", vars={"n": n // 2}) for n in range(10)})

    def work(session: Session) -> list[str]:
        declare(session, fleet, Job("serve", "{{ n }}", target=Target.parse("enrolled")))
        for _ in range(2):
            sent = launches.launch(session, launches.Request(job="serve"), NOON).run.executions
            assert len(sent) == 10
        monkeypatch.setattr(renderings, "MAX_RUN_BYTES", 4)
        with pytest.raises(InvalidInput, match="the scripts for all devices are larger than"):
            launches.launch(session, launches.Request(job="serve"), NOON)
        return sorted(session.exec(select(Script.text)))

    assert await store.transact(work) == ["0", "1", "2", "3", "4"]


# --- what a change leaves behind -------------------------------------------------------------------------------------


async def test_what_runs_on_a_deleted_device_can_be_cancelled_and_what_waits_stays_here(store: Store):
    def work(session: Session) -> None:
        declare(session, INVENTORY)
        connect(session, "pi-1")
        run = launches.launch(session, request("pi-1,pi-2"), NOON).run
        planned = declarations.plan(session, Submission("tests", "tests", (), prune=True), NOON)
        assert [re.sub(" has .*", "", warning) for warning in planned.warnings] == ["device 'pi-1'", "device 'pi-2'"]
        declare(session, Inventory({"pi-3": Device("pi-3")}), prune=True)
        assert not devices.seen(session, "pi-2", NOON), "it is enrolled no more"
        assert outbox.for_device(session, "pi-2", NOON) == []
        assert launches.assign_waiting(session, "pi-2", NOON, Effects()) == []
        cancelled = runs.cancel(session, run.id, None, NOON)
        assert [view.device for view in cancelled.effects.ended] == ["pi-2"]
        assert [view.device for view in cancelled.run.executions if view.cancel_requested] == ["pi-1"]

    await store.transact(work)


async def test_executions_wait_while_their_device_is_not_enabled(store: Store):
    def work(session: Session) -> list[int]:
        declare(session, INVENTORY)
        launches.launch(session, request("pi-1"), NOON)
        off = Inventory({"pi-1": Device("pi-1", enabled=False)}, vars=INVENTORY.vars)
        declare(session, off)
        connect(session, "pi-1")
        before = len(outbox.for_device(session, "pi-1", NOON))
        declare(session, Inventory({"pi-1": Device("pi-1")}, vars=INVENTORY.vars))
        return [before, len(outbox.for_device(session, "pi-1", NOON))]

    assert await store.transact(work) == [0, 1]


async def test_a_fact_of_a_device_s_own_invention_selects_nothing(store: Store):
    def work(session: Session) -> list[str | None]:
        declare(session, INVENTORY)
        connect(session, "pi-1", "pi-2")
        devices.observed(session, "pi-2", {"room": "attic", "arch": "x86_64"}, NOON)
        return [one.device for one in launches.launch(session, request("room=attic"), NOON).run.executions]

    assert await store.transact(work) == ["pi-1"]


async def test_an_inventory_may_not_break_a_job_of_its_own_and_warns_of_those_of_others(store: Store):
    def work(session: Session) -> tuple[list[str], tuple[str, ...]]:
        declare(session, INVENTORY, Job("ours", "{{ port }}", target=custom("pi-1")))
        theirs = Job("theirs", "true", target=custom("pis"))
        declarations.apply(session, Submission("others", "others", (theirs.declaration(),)), NOON)
        bare = Inventory({"pi-1": Device("pi-1")}, {"pis": Group("pis", members=("pi-1",))})
        with pytest.raises(InvalidDeclarations) as caught:
            declarations.plan(session, Submission("tests", "tests", tuple(bare.declarations())), NOON)
        without_group = Inventory({"pi-1": Device("pi-1")})
        pruning = Submission("tests", "tests", tuple(without_group.declarations()), prune=True)
        warnings = declarations.plan(session, pruning, NOON).warnings
        return [str(mistake) for mistake in caught.value.mistakes], warnings

    [mistake], [warning] = await store.transact(work)
    assert mistake.startswith("job 'ours', script line 1: no variable is called port")
    assert warning.startswith("job 'theirs', whereCustom: no device or group is called 'pis'")
    assert warning.endswith("(declared by others)")


async def test_a_plan_is_stale_when_its_jobs_select_other_devices(store: Store):
    def work(session: Session) -> None:
        job = Job("wipe", "true", target=custom("room=*"))
        declare(session, INVENTORY)
        tree = Submission("jobs", "Ada", (job.declaration(),))
        base = declarations.plan(session, tree, NOON).base
        more = Inventory({"pi-9": Device("pi-9", labels={"room": "cellar"})})
        declarations.apply(session, Submission("others", "others", tuple(more.declarations())), NOON)
        with pytest.raises(StalePlan):
            declarations.apply(session, replace(tree, base=base), NOON)

    await store.transact(work)


async def test_what_is_declared_twice_in_one_submission_is_refused(store: Store):
    def work(session: Session) -> None:
        one = Job("twice", "true").declaration()
        declarations.apply(session, Submission("tests", "tests", (one, one)), NOON)

    with pytest.raises(InvalidInput, match="declared twice"):
        await store.transact(work)


def listing(*names: str, source: str = "tests") -> Submission:
    """An inventory of these devices and no others."""
    inventory = Inventory({name: Device(name) for name in names})
    return Submission(source, "tests", tuple(inventory.declarations()), prune=True)


def in_order(session: Session) -> list[str]:
    return list(devices.candidates(session, inventories.present(session), NOON))


async def test_devices_are_in_the_order_in_which_their_inventories_list_them(store: Store):
    def work(session: Session) -> None:
        devices.enroll(session, ["b", "a"])
        declarations.apply(session, listing("pi-10", "pi-2", "pi-1"), NOON)
        declarations.apply(session, listing("z", "c", source="another"), NOON)
        assert in_order(session) == ["z", "c", "pi-10", "pi-2", "pi-1", "a", "b"]
        more = declarations.apply(session, listing("pi-3", "pi-10", "pi-1"), NOON)
        assert not more.reordered, "one is new and one is gone; those that stay are in the order they had"
        assert in_order(session) == ["z", "c", "pi-3", "pi-10", "pi-1", "a", "b"]

    await store.transact(work)


async def test_another_order_is_a_change_that_can_be_rolled_back(store: Store):
    def work(session: Session) -> None:
        declarations.apply(session, listing("pi-1", "pi-2", "pi-3"), NOON)
        other = listing("pi-3", "pi-1", "pi-2")
        planned = declarations.plan(session, other, NOON)
        assert planned.reordered
        assert planned.changes_something
        assert declarations.apply(session, replace(other, base=planned.base), NOON).reordered
        assert in_order(session) == ["pi-3", "pi-1", "pi-2"]
        assert not declarations.plan(session, other, NOON).changes_something
        with pytest.raises(StalePlan):
            declarations.apply(session, replace(other, base=planned.base), NOON)
        job = Submission("tests", "tests", (Job("any", "true").declaration(),))
        declarations.apply(session, job, NOON)  # a part of the tree leaves the order as it was
        with_job, reordered, *_ = declarations.history(session, 10, None)
        assert reordered.note == "devices reordered"
        declarations.apply(session, listing("pi-1", "pi-2", "pi-3"), NOON)
        assert declarations.rollback(session, with_job.id, "tests", NOON).reordered
        assert in_order(session) == ["pi-3", "pi-1", "pi-2"]

    await store.transact(work)
