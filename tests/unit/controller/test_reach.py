"""Where webhooks may go, and that they go where it was judged: real sockets, names of our own."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from runlet.controller import webhook
from runlet.controller.reach import LOOPBACK, is_barred, networks
from runlet.errors import InvalidInput, Unavailable
from tests.certificates import serving, write_certificate

NAME = "hook.example"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "169.254.170.2", "224.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%2", "ff02::1", "fd00:ec2::254", "fd20:ce::254"),
        *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
        *("::ffff:0:127.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
    ],
)
def test_what_is_barred(address: str) -> None:
    assert is_barred(ip_address(address), ())
    assert not is_barred(ip_address(address), networks(["0.0.0.0/0", "::/0"]))


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "192.168.1.1", "172.16.0.1", "93.184.216.34", "fd12::1", "2606:2800::1", "64:ff9b::a00:1"]
)
def test_what_is_open(address: str) -> None:
    assert not is_barred(ip_address(address), ())


def test_what_is_allowed_is_so_within_ipv6_too_and_nothing_else() -> None:
    allowed = networks(["127.0.0.1"])
    assert not is_barred(ip_address("::ffff:127.0.0.1"), allowed)
    assert all(is_barred(ip_address(one), allowed) for one in ("127.0.0.2", "::1", "169.254.169.254"))


@pytest.mark.parametrize("listed", ["127.0.0.1", [1], ["localhost"], ["127.0.0.1/8"], None, {}])
def test_networks_that_are_none(listed: object) -> None:
    with pytest.raises(InvalidInput, match="notify_networks"):
        networks(listed)


class Receiver:
    """Listens on an address of loopback, says 204, and counts."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.connections = 0
        self.heads: list[bytes] = []

    async def listen(self, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self.server = await asyncio.start_server(self._serve, self.address, port, ssl=context)
        self.port: int = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def receivers() -> AsyncIterator[tuple[Receiver, Receiver]]:
    first, second = Receiver("127.0.0.1"), Receiver("127.0.0.2")
    await first.listen()
    await second.listen(first.port)
    yield first, second
    for one in (first, second):
        one.server.close()
        await one.server.wait_closed()


def resolve(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """The name means these addresses, the next ones at each question, then the last; what was asked is collected."""
    real, asked = socket.getaddrinfo, list[str]()

    def answer(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host in (NAME, "other.example"):
            asked.append(host)
            found = answers[min(len(asked), len(answers)) - 1]
            return [one for address in found for one in real(address, port, *args, **kwargs)]
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0", "[::ffff:127.0.0.1]"])
async def test_no_spelling_of_loopback_is_reached(receivers: tuple[Receiver, Receiver], host: str) -> None:
    first, _ = receivers
    with pytest.raises(InvalidInput, match=r"webhooks may not go to (127|0|::)"):
        await webhook.post(f"http://{host}:{first.port}/", b"{}", "key", ())
    assert first.connections == 0


async def test_a_name_that_means_another_address_the_second_time(
    receivers: tuple[Receiver, Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = receivers
    asked = resolve(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    await webhook.post(f"http://{NAME}:{first.port}/", b"{}", "key", networks(["127.0.0.1"]))
    assert (asked, first.connections, second.connections) == ([NAME], 1, 0)
    assert f"Host: {NAME}:{first.port}".encode() in first.heads[0]


async def test_of_several_addresses_those_that_are_barred_are_left_out(
    receivers: tuple[Receiver, Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = receivers
    resolve(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    await webhook.post(f"http://{NAME}:{first.port}/", b"{}", "key", networks(["127.0.0.1"]))
    assert (first.connections, second.connections) == (1, 0)


async def test_the_next_address_is_tried(receivers: tuple[Receiver, Receiver], monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = receivers
    resolve(monkeypatch, ["127.0.0.3", "127.0.0.1"])
    await webhook.post(f"http://{NAME}:{first.port}/", b"{}", "key", LOOPBACK)
    assert first.connections == 1


@pytest.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    """A receiver whose certificate names the name, and is trusted."""
    file = write_certificate(tmp_path, NAME)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    receiver = Receiver("127.0.0.1")
    await receiver.listen(context=serving(file))
    yield receiver
    receiver.server.close()
    await receiver.server.wait_closed()


async def test_a_certificate_must_name_the_host_of_the_url(secure: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, ["127.0.0.1"])
    await webhook.post(f"https://{NAME}:{secure.port}/", b"{}", "key", LOOPBACK)
    for host in ("other.example", "127.0.0.1"):
        with pytest.raises(Unavailable, match="certificate"):
            await webhook.post(f"https://{host}:{secure.port}/", b"{}", "key", LOOPBACK)
    assert secure.connections == 1
