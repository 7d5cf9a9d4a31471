"""What is done about the questions of one execution: what its job declares, a person, and the end of waiting.

A question that a declared answer answers is never told as one that waits: it is typed at once, and the answer is told
like every other. What is left to a person waits for `timeout`, from when it was asked. An agent that begins again finds
out from the holder how long the terminal has been silent, so that this time goes on; the uses of an answer are counted
anew.
"""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial

from runlet import sealing
from runlet.agent.answers import Candidate
from runlet.agent.prompts import Asking
from runlet.errors import ProtocolError
from runlet.model.answer import Origin
from runlet.model.choice import AskPerson, EndInput, Lapse, Refuse, Send, SendSecret, choose, lapse
from runlet.model.declared_answers import BY_DEFAULT
from runlet.model.prompt import Prompt
from runlet.protocol.messages import Execute, secret_context

# Who answers, in words.
DECLARED = "declared by its job"
UNANSWERED = "its job, for nobody answered"
# When somebody was typing as the time was over: once more, later than a console keeps the terminal to itself.
AGAIN_SECONDS = 5.0

_ENTER = b"\r"
_END_OF_INPUT = b"\x04"


class Questions:
    """`offer` hands in an answer; `ask` tells that a person is needed, and why a declared answer does not do; `go_on`
    tells that none is; `refuse` ends the program, with the reason. `device` and its private `key` open secrets.
    """

    def __init__(
        self,
        command: Execute | None,
        device: str,
        key: bytes,
        asking: Asking,
        *,
        offer: Callable[[Candidate], None],
        ask: Callable[[str], None],
        go_on: Callable[[], None],
        refuse: Callable[[str], None],
    ) -> None:
        self._rules = BY_DEFAULT if command is None else command.input
        self._secrets = {} if command is None else command.secrets
        self._device = device
        self._key = key
        self._asking = asking
        self._offer = offer
        self._ask = ask
        self._go_on = go_on
        self._refuse = refuse
        self._used: Counter[int] = Counter()
        self._skips = 0
        self._asked: tuple[str, float] | None = None  # the text of what waits for a person, and since when
        self._timer: asyncio.TimerHandle | None = None

    def changed(self, silence: float) -> None:
        """The program asks something else, or nothing; its terminal has been silent for so many seconds."""
        self.rest()
        prompt = self._asking.prompt
        if prompt is None:
            self._asked = None
            self._go_on()
            return
        match choose(self._rules, prompt, self._used, self._secrets, is_silent=self._asking.is_silent):
            case Send(text, rule):
                assert rule is not None, "nothing but a rule answers at once"
                self._send(prompt, text.encode(), rule, silence, hidden=prompt.secret)
            case SendSecret(name, rule):
                try:
                    data = self._opened(name)
                except ProtocolError as error:
                    self._wait(prompt, silence, f"the secret {name} cannot be opened: {error.message}")
                else:
                    self._send(prompt, data, rule, silence, hidden=True)
            case AskPerson(why):
                self._wait(prompt, silence, why)
            case Refuse(why):
                self._refuse(why)

    def rest(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self, prompt: Prompt, data: bytes, rule: int, silence: float, *, hidden: bool) -> None:
        self._asked = None
        self._go_on()
        self._used[rule] += 1
        done = partial(self._sent, prompt, silence)
        self._offer(_candidate(prompt, Origin.DECLARED, DECLARED, data + _ENTER, done, hidden=hidden))

    def _sent(self, prompt: Prompt, silence: float) -> None:
        """It is decided what becomes of a declared answer: somebody may have begun to type another."""
        if self._stands(prompt):
            self._wait(prompt, silence, "its declared answer could not be typed")

    def _wait(self, prompt: Prompt, silence: float, why: str) -> None:
        now = time.monotonic()
        # What other lines push away and is asked still has been asked since then.
        if self._asked is None or self._asked[0] != prompt.text:
            self._asked = prompt.text, now - silence
        self._ask(why)
        if self._rules.timeout is not None:
            self._lapse_in(prompt, self._asked[1] + self._rules.timeout.total_seconds() - now)

    def _lapse_in(self, prompt: Prompt, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._lapse, prompt)

    def _lapse(self, prompt: Prompt) -> None:
        """Nobody answered within the time."""
        self._timer = None
        if not self._stands(prompt):
            return
        what: Lapse = lapse(self._rules, prompt, self._skips)
        if isinstance(what, Refuse):
            self._refuse(what.why)
            return
        self._skips += isinstance(what, EndInput)
        data = _END_OF_INPUT if isinstance(what, EndInput) else what.text.encode() + _ENTER
        done = partial(self._lapsed, prompt)
        self._offer(_candidate(prompt, Origin.DEFAULT, UNANSWERED, data, done, hidden=prompt.secret))

    def _lapsed(self, prompt: Prompt) -> None:
        if self._stands(prompt):
            self._lapse_in(prompt, AGAIN_SECONDS)

    def _stands(self, prompt: Prompt) -> bool:
        return self._asking.open is prompt

    def _opened(self, name: str) -> bytes:
        return sealing.open_(base64.b64decode(self._secrets[name]), self._key, secret_context(self._device, name))


def _candidate(
    prompt: Prompt, origin: Origin, by: str, data: bytes, done: Callable[[], None], *, hidden: bool
) -> Candidate:
    return Candidate(str(uuid.uuid4()), prompt.id, origin, by, data, hidden=hidden, done=done)
