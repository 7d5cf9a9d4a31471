"""runlet/agent/prompts.py: the judge of what a holder sees, by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.agent.prompts import LEAST_CONFIDENCE, Asking, judge
from runlet.holder.waiting import BUSY, HIDDEN, LIMITED, NAPPING, READING, SHARED
from runlet.holder.wire import Look, looked, read_looked
from runlet.model.prompt import MAX_TEXT, Kind, fingerprint, mistake

ACTIVITIES = (BUSY, HIDDEN, SHARED, LIMITED, READING, NAPPING)


def look(recent: bytes, activity: int = READING, *, offset: int | None = None, **more: Any) -> Look:
    modes = {
        "lines": True,
        "echo": True,
        "own_screen": False,
        "long": False,
        "columns": 80,
        "rows": 24,
        "silence": 0.1,
    } | more
    return Look(len(recent) if offset is None else offset, activity, recent=recent, **modes)


LOOKS = st.builds(
    look,
    st.binary(max_size=300) | st.text(max_size=100).map(str.encode),
    st.sampled_from(ACTIVITIES),
    **{name: st.booleans() for name in ("lines", "echo", "own_screen", "long")},
    columns=st.integers(0, 65535),
    rows=st.integers(0, 65535),
    silence=st.floats(0, 1e9),
)


@given(LOOKS)
def test_whatever_is_seen_is_judged_within_bounds(seen: Look) -> None:
    found = judge(seen)
    if found is not None:
        assert LEAST_CONFIDENCE <= found.confidence <= 1
        assert len(found.text) <= MAX_TEXT
        asking = Asking("key")
        assert asking.take(seen)
        assert asking.prompt
        assert mistake(asking.prompt) is None


@given(LOOKS)
def test_a_look_crosses_the_wire(seen: Look) -> None:
    again = read_looked(looked(seen)[5:])
    assert all(getattr(again, name) == getattr(seen, name) for name in Look.__slots__)


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_nothing_on_the_screen_makes_a_busy_program_ask(recent: bytes, long: bool, lines: bool) -> None:
    assert judge(look(recent, BUSY, long=long, lines=lines)) is None or not lines


@given(st.binary(max_size=200), st.booleans())
def test_a_program_that_reads_waits_whatever_is_on_the_screen(recent: bytes, echo: bool) -> None:
    found = judge(look(recent, READING, echo=echo))
    assert found
    assert (found.kind, found.secret) == (Kind.PROMPT, not echo)


@pytest.mark.parametrize("activity", [SHARED, HIDDEN])
@pytest.mark.parametrize(
    "line",
    [
        b"Do you want to continue? [Y/n] ",
        b"Proceed (y/N)? ",
        b"Are you sure (yes/no/[fingerprint])? ",
        b"*** a.conf (Y/I/N/O/D/Z) [default=N] ? ",
        b"[sudo] password for ana: ",
        b"Enter passphrase for key '/root/.ssh/id': ",
        b"Press ENTER to continue",
        b"host login: ",
        b"Country Name (2 letter code) [AU]:",
        b"package name: (runlet) ",
        b"Please choose a number: ",
        b"Which one? ",
    ],
)
def test_lines_that_ask_do_so_unseen(line: bytes, activity: int) -> None:
    assert judge(look(b"before\r\n" + line, activity))


@pytest.mark.parametrize("activity", [SHARED, HIDDEN])
@pytest.mark.parametrize(
    "line",
    [
        b"Checking: ",
        b"Downloading 45% ",
        b"(Reading database ... 35%",
        b"Progress: [####......] ",
        b"Copying (3 of 10) ",
        b"Copying [3/10] ",
        b"Copied: (3/10) ",
        b"Is it up? no\r\n",
        b"",
    ],
)
def test_lines_that_tell_do_not(line: bytes, activity: int) -> None:
    assert judge(look(b"before\r\n" + line, activity, long=True, lines=False, echo=False)) is None


@pytest.mark.parametrize(
    ("recent", "text"),
    [
        (b"lots of text\r\nGo on? [Y/n] ", "Go on? [Y/n]"),
        (b"10%\r20%\r\x1b[KGo on? ", "Go on?"),
        (b"header\r\n1) one\r\n2) two\r\n#? ", "header\n1) one\n2) two\n#?"),
        (b"old\r\n\r\nWhich name?\r\n> ", "Which name?\n>"),
        (b"user typed this\r\nPassword: ", "Password:"),
        (b"Type the name.\r\n", "Type the name."),
    ],
)
def test_the_question_is_what_a_person_would_read(recent: bytes, text: str) -> None:
    found = judge(look(recent))
    assert found
    assert found.text == text


def test_typing_keeps_a_prompt_and_the_next_line_makes_another() -> None:
    asking = Asking("key")
    assert asking.take(look(b"Go on? "))
    first = asking.prompt
    asking.typed(b"ye")
    assert not asking.take(look(b"Go on? ye"))
    assert asking.prompt is first
    assert asking.take(look(b"Go on? yes\r\nGo on? "))
    assert asking.prompt
    assert first
    assert asking.prompt.id != first.id
    assert asking.prompt.fingerprint == first.fingerprint
    assert asking.take(look(b"Go on? yes\r\nGo on? yes\r\n", BUSY))
    assert asking.prompt is None
    assert not asking.take(look(b"Go on? yes\r\nGo on? yes\r\nok\r\n", BUSY))


def test_an_agent_that_begins_again_finds_the_same_prompt() -> None:
    one, two = Asking("key"), Asking("key")
    one.take(look(b"Go on? "))
    two.take(look(b"Go on? "))
    assert one.prompt == two.prompt


def test_a_program_that_draws_again_asks_nothing_new() -> None:
    asking = Asking("key")
    draws = {"lines": False, "echo": False, "own_screen": True}
    assert asking.take(look(b"\x1b[?1049h\x1b[HCPU 1%", LIMITED, **draws))
    assert not asking.take(look(b"\x1b[?1049h\x1b[HCPU 1%\x1b[HCPU 2%", LIMITED, **draws))
    assert asking.prompt
    assert asking.prompt.kind is Kind.INTERACTIVE


def test_a_screen_is_interactive_unless_its_program_works() -> None:
    gauge = b"\x1b[?1049h\x1b[10;20HInstalling\x1b[12;20H24%\x1b[12;40H"
    for activity in ACTIVITIES:
        found = judge(look(gauge, activity, lines=False, echo=False, own_screen=True))
        assert (found and found.kind) == (None if activity == BUSY else Kind.INTERACTIVE)


@pytest.mark.parametrize(
    "line", ["Password: ", "[sudo] password for pi: ", "Disk passphrase: (press TAB for no echo) "]
)
def test_keys_for_a_word_that_is_asked_for_are_secret(line: str) -> None:
    found = judge(look(line.encode(), READING, lines=False, echo=False))
    assert found
    assert found.secret


@pytest.mark.parametrize("line", ["Reset the password? [y/N] ", "Name: ", "mysql> ", "What is a token for? "])
def test_keys_for_what_is_no_secret_are_none(line: str) -> None:
    found = judge(look(line.encode(), READING, lines=False, echo=False))
    assert found
    assert not found.secret


def test_fingerprints_overlook_a_device_s_own_names() -> None:
    def of(text: str, *names: str) -> str:
        return fingerprint(text, Kind.PROMPT, secret=False, key="a", names=names)

    assert of("Reboot pi-1.lan (Kitchen)?", "kitchen", "pi-1", "pi-1.lan") == of("Reboot hall (hall)?", "hall")
    assert of("Reboot pi-10?", "pi-1") != of("Reboot pi-20?", "pi-2")
    assert of("Reboot pi-1?", "pi-2") != of("Reboot pi-2?", "pi-2")


def test_a_program_that_works_between_its_looks_at_the_keys_asks_nothing_new() -> None:
    asking = Asking("key")
    draws = {"lines": False, "echo": False, "own_screen": True}
    assert asking.take(look(b"\x1b[?1049h\x1b[HCPU 1%", LIMITED, **draws))
    for count in range(2, 5):
        screen = b"\x1b[?1049h" + b"".join(b"\x1b[HCPU %d%%" % number for number in range(count))
        assert not asking.take(look(screen, BUSY, **draws))
        assert not asking.take(look(screen, LIMITED, **draws))


def test_a_gauge_behind_a_menu_has_gone_on() -> None:
    asking = Asking("key")
    draws = {"lines": False, "echo": False, "own_screen": True}
    assert asking.take(look(b"\x1b[?1049h\x1b[HWhich one?", READING, **draws))
    assert not asking.take(look(b"\x1b[?1049h\x1b[HInstalling 1%", BUSY, **draws))
    assert asking.take(look(b"\x1b[?1049h\x1b[HInstalling 2%", BUSY, **draws))
    assert asking.prompt is None


def test_fingerprints_are_of_the_question_and_the_key() -> None:
    one = fingerprint("Go  on? ", Kind.PROMPT, secret=False, key="a")
    assert one == fingerprint("go on?", Kind.PROMPT, secret=False, key="a")
    assert (
        len(
            {
                one,
                fingerprint("Go on?", Kind.PROMPT, secret=True, key="a"),
                fingerprint("Go on?", Kind.PROMPT, secret=False, key="b"),
                fingerprint("Stop?", Kind.PROMPT, secret=False, key="a"),
            }
        )
        == 4
    )


def test_what_is_asked_after_an_answer_is_another_prompt_even_without_a_word() -> None:
    asking, again = Asking("key"), Asking("key")
    asking.take(look(b"PIN: ", echo=False))
    first = asking.prompt
    assert first
    assert asking.open
    asking.answered(first, b"")
    assert not asking.open
    assert asking.take(look(b"PIN: ", echo=False))
    second = asking.prompt
    assert second
    assert second.id == f"{first.id}-2"
    assert asking.open
    again = Asking("key", first)  # an agent that was started again
    again.take(look(b"PIN: ", echo=False))
    assert again.prompt == second
    asking.answered(second, b"")
    asking.take(look(b"PIN: ", echo=False))
    assert asking.prompt
    assert asking.prompt.id == f"{first.id}-3"


def test_what_nobody_typed_in_the_line_of_a_question_is_another_question() -> None:
    asking = Asking("key")
    asking.take(look(b"Keep? [Y/n] ", LIMITED))
    first = asking.prompt
    assert asking.take(look(b"Keep? [Y/n] Erase? [y/N] "))
    assert first
    assert asking.prompt
    assert asking.prompt.text == "Erase? [y/N]"
    assert asking.prompt.id != first.id


@pytest.mark.parametrize("activity", [BUSY, HIDDEN, SHARED])
def test_what_was_answered_is_not_asked_again_by_a_program_that_is_not_seen_to_read(activity: int) -> None:
    asking = Asking("key")
    asking.take(look(b"Password: ", echo=False))
    first = asking.prompt
    assert first
    asking.answered(first, b"")
    again = Asking("key", first)  # an agent that was started again
    for one in (asking, again):
        one.take(look(b"Password: ", activity, echo=False))
        assert one.prompt is None
        one.take(look(b"Password: \r\n", activity, echo=False))
        assert one.prompt is None
        one.take(look(b"Password: \r\nWrong.\r\nPassword: ", activity, echo=False))
        assert one.prompt
        assert not one.is_silent


def test_an_unanswered_question_that_was_not_seen_for_a_moment_stands() -> None:
    asking = Asking("key")
    asking.take(look(b"Go on? [y/N] ", HIDDEN))
    first = asking.prompt
    asking.take(look(b"Go on? [y/N] ", BUSY))
    asking.take(look(b"Go on? [y/N] ", HIDDEN))
    assert asking.prompt == first


def test_who_reads_on_without_a_word_is_known() -> None:
    asking = Asking("key")
    asking.take(look(b"Name: "))
    assert asking.prompt
    asking.answered(asking.prompt, b"Ada\r")
    asking.take(look(b"Name: Ada\r\n"))
    assert asking.is_silent
    assert asking.prompt
    assert asking.prompt.text == "Name: Ada"
    asking.answered(asking.prompt, b"Bob\r")
    asking.take(look(b"Name: Ada\r\nBob\r\nAge: "))
    assert not asking.is_silent


def test_another_dialog_of_a_program_that_goes_on_by_itself_is_another_question() -> None:
    asking = Asking("key")
    draws = {"lines": False, "echo": False, "own_screen": True}
    assert asking.take(look(b"\x1b[?1049h\x1b[HSetup\r\nKeep the cache?\r\nfor now", LIMITED, **draws))
    other = b"\x1b[?1049h\x1b[HSetup\r\nErase the disk?\r\nfor ever"
    assert asking.take(look(other, LIMITED, offset=1000, **draws))
    assert asking.prompt
    assert "Erase" in asking.prompt.text


def test_a_prompt_is_not_open_once_the_program_has_printed_on() -> None:
    asking = Asking("key")
    asking.take(look(b"10 s left: go on? "))
    asking.printed(b"\r9 s left: go on? ")
    assert asking.open
    asking.printed(b"no answer\nworking")
    assert not asking.open
    assert asking.take(look(b"10 s left: go on? no answer\nNext? "))
    assert asking.open
