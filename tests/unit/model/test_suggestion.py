from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from runlet.model.choice import AskPerson, Send, SendSecret, choose
from runlet.model.declared_answers import MAX_RULES, Rule, Rules, mistakes
from runlet.model.prompt import MAX_TEXT, Kind, Prompt
from runlet.model.suggestion import Given, suggest

CONTINUE = "After this operation, 3 MB will be used.\nDo you want to continue? [Y/n]"


def rules_of(*answers: Given) -> list[Rule]:
    return [one.rule for one in suggest(answers)]


def of(question: str, **texts: str | None) -> list[Given]:
    """By device, with `_` for `-`."""
    return [Given(device.replace("_", "-"), question, secret=False, text=text) for device, text in texts.items()]


def test_what_all_answered_alike_is_one_rule() -> None:
    assert rules_of(*of(CONTINUE, pi_1="y", pi_2="y")) == [Rule(r"^Do you want to continue\? \[Y/n\]\Z", send="y")]


def test_who_answered_otherwise_is_an_exception() -> None:
    (rule,) = rules_of(*of(CONTINUE, pi_1="y", pi_2="n", pi_3="y"))
    assert (rule.send, rule.devices) == ("y", {"pi-2": "n"})


def test_numbers_may_differ_next_time() -> None:
    (rule,) = rules_of(*of("Delete 12 files?", a="y"), *of("Delete 7 files?", b="y"))
    assert rule.match == r"^Delete [0-9]{1,9} files\?\Z"
    assert rule.matches("Delete 1304 files?")


def test_numbers_count_where_the_answers_differ_by_them() -> None:
    rules = rules_of(*of("Wipe disk 1?", a="n"), *of("Wipe disk 2?", a="y"))
    assert rules == [Rule(r"^Wipe disk 1\?\Z", send="n"), Rule(r"^Wipe disk 2\?\Z", send="y")]


def test_devices_that_say_their_own_name_ask_the_same() -> None:
    answers = [
        *of("Reboot kitchen now?", kitchen="y"),
        *of("Reboot attic now?", attic="n"),
        *of("Reboot hall now?", hall="y"),
    ]
    (rule,) = rules_of(*answers)
    assert rule.match == r"^Reboot [A-Za-z0-9_-]{1,63} now\?\Z"
    assert (rule.send, rule.devices) == ("y", {"attic": "n"})


def test_a_word_is_not_a_device_s_name_because_one_device_has_it() -> None:
    rules = rules_of(*of("Delete the backup?", backup="y"), *of("Delete the database?", other="n"))
    assert rules == [Rule(r"^Delete the database\?\Z", send="n"), Rule(r"^Delete the backup\?\Z", send="y")]


def test_a_name_counts_where_something_else_would_be_taken_for_it() -> None:
    secret = Given("pi-2", "Reboot PI-2?", secret=True, text=None)
    answers = [*of("Reboot pi-0?", pi_1="y"), Given("pi-1", "Reboot pi-1?", secret=True, text=None), secret]
    assert not any("A-Z" in rule.match for rule in rules_of(*answers))


def test_a_number_of_many_digits_is_matched_as_it_is() -> None:
    (rule,) = rules_of(*of("Erase 1234567890?", a="y"))
    assert rule.matches("Erase 1234567890?")


def test_a_device_that_answered_the_same_differently_is_left_to_a_person() -> None:
    answers = [*of("Command (m for help):", a="n"), *of("Command (m for help):", a="w")]
    assert rules_of(*answers) == [Rule(r"^Command \(m for help\):\Z", ask=True)]


def test_keys_and_what_was_not_kept_are_left_to_a_person() -> None:
    assert rules_of(*of("Which?", a="\x1b[B")) == [Rule(r"^Which\?\Z", ask=True)]
    assert rules_of(*of("Which?", a=None)) == [Rule(r"^Which\?\Z", ask=True)]


def test_a_secret_has_a_name_and_no_text() -> None:
    hidden = [Given(device, "[sudo] password for ana:", secret=True, text=None) for device in ("a", "a", "b")]
    assert rules_of(*hidden) == [Rule(r"^\[sudo\] password for ana:\Z", secret="SUDO_PASSWORD_FOR_ANA")]
    three = rules_of(*[Given("a", "Password:", secret=True, text=None)] * 3, Given("a", "password", True, None))
    assert {rule.secret for rule in three} == {"PASSWORD", "PASSWORD_2"}
    assert {rule.max for rule in three} == {3, None}


def test_a_line_that_says_little_is_matched_with_those_above_it() -> None:
    (rule,) = rules_of(*of("1) red\n2) green\n#?", a="2"))
    assert rule.match == r"^2\) green\s+#\?\Z"
    assert rule.matches("1) red\n2) green\n#?")
    assert not rule.matches("1) yes\n2) no\n#?")


def test_a_line_may_be_indented() -> None:
    (rule,) = rules_of(*of("Disks:\n  Which one?", a="1"))
    assert rule.match == r"Which one\?\Z"
    assert rule.matches("Disks:\n  Which one?")


def test_what_is_asked_often_may_be_answered_as_often() -> None:
    (rule,) = rules_of(*of("Next?", a="") * 12)
    assert (rule.send, rule.max) == ("", 12)


_LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200) | st.sampled_from(
    [
        "Go on?",
        "Disk 1?",
        "Disk 22?",
        "Reboot pi-1?",
        "Reboot pi-2?",
        "On pi-3: disk 1 of 2 of pi-1?",
        "#?",
        "> ",
        "Password:",
        "a.b*c(d)[e]{f}|g^h$",
    ]
)
_QUESTIONS = st.lists(_LINES, max_size=4).map(lambda lines: "\n".join(lines).strip()[-MAX_TEXT:])
_ANSWERS = st.lists(
    st.builds(
        lambda device, question, secret, text: Given(device, question, secret, None if secret else text),
        st.sampled_from(["pi-1", "pi-2", "pi-3"]),
        _QUESTIONS,
        st.booleans(),
        st.sampled_from(["y", "n", "", "\x1b[A"]),
    ),
    min_size=1,
    max_size=12,
)


@given(_ANSWERS)
def test_what_is_suggested_answers_what_people_answered(answers: list[Given]) -> None:
    found = suggest(answers)
    declared = Rules(answers=tuple(one.rule for one in found))
    assert len(found) <= MAX_RULES
    assert list(mistakes(declared)) == []
    assert Rules.from_mapping(declared.to_mapping()) == declared
    for one in answers:
        asked = Prompt("1-a", 1, one.question, one.secret, Kind.PROMPT, 0.9, "f")
        choice = choose(declared.on(one.device), asked, {}, {name for name in declared.secrets if name})
        match choice:
            case Send(text):
                assert text == one.text
            case SendSecret():
                assert one.secret
            case _:
                assert isinstance(choice, AskPerson)
                number = next(n for n, rule in enumerate(declared.answers) if rule.matches(one.question))
                assert declared.answers[number].ask


@given(_ANSWERS)
def test_only_what_differs_is_left_to_a_person(answers: list[Given]) -> None:
    same = [replace(one, secret=False, text="y") for one in answers]
    assert not any(one.rule.ask for one in suggest(same))
