"""What is done about a question: what its job declares, then a person, then the default. Rules without I/O.

The first rule whose `match` is found in the question decides for it; when it is used up, the next one with the same
`match`, so that one question that is asked several times has several answers. An agent applies the choice, and counts
how often each rule was used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from runlet.model import duration
from runlet.model.declared_answers import Mode, Rules, Unanswered
from runlet.model.prompt import Kind, Prompt

# Questions that get the end of input in one attempt: a program that goes on asking is ended.
MOST_SKIPS = 10
# What is told of a question in one line.
TOLD_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Send:
    """Type this text, and Enter. `rule` is the number of the rule that says so; None: no rule does."""

    text: str
    rule: int | None


@dataclass(frozen=True, slots=True)
class SendSecret:
    """Type the secret of this name, and Enter."""

    name: str
    rule: int


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Wait for a person; `why`, for people, when a rule matched and does not answer."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class EndInput:
    """Tell the program that its input is at its end."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """End the program: it has failed; `why` is for people."""

    why: str


Choice = Send | SendSecret | AskPerson | Refuse
Lapse = Send | EndInput | Refuse


def choose(
    rules: Rules, prompt: Prompt, used: Mapping[int, int], secrets: Collection[str], *, is_silent: bool = False
) -> Choice:
    """What is done about a question at once, on the device that `rules` are for.

    `used` counts the uses of each rule in this attempt; `secrets` names those that the device was given. `is_silent`:
    the program has said nothing since it was answered, and what it reads now is not known.
    """
    choice = _declared(rules, prompt, used, secrets)
    if is_silent and isinstance(choice, Send | SendSecret):
        choice = AskPerson("it reads on and has said nothing since it was answered")
    if isinstance(choice, AskPerson) and rules.mode is Mode.FORBID:
        because = f" ({choice.why})" if choice.why else ""
        return Refuse(f"its program asks, and nobody may be asked{because}: {quoted(prompt)}")
    return choice


def lapse(rules: Rules, prompt: Prompt, skips: int) -> Lapse:
    """What is done about a question that nobody answered within the timeout; `skips` have got the end of input."""
    nobody = f"nobody answered within {duration.text(rules.timeout or timedelta())}: {quoted(prompt)}"
    if rules.unanswered is Unanswered.SKIP and prompt.kind is Kind.PROMPT and skips < MOST_SKIPS:
        return EndInput()
    if rules.unanswered is Unanswered.DEFAULT and rules.mode is not Mode.REQUIRED:
        found = _matching(rules, prompt)
        if found is not None and (default := rules.answers[found].default) is not None:
            return Send(default, found)
        # Enter is what programs take for their own default; for a secret or a screen of its own it is none.
        if prompt.kind is Kind.PROMPT and not prompt.secret:
            return Send("", None)
    return Refuse(nobody)


def quoted(prompt: Prompt) -> str:
    """The end of a question, in one line."""
    text = " / ".join(line.strip() for line in prompt.text.splitlines() if line.strip())
    return text[-TOLD_CHARACTERS:] or "it shows no question"


def _matching(rules: Rules, prompt: Prompt) -> int | None:
    return next((number for number, rule in enumerate(rules.answers) if rule.matches(prompt.text)), None)


def _same_question(rules: Rules, number: int) -> int | None:
    """The next rule for what this one is for."""
    match = rules.answers[number].match
    later = range(number + 1, len(rules.answers))
    return next((one for one in later if rules.answers[one].match == match), None)


def _declared(rules: Rules, prompt: Prompt, used: Mapping[int, int], secrets: Collection[str]) -> Choice:
    number = _matching(rules, prompt)
    if number is None:
        return AskPerson()
    while used.get(number, 0) >= rules.answers[number].most:
        following = _same_question(rules, number)
        if following is None:
            break
        number = following
    rule = rules.answers[number]
    if rule.ask or (rule.send is None and rule.secret is None):
        return AskPerson()
    if used.get(number, 0) >= rule.most:
        return AskPerson(f"its declared answer was given {rule.most} times")
    if rule.secret is None:
        assert rule.send is not None, "what has neither is left to a person"
        return Send(rule.send, number)
    if rule.secret not in secrets:
        return AskPerson(f"the secret {rule.secret} was not given at launch")
    if not prompt.secret:  # it would be on the screen, and in the transcript
        return AskPerson(f"the terminal shows what is typed, and {rule.secret} is secret")
    return SendSecret(rule.secret, number)
