"""What an execution is made of on its device: the script rendered with the device's variables, and its environment."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlmodel import Session

from runlet.controller.tables import Execution, Run, Script
from runlet.errors import InvalidInput
from runlet.model import environment, variables
from runlet.model.declaration import digest
from runlet.model.inventory import Inventory
from runlet.model.target import Candidate
from runlet.protocol.views import Rendering
from runlet.spec import template


def render(run: Run, inventory: Inventory, device: Candidate) -> Rendering:
    """A run on one device. Raises InvalidInput when its template, or its environment, cannot be made there."""
    values = variables.of_execution(inventory, device.name, run.variables)
    script = run.script
    try:
        if script is not None:
            script = template.render(script, [run.job or "", *run.args], variables.for_template(values, device))
        found = variables.for_environment(values)
        if message := environment.mistake({**found, **run.environment}):
            raise InvalidInput(message)
    except InvalidInput as error:
        raise InvalidInput(f"on {device.name}: {error.message}", error.hint) from None
    return Rendering(script, found)


@dataclass(slots=True)
class Renderer:
    """Renders the executions of one transaction, and keeps each script once."""

    session: Session
    _digests: dict[str, str] = field(default_factory=dict)  # text -> digest

    def put(self, execution: Execution, rendering: Rendering) -> None:
        """Write down what the execution is made of."""
        execution.script = None if rendering.script is None else self._kept(rendering.script)
        execution.environment = rendering.environment

    def _kept(self, script: str) -> str:
        if script not in self._digests:
            key = self._digests[script] = digest(script)
            if self.session.get(Script, key) is None:
                self.session.add(Script(digest=key, text=script))
                self.session.flush()
        return self._digests[script]


def text(session: Session, execution: Execution) -> str | None:
    """The rendered script of an execution."""
    return None if execution.script is None else session.get_one(Script, execution.script).text
