"""The weight of agent and holder: what they import; the memory they take when idle."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import runlet
from runlet.holder.records import Started
from runlet.model.execution import State
from tests.harness import Fleet

# What one idle agent may take. The figure is measured by bench/; this bound catches an import gone astray, which is
# never below a megabyte.
RSS_LIMIT_KIB = 36 * 1024
# What an idle holder may take of its own. Measured by bench/holder.py: 3.5 MB at most, 1.6 MB of that private; one that
# an interpreter was started for, and that shares nothing, would take more.
HOLDER_PSS_LIMIT_KIB = 5_000_000 // 1024


def test_the_agent_imports_the_standard_library_and_pika_only():
    script = (
        "import sys, runlet.agent.__main__; print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    loaded = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    # An editable installation leaves a finder of its own in sys.modules.
    names = {name for name in loaded.stdout.split() if not name.startswith("_")}
    assert names - sys.stdlib_module_names - {"sitecustomize"} == {"runlet", "pika"}


def test_an_idle_agent_is_small(fleet: Fleet, device: str):
    fleet.start_agent(device)
    status = Path(f"/proc/{fleet.agents[device].popen.pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match
    assert int(match[1]) < RSS_LIMIT_KIB


def test_a_holder_imports_a_few_modules_only():
    script = (
        "import sys; sys.path.append(sys.argv[1]); import runlet.holder.spawner; "
        "print(' '.join(name for name in sys.modules if not name.startswith('_')))"
    )
    argv = [sys.executable, "-I", "-S", "-c", script, str(Path(runlet.__file__).parent.parent)]
    loaded = set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"asyncio", "json", "re", "dataclasses", "typing", "pathlib", "logging", "subprocess", "pika"}
    assert {name for name in loaded if name.startswith("runlet.")} <= {
        "runlet.holder",
        *(f"runlet.holder.{path.stem}" for path in Path(runlet.__file__).parent.glob("holder/*.py")),
    }


def test_an_idle_holder_is_small(fleet: Fleet):
    fleet.settled(fleet.exec(["true"]))  # there is a spawner
    run = fleet.exec(["sleep", "1000"])
    fleet.until(run, lambda view: view.state is State.RUNNING)
    record = fleet.home / fleet.devices[0] / "holders" / f"{run.executions[0].id}.1.started"
    holder = Started.decode(record.read_bytes()).holder
    rollup = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{holder}/smaps_rollup").read_text(), re.MULTILINE)
    with fleet.api() as api:
        api.cancel(run.id)
    assert rollup
    assert int(rollup[1]) < HOLDER_PSS_LIMIT_KIB
