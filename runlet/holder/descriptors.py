"""The files that a process has open, and by which of them only it can wake itself."""

from __future__ import annotations

import os
import socket
import struct
import sys
from contextlib import suppress

# The kernel tells of Unix sockets by netlink (linux/netlink.h, sock_diag.h, unix_diag.h): a request with its header, an
# answer whose attributes follow two headers of 16 bytes.
_NETLINK_SOCK_DIAG = 4
_PEER_ASKED = struct.Struct("=IHHIIBBHIIIII")
_PEER_TOLD_AT = 32
_ATTRIBUTE = struct.Struct("=HH")
_PEER, _SHOW_PEER, _ALL = 2, 4, 0xFFFF_FFFF
_KERNEL_SECONDS = 0.1  # it answers at once, or not at all
# Anonymous files by which a process wakes itself.
_OWN_FILES = ("eventfd", "signalfd", "timerfd", "eventpoll", "io_uring")


def links(pid: int) -> dict[str, str]:
    """What each descriptor of a process is of; none of one that ended, or may not be looked at."""
    folder = f"/proc/{pid}/fd/"
    found: dict[str, str] = {}
    with suppress(OSError):
        for file in os.listdir(folder):
            with suppress(OSError):  # it was closed meanwhile
                found[file] = os.readlink(folder + file)
    return found


def is_own(pid: int, file: int) -> bool:
    """Whether only the process itself can wake itself by this file: what event loops have for their timers."""
    others = links(pid)
    name = others.pop(str(file), "")
    kind, _, rest = name.partition(":")
    if kind == "anon_inode":
        return rest.strip("[]") in _OWN_FILES
    if kind == "pipe":
        return name in others.values()  # both its ends
    return kind == "socket" and f"socket:[{_peer(int(rest.strip('[]')))}]" in others.values()


def _peer(number: int) -> int:
    """The number of the Unix socket that one of this number is connected to; 0 when it is not, or nobody tells."""
    try:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        with socket.socket(socket.AF_NETLINK, kind, _NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(_KERNEL_SECONDS)
            kernel.send(_PEER_ASKED.pack(_PEER_ASKED.size, 20, 1, 1, 0, 1, 0, 0, _ALL, number, _SHOW_PEER, _ALL, _ALL))
            told = kernel.recv(4096)
    except OSError:
        return 0
    at = _PEER_TOLD_AT
    while at + _ATTRIBUTE.size <= len(told):
        size, kind = _ATTRIBUTE.unpack_from(told, at)
        if kind == _PEER and size >= _ATTRIBUTE.size + 4:
            return int.from_bytes(told[at + 4 : at + 8], sys.byteorder)
        at += max(_ATTRIBUTE.size, (size + 3) & ~3)
    return 0
