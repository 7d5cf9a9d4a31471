"""What an execution is made of on its device: the script rendered with the device's variables, and its environment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import insert
from sqlmodel import Session, col, select

from runlet.controller.tables import Execution, Run, Script
from runlet.errors import InvalidInput
from runlet.model import environment, variables
from runlet.model.inventory import Inventory
from runlet.model.target import Candidate
from runlet.protocol.views import Rendering
from runlet.spec.template import Template

# All different scripts of one run: they are written in one transaction, which everything else waits for. It is 6 KiB
# for each of ten thousand devices, or one script of any size for all.
MAX_RUN_BYTES = 64 * 1024 * 1024
# Scripts are written in portions: SQLite before 3.32 takes 999 parameters in a statement.
MAX_PORTION = 500
MAX_PORTION_CHARACTERS = 4 * 1024 * 1024


def renderer(run: Run, inventory: Inventory) -> Callable[[Candidate], Rendering]:
    """What makes a run's renderings, its template read once. Both raise InvalidInput for what cannot be made."""
    template = None if run.script is None else Template(run.script)
    args = [run.job or "", *run.args]

    def render(device: Candidate) -> Rendering:
        values = variables.of_execution(inventory, device.name, run.variables)
        try:
            found = variables.for_environment(values)
            if message := environment.mistake({**found, **run.environment}):
                raise InvalidInput(message)
            script = None if template is None else template.render(args, variables.for_template(values, device))
        except InvalidInput as error:
            raise InvalidInput(f"on {device.name}: {error.message}", error.hint) from None
        return Rendering(script, found)

    return render


@dataclass(slots=True)
class Writer:
    """Writes down what the executions of one run are made of, each script once; `flush` ends it."""

    session: Session
    _written: set[str] = field(default_factory=set)  # digests
    _waiting: dict[str, str] = field(default_factory=dict)  # digest -> text
    _characters: int = 0  # of those that wait
    _bytes: int = 0  # of all

    def put(self, execution: Execution, rendering: Rendering) -> None:
        """Raises InvalidInput when the run's scripts are too many and too large together."""
        execution.script = None if rendering.script is None else self._kept(rendering.script)
        execution.environment = rendering.environment

    def flush(self) -> None:
        """Write the scripts that wait and are not known from another run."""
        if not self._waiting:
            return
        with self.session.no_autoflush:  # executions may refer to what is written only here
            known = set(self.session.exec(select(Script.digest).where(col(Script.digest).in_(self._waiting))))
            rows = [{"digest": key, "text": text} for key, text in self._waiting.items() if key not in known]
            if rows:
                self.session.execute(insert(Script), rows)
        self._written |= self._waiting.keys()
        self._waiting.clear()
        self._characters = 0

    def _kept(self, script: str) -> str:
        encoded = script.encode()
        key = hashlib.sha256(encoded).hexdigest()
        if key not in self._written and key not in self._waiting:
            self._bytes += len(encoded)
            if self._bytes > MAX_RUN_BYTES:
                raise InvalidInput(
                    f"the scripts for all devices are larger than {MAX_RUN_BYTES // 1024**2} MiB together",
                    "run it on fewer devices at a time, or pass large data in a file",
                )
            self._waiting[key] = script
            self._characters += len(script)
            if len(self._waiting) >= MAX_PORTION or self._characters >= MAX_PORTION_CHARACTERS:
                self.flush()
        return key


def text(session: Session, execution: Execution) -> str | None:
    """The rendered script of an execution."""
    return None if execution.script is None else session.get_one(Script, execution.script).text
