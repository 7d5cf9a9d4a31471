"""A device that is taken over speaks AMQP as it likes: whatever it sends, on whatever lane, harms nobody but itself."""

from __future__ import annotations

import gzip
import random
import struct
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pika
import pika.exceptions
import pytest

from runlet.model.execution import State
from runlet.protocol import names
from runlet.protocol.messages import Execute, TerminalSize, encode
from tests.brokers import PrivateBroker
from tests.harness import Fleet, wait_until

pytestmark = pytest.mark.timeout(600)
EXCHANGE = names.exchange("default")
LANES = (names.EVENT, names.HEARTBEAT, names.OUTPUT)
MESSAGES = 60  # for each lane
Tell = Callable[[str], None]


class Raw(pika.BasicProperties):
    """Properties that are these bytes."""

    def __init__(self, encoded: bytes) -> None:
        super().__init__()
        self._raw = encoded

    def encode(self) -> list[bytes]:
        return [self._raw]


def table(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def with_headers(content: bytes) -> Raw:
    """Persistent, so that it would come again after everything."""
    flags = pika.BasicProperties.FLAG_HEADERS | pika.BasicProperties.FLAG_DELIVERY_MODE
    return Raw(struct.pack(">H", flags) + table(content) + b"\x02")


def value(rng: random.Random, depth: int = 0) -> bytes:
    """A field's value as AMQP spells it, or nearly so."""
    kind = rng.choice(b"tbBUuIiLlfdDsSxATFVz" if depth < 4 else b"tlTdV")
    if kind in b"F":
        return b"F" + table(b"".join(field(rng, depth + 1) for _ in range(rng.randrange(4))))
    if kind in b"A":
        return b"A" + table(b"".join(value(rng, depth + 1) for _ in range(rng.randrange(4))))
    if kind in b"Sx":
        return bytes([kind]) + table(rng.randbytes(rng.randrange(40)))
    sizes = {b"t": 1, b"b": 1, b"B": 1, b"U": 2, b"u": 2, b"s": 2, b"I": 4, b"i": 4, b"f": 4, b"D": 5, b"V": 0}
    size = sizes.get(bytes([kind]), 8)
    return bytes([kind]) + rng.choice(
        (rng.randbytes(size), b"\xff" * size, b"\x7f" + b"\xf8" * (size - 1), bytes(size))
    )


def field(rng: random.Random, depth: int = 0) -> bytes:
    name = rng.choice((b"x", b"runlet-body", b"x-death", b"x-delivery-count", b"\xff\xfe", b"", rng.randbytes(9)))
    return bytes([len(name)]) + name + value(rng, depth)


def hostile(rng: random.Random) -> Iterator[tuple[bytes, pika.BasicProperties]]:
    """(body, properties), the known ones first."""
    yield b"x", with_headers(b"\x01xT" + struct.pack(">Q", 300_000_000_000))
    yield b"x", with_headers(b"\x01xT" + b"\xff" * 8)
    yield b"x", with_headers(b"\x01xd" + struct.pack(">d", float("nan")))
    yield b"x", with_headers(b"\x01xf" + struct.pack(">f", float("-inf")))
    yield b"x", with_headers(b"\x01xA" + table(b"T" + b"\x7f" * 8))
    yield b"", with_headers(b"\x0brunlet-bodyS" + table(b"\xff\xfe"))
    yield b"", with_headers(b"\x0brunlet-bodyF" + table(b""))
    yield b"", pika.BasicProperties()
    yield b"\xff" * 200_000, pika.BasicProperties()
    yield b"[" * 30_000, pika.BasicProperties()
    yield b"9" * 30_000, pika.BasicProperties()
    tables, arrays = b"", b""
    for _ in range(2000):
        tables, arrays = b"\x01xF" + table(tables), b"A" + table(arrays)
    yield b"x", with_headers(tables)
    yield b"x", with_headers(b"\x01x" + arrays)
    yield b"x", with_headers(b"\x01xA" + table(b"t\x01" * 50_000))
    yield b"x", with_headers(b"\x01xD\xff\x7f\xff\xff\xff")
    yield gzip.compress(bytes(10_000_000)), pika.BasicProperties(content_encoding="gzip", priority=255)
    yield b'{"version": 1e999, "at": NaN, "detail": "\\ud800"}', pika.BasicProperties(type="report.v1")
    yield b"x", pika.BasicProperties(expiration="-1")
    while True:
        flags = rng.choice((0, pika.BasicProperties.FLAG_HEADERS, rng.randrange(2**16) & ~1))
        spoiled = struct.pack(">H", flags) + rng.randbytes(rng.randrange(80))
        written = with_headers(b"".join(field(rng) for _ in range(rng.randrange(6))))
        yield rng.randbytes(rng.randrange(100)), rng.choice((written, written, Raw(spoiled)))


def send(url: str, key: str, messages: Iterator[tuple[bytes, pika.BasicProperties]], count: int) -> int:
    """Publish so many, each confirmed, on a new connection where the broker ended the last; how many it took."""
    taken = 0
    connection = None
    for _, (body, properties) in zip(range(count), messages, strict=False):
        try:
            if connection is None:
                connection = pika.BlockingConnection(pika.URLParameters(url))
                channel = connection.channel()
                channel.confirm_delivery()
            channel.basic_publish(EXCHANGE, key, body, properties)
            taken += 1
        except pika.exceptions.AMQPError:
            with suppress(pika.exceptions.AMQPError):
                if connection is not None:
                    connection.close()
            connection = None
    if connection is not None:
        connection.close()
    return taken


def losses(log: Path) -> int:
    """How often a link was lost."""
    return log.read_text().count("next try in")


@pytest.mark.parametrize("lane", LANES)
def test_nothing_that_a_device_sends_ends_or_stalls_a_connection(
    broker: PrivateBroker, fleet: Fleet, device: str, lane: str, tell: Tell
):
    assert fleet.controller
    log = fleet.controller.log
    before, seed = losses(log), time.time_ns()
    taken = send(broker.device_url(device), names.key(device, lane), hostile(random.Random(seed)), MESSAGES)
    tell(f"{lane}: seed {seed}, {taken} of {MESSAGES} messages taken by the broker")
    assert taken > MESSAGES // 4
    run = fleet.sh("echo behind them")
    assert fleet.settled(run).state is State.SUCCEEDED
    assert b"behind them" in fleet.transcript(run)
    assert losses(log) == before
    queue = names.output_queue("default") if lane == names.OUTPUT else names.event_queue("default")
    wait_until(lambda: _messages(broker, queue) == 0, "all of them to be acknowledged")


def _messages(broker: PrivateBroker, queue: str) -> int:
    lines = broker.ctl("list_queues", "name", "messages", "--no-table-headers").splitlines()
    return next(int(count) for name, count in (line.split() for line in lines) if name == queue)


def test_nothing_that_comes_on_a_device_s_lanes_ends_its_connection(
    broker: PrivateBroker, fleet: Fleet, device: str, tell: Tell
):
    fleet.start_agent(device)
    log = fleet.agents[device].log
    before, seed = losses(log), time.time_ns()
    for lane in (names.COMMAND, names.CONTROL, names.INPUT):
        taken = send(broker.controller_url, names.key(device, lane), hostile(random.Random(seed)), MESSAGES)
        tell(f"{lane}: seed {seed}, {taken} of {MESSAGES} messages taken by the broker")
    assert fleet.settled(fleet.exec(["true"], on=device)).state is State.SUCCEEDED
    assert losses(log) == before


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_a_device_commands_no_other_through_carbon_copies(
    broker: PrivateBroker, fleet: Fleet, device: str, header: str, tmp_path: Path
):
    """Brokers before RabbitMQ 4.0.3 check a message's own routing key only, and route it by those headers too."""
    done = tmp_path / "done"
    command = encode(
        Execute(str(uuid.uuid4()), 1, 1, "forged", f"touch {done}", None, (), None, TerminalSize(80, 24), "xterm")
    )
    log = fleet.agents["pi-2"].log
    keys = [names.key("pi-2", lane) for lane in (names.COMMAND, names.CONTROL, names.INPUT)]
    with closing(pika.BlockingConnection(pika.URLParameters(broker.device_url(device)))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for lane in LANES:
            with suppress(pika.exceptions.AMQPError):  # a newer broker refuses it
                channel.basic_publish(
                    EXCHANGE, names.key(device, lane), command, pika.BasicProperties(headers={header: keys})
                )
    assert fleet.settled(fleet.exec(["true"], on="pi-2")).state is State.SUCCEEDED  # what came before it was judged
    assert not done.exists()
    assert "forged" not in log.read_text()


def test_a_device_tells_no_news_of_controllers(broker: PrivateBroker, fleet: Fleet, device: str):
    assert fleet.controller
    with closing(pika.BlockingConnection(pika.URLParameters(broker.device_url(device)))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(
            EXCHANGE,
            names.key(device, names.EVENT),
            b'{"origin": "%s"}' % str(uuid.uuid4()).encode(),
            pika.BasicProperties(headers={"CC": [names.NEWS_KEY]}),
        )
    log = fleet.controller.log
    wait_until(lambda: f"under the key '{names.key(device, names.EVENT)}'" in log.read_text(), "it to be dropped")
