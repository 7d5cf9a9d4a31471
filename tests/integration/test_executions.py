"""What a program experiences on a device, and what becomes of it."""

from __future__ import annotations

import os
import re
import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from runlet.errors import Conflict, InvalidInput, UnknownName
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.logs import DEFAULT_LIMIT
from runlet.model.target import Target, Where
from tests.harness import Fleet, apply, processes_marked, stored_bytes, wait_until

# What an agent takes at most, however much its programs print; 36 MiB when idle.
MOST_AGENT_KIB = 80 * 1024


def run_job(fleet: Fleet, job: Job, *args: str, on: str = "pi-1"):
    with fleet.api() as api:
        apply(api, job)
        return fleet.settled(api.start_run(job=job.name, args=args, target=Target.parse(on)))


def test_a_command_runs_in_a_terminal(fleet: Fleet):
    run = fleet.settled(fleet.sh('tty; echo "$TERM $RUNLET_DEVICE $(stty size)"'))
    (execution,) = run.executions
    assert (execution.state, execution.exit_code) == (State.SUCCEEDED, 0)
    printed = fleet.transcript(run)
    assert re.fullmatch(rb"/dev/pts/\d+\r\nxterm-256color pi-1 24 80\r\n", printed)
    assert execution.output_length == len(printed)


def test_the_program_leads_its_own_session_and_terminal(fleet: Fleet):
    run = fleet.settled(fleet.exec(["ps", "-o", "pid=,sid=,tpgid=", "--ppid", "1", "--pid", "1"]))
    assert run.state is State.SUCCEEDED
    run = fleet.settled(fleet.exec(["sh", "-c", "exec ps -o pid=,sid=,tpgid= -p $$"]))
    pid, session, foreground = fleet.transcript(run).split()
    assert pid == session == foreground


@pytest.mark.parametrize(
    ("command", "exit_code", "number", "detail"),
    [
        (["true"], 0, None, ""),
        (["false"], 1, None, ""),
        (["sh", "-c", "exit 77"], 77, None, ""),
        (["sh", "-c", "kill -9 $$"], None, 9, ""),
        (["/no/such/program"], 127, None, "/no/such/program: No such file or directory"),
        (["/etc/passwd"], 126, None, "/etc/passwd: Permission denied"),
    ],
)
def test_how_a_program_ended_is_told(fleet: Fleet, command, exit_code, number, detail):
    (execution,) = fleet.settled(fleet.exec(command)).executions
    assert (execution.exit_code, execution.signal, execution.detail) == (exit_code, number, detail)
    assert execution.state is (State.SUCCEEDED if exit_code == 0 else State.FAILED)


def test_a_job_with_arguments_cwd_and_entrypoint(fleet: Fleet, tmp_path):
    script = "import os, sys\nprint(os.getcwd(), sys.argv[1:], {{ args[2] }} * 2)\n"
    job = Job("arguments", script, cwd=str(tmp_path), entrypoint=("python3",))
    run = run_job(fleet, job, "a b; $(id)", "21")
    assert fleet.transcript(run).decode() == f"{tmp_path} ['a b; $(id)', '21'] 42\r\n"


def test_the_default_entrypoint_is_a_login_bash(fleet: Fleet):
    run = run_job(fleet, Job("login", "shopt -q login_shell && echo login $0 $1"), "first")
    assert re.fullmatch(rb"login \S+/login first\r\n", fleet.transcript(run))


@pytest.mark.parametrize(
    ("script", "printed", "exit_code"),
    [
        ("#!/bin/bash -e\necho go; false\necho still here\n", b"go\r\n", 1),
        ("\ufeff#!/bin/bash  -e \r\nfalse\necho still here\n", b"", 1),
        ("#!/usr/bin/env python3\nimport sys; print(sys.argv[1:])\n", b"['a b']\r\n", 0),
        ("#! /usr/bin/env\t-S python3 -I -B\nimport sys; print(sys.flags.isolated)\n", b"1\r\n", 0),
        ("#!/bin/sh\nreadlink /proc/$$/exe | grep -c dash; echo $0 | grep -c /lines$\n", b"1\r\n1\r\n", 0),
        ("{{ '#!/bin/sh -e' if true }}\nfalse\necho still here\n", b"", 1),
        ("#!/usr/bin/awk -f\nBEGIN { print ARGV[1] }\n", b"a b\r\n", 0),
    ],
)
def test_the_first_line_of_a_script_names_its_program(fleet: Fleet, script, printed, exit_code):
    run = run_job(fleet, Job("lines", script), "a b")
    assert (fleet.transcript(run), run.executions[0].exit_code) == (printed, exit_code)


@pytest.mark.parametrize(
    ("program", "exit_code", "why"),
    [("/no/such/python", 127, "No such file or directory"), ("/etc", 126, "Permission denied")],
)
def test_a_program_of_a_first_line_that_does_not_exist(fleet: Fleet, program, exit_code, why):
    (execution,) = run_job(fleet, Job("lines", f"#!{program} -x\ntrue\n")).executions
    assert (execution.state, execution.exit_code) == (State.FAILED, exit_code)
    assert execution.detail == f"{program}: {why}"


def test_a_declared_entrypoint_wins_over_the_first_line(fleet: Fleet):
    run = run_job(fleet, Job("lines", "#!/bin/sh -e\nprint('python')\n", entrypoint=("python3",)))
    assert fleet.transcript(run) == b"python\r\n"


@pytest.mark.parametrize("first", ["", "#!/bin/bash\n", "#!/bin/bash -l\n", "#!/usr/bin/env bash\n"])
def test_what_a_job_declares_wins_over_the_profile_which_is_kept(fleet: Fleet, tmp_path, first):
    (tmp_path / ".bash_profile").write_text("export PATH=/usr/bin:/bin CITY=Paris OF_PROFILE=kept\numask 027\n")
    (tmp_path / "tool").write_text("#!/bin/sh\necho a tool\n")
    (tmp_path / "tool").chmod(0o755)
    env = {"HOME": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin", "CITY": "it's\n$(id) \"", "UID": "7"}
    script = first + 'printf "%s|" "$CITY" "$OF_PROFILE" "$(umask)" "$LINENO"; tool'
    run = run_job(fleet, Job("profile", script, env=env))
    line = 2 if first else 1
    assert fleet.transcript(run).decode() == f"it's\r\n$(id) \"|kept|0027|{line}|a tool\r\n"


@pytest.mark.parametrize("entrypoint", [("/bin/bash", "--login"), ("bash", "-el"), ("sh", "-l")])
def test_a_login_shell_that_is_declared_gives_way_to_env_too(fleet: Fleet, tmp_path, entrypoint):
    (tmp_path / ".profile").write_text("export PATH=/usr/bin:/bin CITY=Paris OF_PROFILE=kept\n")
    env = {"HOME": str(tmp_path), "PATH": "/opt/x:/usr/bin:/bin", "CITY": "Turin"}
    run = run_job(fleet, Job("profile", 'echo "$PATH $CITY $OF_PROFILE"', env=env, entrypoint=entrypoint))
    assert fleet.transcript(run) == b"/opt/x:/usr/bin:/bin Turin kept\r\n"


def test_functions_of_the_profile_are_there_for_a_script_without_a_first_line(fleet: Fleet, tmp_path):
    (tmp_path / ".bash_profile").write_text("salute() { echo hello; }\n")
    run = run_job(fleet, Job("profile", "salute", env={"HOME": str(tmp_path), "A": "b"}), on="pi-1")
    assert fleet.transcript(run) == b"hello\r\n"


def test_a_working_directory_that_does_not_exist(fleet: Fleet):
    (execution,) = run_job(fleet, Job("nowhere", "true", cwd="/no/such/folder")).executions
    assert execution.state is State.FAILED
    assert execution.detail == "cwd /no/such/folder: No such file or directory"


def test_an_entrypoint_that_does_not_exist(fleet: Fleet):
    (execution,) = run_job(fleet, Job("missing", "true", entrypoint=("no-such-shell",))).executions
    assert (execution.exit_code, execution.detail) == (127, "no-such-shell: No such file or directory")


def test_where_all_runs_on_every_connected_device(fleet: Fleet):
    run = fleet.settled(fleet.exec(["true"], on="all"))
    assert [execution.device for execution in run.executions] == fleet.devices
    assert run.state is State.SUCCEEDED


def test_where_any_runs_on_one(fleet: Fleet):
    run = fleet.settled(fleet.exec(["true"], on="any"))
    assert len(run.executions) == 1


def test_where_local_is_the_device_that_asks(fleet: Fleet):
    with fleet.api() as api:
        local = Target(Where.LOCAL)
        run = fleet.settled(api.start_run(command=["true"], target=local, origin="pi-2"))
        assert [execution.device for execution in run.executions] == ["pi-2"]
        with pytest.raises(InvalidInput, match="not a device"):
            api.start_run(command=["true"], target=local)


def test_patterns_select_devices(fleet: Fleet):
    run = fleet.settled(fleet.exec(["true"], on="pi-[12],!pi-1,~pi-[3]$"))
    assert [execution.device for execution in run.executions] == ["pi-2", "pi-3"]
    with pytest.raises(Conflict, match=r"no device matches pi-1,&pi-2"), fleet.api() as api:
        api.start_run(command=["true"], target=Target.parse("pi-1,&pi-2"))


def test_where_enrolled_waits_for_those_that_are_away(fleet: Fleet, device: str):
    run = fleet.exec(["true"], on="enrolled")
    assert {*fleet.devices, device} <= {execution.device for execution in run.executions}
    away = next(execution for execution in run.executions if execution.device == device)
    assert away.state is State.QUEUED
    with fleet.api() as api:
        api.cancel(run.id)


def test_a_run_that_may_find_nothing_is_settled_at_once(fleet: Fleet):
    with fleet.api() as api:
        apply(api, Job("nowhere", "true", target=Target.custom(["nobody", "no=where"], allow_empty=True)))
        run = api.start_run(job="nowhere")
        assert (run.executions, run.settled, run.state) == ((), True, State.SUCCEEDED)
        assert api.run(run.id) == run


def test_unknown_names_are_errors_with_a_suggestion(fleet: Fleet):
    with fleet.api() as api:
        apply(api, Job("backup", "true"))
        with pytest.raises(UnknownName, match="no job is called 'bakcup'; did you mean backup"):
            api.start_run(job="bakcup", target=Target.parse("all"))
        with pytest.raises(UnknownName, match="no device or group is called 'pi-11'; did you mean pi-1"):
            api.start_run(job="backup", target=Target.parse("pi-11"))
        with pytest.raises(UnknownName, match="there is no run 999999"):
            api.run(999999)


def test_a_missing_argument_is_an_error_before_anything_runs(fleet: Fleet):
    with pytest.raises(InvalidInput, match=r"args\[1\]"):
        run_job(fleet, Job("say-it", "echo {{ args[1] }}"))


def test_output_bytes_arrive_unharmed(fleet: Fleet):
    run = fleet.settled(
        fleet.exec(["python3", "-c", "import os, tty; tty.setraw(1); os.write(1, bytes(range(256)) * 400)"])
    )
    assert fleet.transcript(run) == bytes(range(256)) * 400


def test_a_lot_of_output_bounds_the_agent_and_the_disk(fleet: Fleet):
    """Four times what either may hold: the program waits for the controller, not in the agent's memory."""
    size = 4 * max(DEFAULT_LIMIT, MOST_AGENT_KIB * 1024)
    run = fleet.exec(["sh", "-c", f"stty raw; exec head -c {size} /dev/zero"])
    agent = fleet.agents["pi-1"].popen.pid
    peak_kib = 0

    def settled() -> object:
        nonlocal peak_kib
        status = Path(f"/proc/{agent}/status").read_text()
        peak_kib = max(peak_kib, int(re.search(r"VmRSS:\s+(\d+)", status)[1]))
        with fleet.api() as api:
            return api.run(run.id).settled

    wait_until(settled, "all of it", patience=200)
    (execution,) = fleet.settled(run).executions
    assert (execution.state, execution.output_length) == (State.SUCCEEDED, size)
    with fleet.api() as api:
        head, *rest = api.transcript(run.id, "pi-1")
        assert head.left_out + len(head.data) + sum(page.left_out + len(page.data) for page in rest) == size
    assert DEFAULT_LIMIT * 7 // 8 < stored_bytes(fleet, run) <= DEFAULT_LIMIT
    assert peak_kib < MOST_AGENT_KIB


def test_cancel_ends_a_program_that_obeys_ctrl_c(fleet: Fleet):
    run = fleet.sh("trap 'echo interrupted; exit 1' INT; echo ready; while :; do sleep 0.05; done")
    fleet.until_printed(run, b"ready")
    with fleet.api() as api:
        api.cancel(run.id)
    (execution,) = fleet.settled(run).executions
    assert execution.state is State.CANCELLED
    assert b"interrupted" in fleet.transcript(run)


def test_cancel_ends_what_ignores_every_signal_and_hides(fleet: Fleet):
    """A program that ignores Ctrl-C and SIGTERM, with a child in a session of its own."""
    run = fleet.sh("trap '' INT TERM HUP; setsid sleep 1000 & echo ready; while :; do sleep 1; done")
    fleet.until_printed(run, b"ready")
    mark = f"RUNLET_EXECUTION={run.executions[0].id}"
    assert len(processes_marked(mark)) >= 2
    with fleet.api() as api:
        api.cancel(run.id)
    assert fleet.settled(run).executions[0].state is State.CANCELLED
    wait_until(lambda: not processes_marked(mark), "every process of the execution to end")


def test_a_program_that_outlives_its_timeout_is_ended_as_a_cancel_ends_it(fleet: Fleet):
    script = "trap 'echo interrupted; exit 0' INT; echo ready; while :; do sleep 0.05; done"
    (execution,) = (run := run_job(fleet, Job("endless", script, timeout=timedelta(seconds=1)))).executions
    assert (execution.state, execution.detail) == (State.TIMED_OUT, "ended after its time limit of 1s")
    assert fleet.transcript(run) == b"ready\r\ninterrupted\r\n"
    assert execution.seconds is not None
    assert execution.seconds >= 1


def test_a_timeout_reaches_what_ignores_every_signal_and_hides(fleet: Fleet):
    script = "trap '' INT TERM HUP; setsid sleep 1000 & while :; do sleep 1; done"
    (execution,) = run_job(fleet, Job("stubborn", script, timeout=timedelta(seconds=1))).executions
    assert (execution.state, execution.signal) == (State.TIMED_OUT, signal.SIGKILL)
    wait_until(lambda: not processes_marked(f"RUNLET_EXECUTION={execution.id}"), "every process to end")


def test_a_program_within_its_timeout_is_left_alone(fleet: Fleet):
    (execution,) = run_job(fleet, Job("quick", "exit 3", timeout=timedelta(minutes=1))).executions
    assert (execution.state, execution.exit_code, execution.detail) == (State.FAILED, 3, "")


def test_a_cancel_before_the_timeout_names_the_outcome(fleet: Fleet):
    script = "trap '' INT; echo ready; while :; do sleep 0.05; done"  # SIGTERM comes 2 s after the cancel
    with fleet.api() as api:
        apply(api, Job("both", script, timeout=timedelta(seconds=2)))
        run = api.start_run(job="both", target=Target.parse("pi-1"))
        fleet.until_printed(run, b"ready")
        api.cancel(run.id)
    assert fleet.settled(run).state is State.CANCELLED


def test_the_environment_of_a_job_reaches_its_program(fleet: Fleet):
    """It wins over the device's own, and where the program runs wins over it."""
    env = {"GREETING": "a b; $(id) {{ x }}", "LANG": "C", "TERM": "dumb", "HOME": "/no/such", "RUNLET_DEVICE": "forged"}
    script = "import os; print([os.environ[name] for name in ('GREETING', 'LANG', 'TERM', 'HOME', 'RUNLET_DEVICE')])"
    run = run_job(fleet, Job("environment", script, env=env, entrypoint=("python3",)))
    printed = fleet.transcript(run).decode()
    assert printed == "['a b; $(id) {{ x }}', 'C', 'dumb', '/no/such', 'pi-1']\r\n"


def test_cancelling_one_device_leaves_the_others(fleet: Fleet):
    run = fleet.exec(["sleep", "1000"], on="pi-1,pi-2")
    with fleet.api() as api:
        wait_until(lambda: api.run(run.id).state is State.RUNNING, "both to run")
        view = api.cancel(run.id, ["pi-2"])
        wait_until(lambda: api.run(run.id).executions[1].state is State.CANCELLED, "pi-2 to be cancelled")
        assert api.run(run.id).executions[0].state is State.RUNNING
        with pytest.raises(UnknownName, match="pi-3"):
            api.cancel(run.id, ["pi-3"])
        api.cancel(view.id)
        fleet.settled(run)
        with pytest.raises(Conflict, match="has ended already"):
            api.cancel(run.id)


def test_children_left_behind_live_on_and_do_not_hold_the_execution(fleet: Fleet):
    # Started only once the child has left the session: before, the end of the terminal would end it (SIGHUP).
    left = "setsid sleep 1000 < /dev/null > /dev/null 2>&1 &"
    run = fleet.sh(f"{left} while [ $(ps -o sid= -p $!) = $$ ]; do :; done; echo started")
    assert fleet.settled(run).executions[0].state is State.SUCCEEDED
    left = processes_marked(f"RUNLET_EXECUTION={run.executions[0].id}")
    assert len(left) == 1
    os.kill(left[0], signal.SIGKILL)


def test_a_child_that_keeps_printing_does_not_hold_the_execution(fleet: Fleet):
    run = fleet.sh("yes & sleep 0.1; echo done")
    assert fleet.settled(run).executions[0].state is State.SUCCEEDED


def test_executions_of_a_device_start_in_order_and_a_few_at_once(fleet: Fleet, tmp_path):
    gate = tmp_path / "gate"
    runs = [
        fleet.sh(f"echo {number} >> {tmp_path}/order; until [ -e {gate} ]; do sleep 0.02; done") for number in range(7)
    ]
    order = tmp_path / "order"
    wait_until(lambda: order.exists() and len(order.read_text().split()) >= 4, "four to start")
    with fleet.api() as api:
        states = [api.run(run.id).state for run in runs]
    assert states[4:] == [State.DELIVERED] * 3
    gate.touch()
    for run in runs:
        fleet.settled(run)
    assert sorted(order.read_text().split()[:4]) == ["0", "1", "2", "3"]
    assert len(order.read_text().split()) == 7


def test_a_job_that_bars_a_device_does_not_run_there(fleet: Fleet):
    with fleet.api() as api:
        apply(api, Job("barred", "true", target=Target(Where.ALL), barred=frozenset({"pi-2"})))
        run = fleet.settled(api.start_run(job="barred"))
        assert [execution.device for execution in run.executions] == ["pi-1", "pi-3"]
        with pytest.raises(Conflict, match="bars pi-2"):
            api.start_run(job="barred", target=Target.parse("pi-2"))


def test_a_launch_is_quick_to_settle_when_idle(fleet: Fleet):
    """Not a benchmark: a hang in the path (a lost wake-up, a delayed acknowledgement) shows as a whole interval."""
    started = time.monotonic()
    fleet.settled(fleet.exec(["true"]))
    assert time.monotonic() - started < 10


def test_a_run_tells_what_the_operator_gave_and_each_device_s_script(fleet: Fleet):
    job = Job("told-again", "echo {{ greeting }} {{ n }} {{ device.name }}", vars={"greeting": "hi", "n": 1})
    with fleet.api() as api:
        apply(api, job)
        run = api.start_run(job=job.name, target=Target.parse("pi-1"), variables={"greeting": "ho"})
        apply(api, replace(job, script="true"))
        shown = api.run(run.id)
        rendering = api.rendering(run.id, "pi-1")
        with pytest.raises(UnknownName, match="has no execution on 'pi-2'"):
            api.rendering(run.id, "pi-2")
    assert (run.variables, shown.variables) == ({"greeting": "ho"}, {"greeting": "ho"})
    assert rendering.script == "echo ho 1 pi-1"
    assert rendering.environment == {"RUNLET_VAR_greeting": "ho", "RUNLET_VAR_n": "1"}
