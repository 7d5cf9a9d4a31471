"""The broker's policies kept as this version wants them, through RabbitMQ's management API.

AMQP has no word for a policy. The API takes one from a user who may consume and is tagged `policymaker`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit

from runlet.amqp.definitions import Replication, policies
from runlet.amqp.link import vhost
from runlet.backoff import Backoff
from runlet.errors import Unavailable

# Somebody may change them by hand, or put a node back as it was long ago.
LOOK_SECONDS = 300.0
# A node that is silent for so long is away.
ANSWER_SECONDS = 10.0
# The policies of a virtual host in JSON; ours are six.
MAX_ANSWER_BYTES = 4 * 1024 * 1024
_UNAUTHORIZED = (401, 403)

log = logging.getLogger(__name__)


class Policies:
    """Looks after the policies of one workspace. `nodes` has the address of each management API.

    The user, the password and the virtual host are those of `broker`, an AMQP address.
    """

    def __init__(self, nodes: Sequence[str], broker: str, workspace: str, replication: Replication) -> None:
        self._nodes = nodes
        user = urlsplit(broker)
        login = f"{unquote(user.username or '')}:{unquote(user.password or '')}"
        self._login = "Basic " + base64.b64encode(login.encode()).decode()
        self._vhost = vhost(broker)
        self._wanted = policies(workspace, replication, self._vhost)
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Look soon: the broker may be another, or an emptied one."""
        self._wake.set()

    async def run(self) -> None:
        """Look when told to, and at an interval. A broker that cannot be asked is asked again."""
        backoff = Backoff()
        while True:
            self._wake.clear()
            try:
                changed = await asyncio.to_thread(self._declare)
            except Unavailable as error:
                pause = backoff.next()
                log.warning("the broker's policies are not looked after: %s; next try in %.1f s", error, pause)
                await asyncio.sleep(pause)
                continue
            backoff.reset()
            if changed:
                log.info("declared policies: %s", ", ".join(changed))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()

    def _declare(self) -> list[str]:
        """At the first node that answers; the names of what was not as it should be."""
        refusals = []
        for node in self._nodes:
            try:
                return self._declare_at(f"{node.rstrip('/')}/api/policies/{quote(self._vhost, safe='')}")
            except HTTPError as error:
                refused = error.code in _UNAUTHORIZED
                refusals.append(f"{node}: {error}" + (": is our user tagged policymaker?" if refused else ""))
            except (OSError, ValueError, TypeError, HTTPException) as error:  # no answer, or nonsense
                refusals.append(f"{node}: {error!r}")
        raise Unavailable("; ".join(refusals))

    def _declare_at(self, url: str) -> list[str]:
        there = {one["name"]: one for one in json.loads(self._ask(url)) if isinstance(one, dict) and "name" in one}
        missing = [one for one in self._wanted if not one.items() <= there.get(one["name"], {}).items()]
        for one in missing:
            self._ask(f"{url}/{quote(one['name'], safe='')}", one)
        return [one["name"] for one in missing]

    def _ask(self, url: str, content: dict[str, Any] | None = None) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - config.py lets http and https through only
            url,
            data=None if content is None else json.dumps(content).encode(),
            headers={"Authorization": self._login, "Content-Type": "application/json"},
            method="GET" if content is None else "PUT",
        )
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            body: bytes = answer.read(MAX_ANSWER_BYTES)
            return body
