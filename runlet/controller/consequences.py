"""What a committed launch or cancel means outside the database, whoever asked for it: an operator or a schedule."""

from __future__ import annotations

from dataclasses import dataclass

from runlet.controller.dispatcher import Dispatcher
from runlet.controller.hub import Hub
from runlet.controller.runs import Cancelled, Launched
from runlet.controller.streams import Streams


@dataclass(frozen=True, slots=True)
class Consequences:
    """Lost with the process, each comes again: from the outbox, and with the next report."""

    dispatcher: Dispatcher
    streams: Streams
    hub: Hub

    def of_launch(self, launched: Launched) -> None:
        for execution in launched.run.executions:
            if execution.device is not None:
                self.streams.open(execution.id, execution.attempt, execution.device)
        self.dispatcher.send(launched.outgoing)

    def of_cancel(self, cancelled: Cancelled) -> None:
        for execution in cancelled.ended:
            self.hub.on_change(execution)
            self.streams.settle(execution.id)
        self.dispatcher.send(cancelled.outgoing)
