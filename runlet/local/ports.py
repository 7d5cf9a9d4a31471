"""TCP ports of this machine: finding free ones, and asking whether a broker answers on one."""

from __future__ import annotations

import contextlib
import errno
import socket

from runlet.errors import LocalFleetError

LOOPBACK = "127.0.0.1"

_GREETING = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01\x00\x00"  # a method, on channel 0
_CONNECTION_START = b"\x00\x0a\x00\x0a"
_FRAME_HEADER_BYTES = 7
_ANSWER_SECONDS = 5.0  # a node that accepts but does not speak within this is asked again


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now; held together while choosing, so that none comes twice."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def check_free(port: int, purpose: str) -> None:
    """Raises LocalFleetError when somebody listens on `port` already."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what lingers of closed connections does not count
        try:
            trial.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LocalFleetError(f"port {port} for {purpose} cannot be used: {error.strerror}") from None
            raise LocalFleetError(
                f"port {port} for {purpose} is taken",
                f"see by whom with: ss -ltnp 'sport = :{port}'; stop that, or choose another port",
            ) from None


def broker_answers(port: int) -> bool:
    """Whether a broker on `port` greets as AMQP 0-9-1 says. RabbitMQ listens only once it has booted entirely."""
    try:
        with socket.create_connection((LOOPBACK, port), _ANSWER_SECONDS) as connection:
            connection.sendall(_GREETING)
            answer = b""
            while len(answer) < _FRAME_HEADER_BYTES + len(_CONNECTION_START):
                received = connection.recv(64)
                if not received:
                    return False
                answer += received
    except OSError:
        return False
    return answer.startswith(_METHOD_FRAME) and answer[_FRAME_HEADER_BYTES:].startswith(_CONNECTION_START)
