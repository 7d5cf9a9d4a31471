"""The agent's weight: what it imports and how much memory it takes when idle."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.harness import Fleet

# What one idle agent may take. The figure is measured by bench/; this bound catches an import gone astray, which is
# never below a megabyte.
RSS_LIMIT_KIB = 36 * 1024


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
