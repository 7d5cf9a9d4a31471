"""The controller put together: its parts, the order in which they start, and the order in which they stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from functools import partial

import uvicorn

from runlet.amqp.consumer import Consumer, Subscription
from runlet.amqp.publisher import Publisher
from runlet.controller import api, devices
from runlet.controller.answering import Answering
from runlet.controller.attach import Attaching
from runlet.controller.collector import MAX_EVENT_BYTES, Collector
from runlet.controller.config import ControllerConfig
from runlet.controller.dispatcher import Dispatcher
from runlet.controller.door import Door, Visit, most_connections
from runlet.controller.gate import Gate
from runlet.controller.health import Vitals
from runlet.controller.hearing import Hearing
from runlet.controller.hub import Hub
from runlet.controller.notifier import Notifier
from runlet.controller.policies import Policies
from runlet.controller.questions import Questions
from runlet.controller.releaser import Releaser
from runlet.controller.scheduler import Scheduler
from runlet.controller.store import Store
from runlet.controller.streams import Streams
from runlet.controller.telling import Telling
from runlet.controller.topology import EVENT_KEYS, NEWS_KEYS, OUTPUT_KEYS, for_workspace
from runlet.controller.transcripts import Transcripts
from runlet.errors import InvalidInput, Unavailable
from runlet.protocol import frames, names
from runlet.protocol.chunk import MAX_OUTPUT_BYTES
from runlet.protocol.messages import MAX_MESSAGE_BYTES

# Reports that wait for one commit: the size of the largest batch.
EVENT_PREFETCH = 1000
# Chunks of output that wait for the disk: at most 16 MiB.
OUTPUT_PREFETCH = 256
# Connections the kernel completes while we are busy: a fleet of consoles that come back at once.
BACKLOG = 1024
# Consoles get this long to take the close frame before their sockets are cut.
LEAVE_SECONDS = 2

log = logging.getLogger(__name__)


class Controller:
    """One controller process."""

    def __init__(self, config: ControllerConfig) -> None:
        self._config = config
        self._listener = _listen(config.host, config.port)
        self._store = Store(config.database)
        self._transcripts = Transcripts(config.transcripts)
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, stop: asyncio.Event, on_ready: Callable[[str], None]) -> None:
        """Serve until `stop` is set; `on_ready` is told the address once requests and the broker are served.

        Any task that fails ends the controller, and its exception is raised here.
        """
        config = self._config
        enrolled = await self._open_store()
        publisher = Publisher(config.broker, "controller publishes", names.exchange(config.workspace))
        telling = Telling(publisher)
        topology = for_workspace(config.workspace, telling.origin, enrolled, config.replication)
        consumer = Consumer(config.broker, "controller consumes", topology)
        dispatcher = Dispatcher(self._store, publisher, consumer, config.workspace, telling.origin, config.replication)
        streams = Streams(self._transcripts, dispatcher.tell)
        questions = Questions()
        hub = Hub(dispatcher.tell, telling, questions)
        answering = Answering(self._store, dispatcher, telling, questions)
        hearing = Hearing(self._store, hub, answering, telling, questions)
        clock = self._store.clock
        clock.compare(await self._store.transact(devices.last_sign))
        releaser = Releaser(self._store, dispatcher, hub, clock)
        collector = Collector(self._store, self._transcripts, dispatcher, streams, hub, releaser)
        for subscription in (
            Subscription(
                names.event_queue(config.workspace),
                EVENT_KEYS,
                collector.on_delivery,
                EVENT_PREFETCH,
                MAX_EVENT_BYTES,
            ),
            Subscription(
                names.output_queue(config.workspace),
                OUTPUT_KEYS,
                streams.on_delivery,
                OUTPUT_PREFETCH,
                MAX_OUTPUT_BYTES,
            ),
            Subscription(
                names.news_queue(config.workspace, telling.origin),
                NEWS_KEYS,
                hearing.on_delivery,
                prefetch=0,
                most_bytes=MAX_MESSAGE_BYTES,
                dispensable=True,
            ),
        ):
            consumer.subscribe(subscription)
        consumer.on_connecting = streams.forget
        streams.on_output, streams.on_unknown = hub.on_output, collector.on_unknown
        streams.on_full, streams.on_complete = collector.on_full, collector.on_complete
        if config.management:
            policies = Policies(config.management, config.broker[0], config.workspace, config.replication)
            consumer.on_connected = policies.look
            self._start(policies.run(), stop)
        notifier = Notifier(self._store, config.notify, config.reach)
        scheduler = Scheduler(self._store, releaser, clock)
        collector.on_ended, collector.on_answered = scheduler.on_ended, answering.on_decided
        attaching = Attaching(self._store, hub, streams, self._transcripts, dispatcher)
        application = api.build(
            self._store,
            releaser,
            scheduler,
            config.reach,
            streams,
            self._transcripts,
            attaching,
            answering,
            questions,
            Vitals(self._store, publisher, consumer, collector, self._transcripts, scheduler),
        )
        server = _server(Gate(application, config.token))
        for part in (collector, streams, hub, telling, hearing, publisher, consumer, dispatcher, releaser):
            self._start(part.run(), stop)
        serving = self._start(server.serve(sockets=[self._listener]), stop)
        announcing = self._start(self._announce(publisher, consumer, on_ready), stop)
        scheduling = self._start(scheduler.run(), stop)
        notifying = self._start(notifier.run(), stop)
        await stop.wait()

        # The order: nothing begins by itself any more, and what is due is another controller's or the next start's;
        # consoles, who come back by themselves; then no new requests; then nothing more from the broker or to it; the
        # store last, for everything above may still be writing to it.
        scheduling.cancel()
        notifying.cancel()
        announcing.cancel()
        attaching.stop()
        server.should_exit = True
        await asyncio.wait((serving,))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._store.close()
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    async def _open_store(self, *, again: bool = True) -> list[str]:
        """All devices that are enrolled, the configured ones too.

        A failover cuts connections and answers again. A database that is away ends us: who starts us tries on.
        """
        try:
            await self._store.open()
            return await self._store.transact(lambda session: devices.enroll(session, self._config.devices))
        except Unavailable as error:
            if not again:
                raise
            log.warning("%s; trying once more", error)
        return await self._open_store(again=False)

    async def _announce(self, publisher: Publisher, consumer: Consumer, on_ready: Callable[[str], None]) -> None:
        await publisher.connected.wait()
        await consumer.connected.wait()
        host, port = self._listener.getsockname()[:2]
        on_ready(f"http://{host}:{port}")

    def _start(self, work: Coroutine[None, None, None], stop: asyncio.Event) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda task: stop.set() if not task.cancelled() and task.exception() else None)
        self._tasks.append(task)
        return task


def _listen(host: str, port: int) -> socket.socket:
    """Bound before anything else starts, so that a taken port is told at once."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Not create_server: its sockets do not name TCP as their protocol, and asyncio sets TCP_NODELAY only on those that
    # do; without it every answer waits 40 ms for a delayed acknowledgement.
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        return listener
    except OSError as error:
        listener.close()
        raise InvalidInput(
            f"cannot listen on {host}:{port}: {error.strerror}", "choose another port, or 0 for any that is free"
        ) from None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the program's (see __main__): uvicorn would take them from us."""
        yield


def _server(application: Gate) -> _Server:
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=partial(Visit, Door(most_connections())),  # type: ignore[arg-type]  # what makes one will do
        ws="websockets-sansio",
        ws_max_size=frames.MAX_CONSOLE_FRAME_BYTES,
        ws_ping_timeout=None,  # a console whose pager is paused reads no pongs; a dead one is TCP's to find
        ws_per_message_deflate=False,  # costs memory per socket and latency per key
        timeout_graceful_shutdown=LEAVE_SECONDS,
    )
    return _Server(config)
