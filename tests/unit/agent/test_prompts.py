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
    **{name: st.booleans() for name in ("lines", "echo", "own_screen", "long", "hides")},
    limit=st.floats(0, 1e9),
    since=st.none() | st.integers(0, 2**63),
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
    assert judge(look(recent, BUSY, long=long, lines=lines, echo=False)) is None


@given(st.binary(max_size=200), st.booleans())
def test_a_program_that_reads_waits_whatever_is_on_the_screen(recent: bytes, echo: bool) -> None:
    found = judge(look(recent, READING, echo=echo, long=True))  # dots alone may be another thread's, for a while
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
        ("┌───────┐\r\n│ Size? │\r\n└───────┘\r\n» ".encode(), "Size?\n»"),
        (b"left blank.\r\n-----\r\nCountry Name [AU]:", "Country Name [AU]:"),
        (b"Overwrite a.conf?\r\n(y/n) ", "Overwrite a.conf?\n(y/n)"),
        (b"this erases all that is on the\r\ndevice. Go on? ", "this erases all that is on the\ndevice. Go on?"),
        (b"1) one\r\n2) two\r\n\r\n\r\nfirmware 1.2\x1b[3;1HChoice: ", "1) one\n2) two\nChoice:"),
        (b"\x1b7\x1b[5;1Hstatus\x1b8Go on? ", "Go on?"),
        (b"old:\r\n? Which\r\n> Mon\r\n  Tue\r\n\r\nkeys\x1b[?25l", "? Which\n> Mon\n  Tue\nkeys"),
        (b"old\r\n\x1b[?25l? Which day\r\n  Mon\r\n> Tue\r\n\r\n(esc quits)", "? Which day\n  Mon\n> Tue\n(esc quits)"),
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
    "line",
    [
        "Password: ",
        "[sudo] password for pi: ",
        "Disk passphrase: (press TAB for no echo) ",
        "\U0001f510 Disk (press TAB for no echo) ",
        "? What is your password? \u2023 ",
        "? Registry password",
        "? Tell me a secret \u203a ",
        "Senha: ",
        "Kennwort: ",
        "Datenbankkennwort: ",
        "Contrasen\u0303a: ",
        "Mot de passe : ",
        "Parola d'ordine: ",
        "Пароль: ",
        "パスワードを入力してください\uff1a",
        "请输入密码\uff1a",
        "비밀번호: ",
        "Hasło: ",
        "Heslo: ",
        "Lösenord: ",
        "Wachtwoord: ",
        "Enter the 2FA code: ",
        "API key: ",
        "Key of the vault: ****",
    ],
)
def test_keys_for_a_word_that_is_asked_for_are_secret(line: str) -> None:
    found = judge(look(line.encode(), READING, lines=False, echo=False))
    assert found
    assert found.secret


@pytest.mark.parametrize(
    "line",
    [
        "Reset the password? [y/N] ",
        "Do you want to change the password? ",
        "Name: ",
        "mysql> ",
        "What is a token for? ",
        "ZIP code: ",
        "Country code: ",
        "Country Name (2 letter code) [AU]:",
        "Password file: ",
        "Token name: ",
        "GPIO pin: ",
        "root@pi:/etc/secrets# ",
        "root@pi /etc/secrets> ",
    ],
)
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
    assert of("Erase vg_pi-1-root?", "pi-1") == of("Erase vg_hall-root?", "hall")
    assert of("Read backup-pi-1.tar?", "pi-1") == of("Read backup-hall.tar?", "hall")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Use 10.0.0.5?", "Use 192.168.1.17?"),
        ("Use fe80::1%eth0?", "Use 2001:db8::17:2%eth0?"),
        ("Forget b8:27:eb:00:00:01?", "Forget b8:27:eb:00:00:02?"),
        ("Stop the service (PID 4711)?", "Stop the service (pid 17)?"),
        ("Kill process 4711?", "Kill process 17?"),
        ("Keep /tmp/tmp.a8Xk?", "Keep /tmp/tmp.Zq1o?"),
        ("Mount 0f3e6c3c-6a0f-4d0e-9d5a-2f1f8a7f3c11?", "Mount 9b0e6c3c-6a0f-4d0e-9d5a-2f1f8a7f3c12?"),
        ("Forget b8-27-eb-00-00-01?", "Forget b8-27-eb-00-00-02?"),
    ],
)
def test_fingerprints_overlook_what_differs_from_device_to_device(one: str, other: str) -> None:
    assert _mark(one) == _mark(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Erase sda?", "Erase sdb?"),
        ("Erase disk 1?", "Erase disk 2?"),
        ("Remove 3 packages?", "Remove 300 packages?"),
        ("Upgrade to 1.2.3?", "Upgrade to 2.0.0?"),
        ("Trust SHA256:abc?", "Trust SHA256:def?"),
        ("Keep 10.0.0.5?", "Keep b8:27:eb:00:00:01?"),
        ("Delete /srv/a?", "Delete /srv/b?"),
        ("Delete the backup of 2024-01-01?", "Delete the backup of 2023-05-05?"),
        ("Delete the backup of 26-01-01-10-00-00?", "Delete the backup of 25-05-05-10-00-00?"),
        ("Roll back to 2024-01-01T10:00:00Z?", "Roll back to 2024-01-01T11:00:00Z?"),
        ("Restart at 10:00:00?", "Restart at 10:30:00?"),
        ("Erase the disk of 500 GB?", "Erase the disk of 8 TB?"),
        ("Go on? [Y/n]", "Go on? [y/n/q]"),
    ],
)
def test_fingerprints_tell_apart_what_a_person_chooses_by(one: str, other: str) -> None:
    assert _mark(one) != _mark(other)


def _mark(text: str) -> str:
    return fingerprint(text, Kind.PROMPT, secret=False, key="a")


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
        assert bool(one.prompt) == (activity != BUSY)
        assert not one.is_silent


def test_what_others_print_while_who_asks_has_not_run_leaves_the_question() -> None:
    asking = Asking("key")
    asking.take(look(b"Name: ", since=6))
    first = asking.prompt
    assert not asking.take(look(b"Name: [log 1] tick 1\r\ntick 2", since=6))
    assert not asking.take(look(b"Name: [log 1] tick 1\r\ntick 2\r\n", LIMITED, since=6))
    assert asking.prompt is first
    again = b"Name: [log 1] tick 1\r\ntick 2\r\nAge: "
    assert asking.take(look(again, since=len(again)))
    assert asking.prompt
    assert asking.prompt.text == "Age:"


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


def _box(words: str, row: str) -> bytes:
    lines = (f"\x1b[{at};5H│ {line:<20} │" for at, line in enumerate((words, "", row, "", "<Ok>"), 3))
    return ("".join(lines) + "\x1b[5;7H").encode()


@pytest.mark.parametrize(
    ("words", "row", "secret"),
    [
        ("The passphrase?", "____________________", True),
        ("Kennwort", "", True),
        ("Its name?", "____________________", False),
        ("Reset the password?", "<Yes>  <No>", False),
        ("Which?", "Change the password", False),
    ],
)
def test_a_field_on_a_screen_with_a_word_for_a_secret_is_one(words: str, row: str, secret: bool) -> None:
    found = judge(look(_box(words, row), READING, lines=False, echo=False))
    assert found
    assert (found.kind, found.secret) == (Kind.INTERACTIVE, secret)


def test_what_its_arguments_say_is_hidden_is_secret() -> None:
    for recent in (_box("Unlock sda2", ""), b"Unlock sda2 "):
        found = judge(look(recent, READING, lines=False, echo=False, hides=True))
        assert found
        assert found.secret


@pytest.mark.parametrize(
    ("recent", "more"),
    [
        (b"Type the device name within a minute\r\n", {"limit": 60.0, "long": True}),
        (b"Type the device name:\r\n", {"limit": 0.5, "long": True}),
        (b"Keep these?\r\n\r\nPress ENTER to keep them\r\n\r\nGone in 9 s\r", {"limit": 1.0}),
        (b"\rCancel? 5 \rCancel? 4 ", {"limit": 1.0}),
        (b"? Project name ", {"limit": 8.0, "lines": False, "echo": False}),
        (b"Device name ", {"limit": 0.5, "lines": False, "echo": False, "long": True}),
        (b"\rName _\rName  \rName _\rName  ", {"limit": 0.5, "lines": False, "echo": False}),
    ],
)
def test_a_wait_with_a_limit_may_be_for_an_answer(recent: bytes, more: dict[str, Any]) -> None:
    assert judge(look(recent, LIMITED, silence=2.5, **more))


@pytest.mark.parametrize(
    ("recent", "more"),
    [
        (b"..", {"limit": 1.0, "long": True}),
        (b"built 3\r\n", {"limit": 1.0, "long": True}),
        (b"Password: ", {"limit": 0.1, "echo": False, "silence": 0.08}),
        (b"\rstep 1 \rstep 2 \rstep 3 ", {"limit": 1.0, "lines": False, "echo": False}),
        (b"Working on it", {"limit": 0.1, "lines": False, "echo": False, "long": True}),
    ],
)
def test_a_wait_with_a_limit_may_be_a_look_between(recent: bytes, more: dict[str, Any]) -> None:
    assert judge(look(recent, LIMITED, **{"silence": 2.5} | more)) is None


def test_what_is_passed_on_after_its_program_began_to_read_is_its_question() -> None:
    asking = Asking("key")
    asking.take(look(b"", echo=False, since=0))
    assert asking.prompt
    assert not asking.prompt.text
    assert asking.take(look(b"Token: ", echo=False, since=0))
    assert asking.prompt
    assert (asking.prompt.text, asking.prompt.secret) == ("Token:", True)


@pytest.mark.parametrize("line", ["Nome do host: ", "User: ", "Command (m for help): "])
def test_an_unseen_wait_behind_a_line_left_open_is_told_after_a_while(line: str) -> None:
    unseen = {"lines": False, "echo": False}
    assert judge(look(line.encode(), SHARED, **unseen)) is None
    assert judge(look(line.encode(), SHARED, long=True, **unseen))


@pytest.mark.parametrize(
    "line", ["続行しますか\uff1f", "Benutzername: ", "Pressione ENTER para continuar", "Drücken Sie eine Taste . . . "]
)
def test_questions_of_other_languages_are_found_unseen(line: str) -> None:
    assert judge(look(line.encode(), SHARED, lines=False, echo=False))


def test_what_others_print_behind_a_question_does_not_hide_it() -> None:
    asked = b"Stop it? "
    later = asked + b"tick 1\r\ntick 2\r\n"
    found = judge(look(later, READING, since=len(asked)))
    assert found
    assert found.text == "Stop it?"
    found = judge(look(later, READING))  # it began to wait behind them
    assert found
    assert found.text == "tick 2"


def test_one_that_is_caught_between_two_looks_at_its_keys_still_asks() -> None:
    asking = Asking("key")
    assert asking.take(look(b"Name: ", LIMITED))
    assert not asking.take(look(b"Name: ", BUSY))
    assert asking.take(look(b"Name: ", BUSY))
    assert asking.prompt is None


def test_one_that_has_asked_its_terminal_waits_for_a_person_only_after_a_while() -> None:
    for asked in (b"some words \x1b[6n", b"\x1b[>c"):
        assert judge(look(asked, lines=False, echo=False)) is None
        assert judge(look(asked, lines=False, echo=False, long=True))
    assert judge(look(b"\x1b[6nName: ", lines=False, echo=False))


def test_dots_are_a_question_only_when_they_stop() -> None:
    assert judge(look(b"building\r\n.")) is None
    assert judge(look(b"building\r\n...", long=True))


def test_a_cursor_that_blinks_is_no_part_of_its_question() -> None:
    asking = Asking("key")
    modes = {"limit": 0.5, "lines": False, "echo": False}
    drawn = b"\rDevice name _\rDevice name  \rDevice name _"
    assert asking.take(look(drawn, LIMITED, **modes))
    assert asking.prompt
    assert asking.prompt.text == "Device name"
    assert not asking.take(look(drawn + b"\rDevice name  ", LIMITED, **modes))
    assert not asking.take(look(drawn + b"\rDevice name  \rDevice name _", LIMITED, **modes))


def test_a_gauge_with_a_word_on_its_keys_asks_nothing_before_it_stands_still() -> None:
    gauge = b"\r6 items copied (q stops)\r7 items copied (q stops)"
    assert judge(look(gauge, LIMITED, lines=False, echo=False, limit=0.5, silence=0.1)) is None
    assert judge(look(gauge, LIMITED, lines=False, echo=False, limit=0.5, silence=0.6))
    assert judge(look(b"Retry (y/n)", LIMITED, lines=False, echo=False, limit=0.5, silence=0.1))


_FIELD = b"\x1b[1A\x1b[2K\x1b[1A\x1b[2KWhat is it called?\r\n> %b\r\n"


def test_several_lines_that_are_drawn_again_for_their_cursor_are_one_question() -> None:
    asking = Asking("key")
    drawn = b"What is it called?\r\n> \r\n"
    assert asking.take(look(drawn, READING, lines=False, echo=False))
    first = asking.prompt
    for number in range(6):
        drawn += _FIELD % (b"\x1b[7m \x1b[0m" if number % 2 else b" ")
        activity = LIMITED if number % 3 else READING
        assert not asking.take(look(drawn, activity, lines=False, echo=False))
    assert asking.prompt is first


def test_who_reads_keys_is_not_done_because_another_thread_works() -> None:
    asking = Asking("key")
    assert asking.take(look(b"Pick one", READING, lines=False, echo=False))
    assert not asking.take(look(b"Pick one", LIMITED, lines=False, echo=False, silence=0.4))
    assert asking.prompt is not None


def test_a_question_in_a_line_of_its_own_is_found_above_the_cursor() -> None:
    asked = b"[pause]\r\nCheck the lamp, then press enter:\r\n"
    seen = judge(look(asked, LIMITED, lines=False, long=True, limit=1.0, silence=2.1))
    assert seen
    assert seen.kind is Kind.PROMPT
    assert judge(look(asked, LIMITED, lines=False, limit=1.0)) is None


def test_a_pager_that_draws_rows_and_goes_to_its_foot_is_a_screen() -> None:
    rows = b"".join(b"\x1b[Kline %d\r\n" % number for number in range(23))
    seen = judge(look(b"%b\x1b[24;0H\x1b[Knotes.txt" % rows, READING, lines=False, echo=False))
    assert seen
    assert seen.kind is Kind.INTERACTIVE
