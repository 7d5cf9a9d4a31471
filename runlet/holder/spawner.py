"""The spawner: forks a holder for each request of its agent, so that a holder costs a fork and no interpreter's start.

`python -I -S -c PROGRAM ROOT FOLDER`, with a socket as standard input: each message on it is the name of what is to be
started, with a connection to the agent attached. FOLDER, where the records are, becomes the working directory. The
spawner ends when the agent does; its holders, each in a session of its own, do not notice.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import sys
import warnings  # noqa: F401 - os.execvpe imports it: not after a fork, from files that may be another version's by then

from runlet.holder import wire
from runlet.holder.starting import hold

# What starts a spawner. FOLDER is there for people who look at a list of processes.
PROGRAM = "import sys; sys.path.append(sys.argv[1]); from runlet.holder.spawner import main; main(sys.argv[2])"

_NAME_BYTES = 255
_ONE_FILE = struct.Struct("i")


def main(folder: str) -> None:
    """Fork holders until the agent is gone."""
    os.chdir(folder)
    agent = socket.socket(fileno=0)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for holders: they leave no zombies
    # What lives now lives for good. Left alone, its pages stay the ones that all holders share.
    gc.disable()
    gc.collect()
    gc.freeze()
    while request := _receive(agent):
        name, connection = request
        with connection:
            try:
                pid = os.fork()
            except OSError as error:
                connection.sendall(wire.frame(wire.REFUSED, str(error.strerror).encode()))
                continue
            if pid == 0:
                _become_holder(name, agent, connection)


def _become_holder(name: str, agent: socket.socket, connection: socket.socket) -> None:
    """The fork's life. Nothing here may return into the spawner's loop."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        agent.close()
        os.open(os.devnull, os.O_RDWR)  # as standard input, whose number is free now
        gc.enable()
        hold(name, connection)
        status = 0
    except BaseException:  # noqa: BLE001 - the boundary of a process: its last words go into spawner.log
        sys.excepthook(*sys.exc_info())  # and not traceback's, which imports re
    finally:
        os._exit(status)


def _receive(agent: socket.socket) -> tuple[str, socket.socket] | None:
    """The next request; None when the agent is gone."""
    room = socket.CMSG_SPACE(_ONE_FILE.size)
    try:
        name, ancillary, _flags, _address = agent.recvmsg(_NAME_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None
    if not name:
        return None
    (file,) = _ONE_FILE.unpack(ancillary[0][2][: _ONE_FILE.size])
    return name.decode(), socket.socket(fileno=file)
