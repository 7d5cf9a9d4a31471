"""What `every` may be, its one canonical spelling, and what is refused, where and with which words."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.timetable import phrase, words
from runlet.timetable.grammar import MAX_CHARACTERS, canonical, parse
from tests.unit.timetable import oracle
from tests.unit.timetable.oracle import Rule

ACCEPTED = {
    # durations
    "90s": "90s",
    "60s": "1m",
    "15m": "15m",
    "6h": "6h",
    "24h": "1d",
    " 6h ": "6h",
    # cron
    "0 16 * * *": "0 16 * * *",
    "*/15 * * * 1-5": "*/15 * * * 1-5",
    "0  0 1  jan *": "0 0 1 1 *",
    "0 0 * FEB-apr MON,wed": "0 0 * 2-4 1,3",
    "0 0 * * 7": "0 0 * * 0",
    "0 0 * * fri-sun": "0 0 * * 5-7",
    "5,10-20/5,50 * * * *": "5,10-20/5,50 * * * *",
    "0 0 l * *": "0 0 L * *",
    "0 0 1,L * *": "0 0 1,L * *",
    "0 0 * * fri#2,5L": "0 0 * * 5#2,5L",
    "0 0 29 2 *": "0 0 29 2 *",
    "0 0 30 2 1": "0 0 30 2 1",
    # intervals in words
    "every second": "1s",
    "every 30 seconds": "30s",
    "every minute": "1m",
    "every 5 minutes": "5m",
    "every 1 hour": "1h",
    "Every 36 hours": "36h",
    "every 2 days": "2d",
    # every hour
    "hourly": "every hour at minute 0",
    "every hour": "every hour at minute 0",
    "every hour at minute 15": "every hour at minute 15",
    "hourly at minute 45, 15 and 30": "every hour at minute 15, 30 and 45",
    "every other day": "2d",
    "every other hour": "2h",
    "every 2 weeks": "14d",
    "every 6h": "6h",
    "every 30 mins": "30m",
    "@weekly": "0 0 * * 0",
    "@Daily": "0 0 * * *",
    # days
    "every monday 09:00": "every monday at 09:00",
    "weekdays at 9am": "every weekday at 09:00",
    "on weekends at noon": "every weekend at 12:00",
    "tuesdays and thursdays at 3pm": "every tuesday and thursday at 15:00",
    "each mon-fri at 8am": "every weekday at 08:00",
    "friday through monday at 8am": "every sunday, monday, friday and saturday at 08:00",
    "on sunday at 12:00": "every sunday at 12:00",
    "at 10:15 am": "every day at 10:15",
    "3pm every monday": "every monday at 15:00",
    "9:00 on the 1st of the month": "1st of the month at 09:00",
    "every week on tuesday at noon": "every tuesday at 12:00",
    "every monday in june at 9am": "every monday of june at 09:00",
    "first day of each month at noon": "1st of the month at 12:00",
    "every fourth thursday in november at noon": "fourth thursday of november at 12:00",
    "every fifth friday of the month at noon": "fifth friday of the month at 12:00",
    "2nd,third mon,wed,thu of march 17:00": "second and third monday, wednesday and thursday of march at 17:00",
    "1,8,15,22 of month 09:00": "1st, 8th, 15th and 22nd of the month at 09:00",
    "daily at 8am": "every day at 08:00",
    "every day at 08:00": "every day at 08:00",
    "every day at 8:05": "every day at 08:05",
    "every day at 8 PM": "every day at 20:00",
    "every day at 8am and 8:30pm": "every day at 08:00 and 20:30",
    "every day at 12am": "every day at 00:00",
    "every day at noon, midnight": "every day at 00:00 and 12:00",
    "every weekday at 08:00": "every weekday at 08:00",
    "every weekend at 10am": "every weekend at 10:00",
    "every saturday and sunday at 10am": "every weekend at 10:00",
    "every monday at 9am": "every monday at 09:00",
    "every mon, wed, and fri at 9am": "every monday, wednesday and friday at 09:00",
    # days of the month
    "1st of the month at 9am": "1st of the month at 09:00",
    "the 15th of the month at noon": "15th of the month at 12:00",
    "on the first day of every month at 9am": "1st of the month at 09:00",
    "last day of the month at 23:59": "last day of the month at 23:59",
    "the 1st, 15th and last day of the month at 8am": "1st, 15th and last day of the month at 08:00",
    "every month on the 1st at 03:00": "1st of the month at 03:00",
    "every month on the last day at 03:00": "last day of the month at 03:00",
    "31st of march and april at noon": "31st of march and april at 12:00",
    # weekdays of the month
    "first monday of the month at 9am": "first monday of the month at 09:00",
    "every first monday of every month at 9am": "first monday of the month at 09:00",
    "first and third tue of the month at 9am": "first and third tuesday of the month at 09:00",
    "every 2nd friday of the month at 17:00": "second friday of the month at 17:00",
    "last friday of march, june and sep at 17:00": "last friday of march, june and september at 17:00",
    # dates
    "every year on 1 march at 08:00": "1st of march at 08:00",
    "every year on march 1st at 08:00": "1st of march at 08:00",
    "every year on the 29th of february at noon": "29th of february at 12:00",
}

# Habits of other programs, and plain English, each with the one text that is suggested for it.
SUGGESTED = {
    "@every 1h30m": "90m",
    "1.5h": "90m",
    "2w": "14d",
    "1 week": "every 1 week",
    "PT15M": "15m",
    "@noon": "daily at noon",
    "@fortnightly": "14d",
    "rate(5 minutes)": "every 5 minutes",
    "cron(15 12 * * ? *)": "15 12 * * *",
    "0 0 9 ? * MON-FRI": "0 9 * * mon-fri",
    "*-*-* 02:30:00": "02:30",
    "*:0/15": "*/15 * * * *",
    "Mon..Fri 22:30": "mon-fri 22:30",
    "every half hour": "30m",
    "every two weeks": "every 2 weeks",
    "every second day": "every 2 days",
    "every hour on the hour": "hourly",
    "half past every hour": "every hour at minute 30",
    "every 2 hours at minute 15": "15 */2 * * *",
    "every 5 minutes on weekdays": "*/5 * * * 1-5",
    "hourly on weekends": "0 * * * 0,6",
    "every day at 1700": "every day at 17:00",
    "every day at 17.30": "every day at 17:30",
    "every day at 8 a.m.": "every day at 8am",
    "every night at 2am": "every day at 2am",
    "every business day at 9am": "every weekday at 9am",
    "weekday at noon": "every weekday at noon",
    "from monday to friday at 9am": "every monday to friday at 9am",
    "sat & sun at 10:00": "sat and sun at 10:00",
    "every weds at 9am": "every wednesday at 9am",
    "weekly on monday at 9am": "every monday at 9am",
    "monthly on the first monday at 9am": "first monday of the month at 9am",
    "every month on the last friday at 5pm": "last friday of the month at 5pm",
    "15th monthly at noon": "15th of the month at noon",
    "on the 15th at noon": "on the 15th of the month at noon",
    "every first monday at 9am": "every first monday of the month at 9am",
    "last day of the year at noon": "31st of december at noon",
    "yearly on march 1st at 9am": "every year on march 1st at 9am",
    "january 1st": "every year on january 1st at 08:00",
    "in november every monday at 9am": "every monday in november at 9am",
    "once a day": "every day at 08:00",
}
# What may mean one thing or another, so that only the reason is told.
UNCERTAIN = (
    *("every second monday at 9am", "every 2nd tuesday at 9am", "biweekly", "every evening at 8:00", "00:30:00"),
    *("sixth monday of the month at 9am", "cron(0 9 ? * 2 *)", "0 0 9 ? * 2-6", "every third day at 9am"),
)

BEGINNINGS = phrase._BEGINNINGS
REFUSED = {
    "": f"at column 1: {BEGINNINGS}",
    "tomorow": f"at column 1: {BEGINNINGS}, not 'tomorow'",
    "tomorrow": "at column 1: a schedule repeats; start a job once with: runlet run",
    "evry day at 8am": f"at column 1: {BEGINNINGS}, not 'evry'; did you mean 'every'?",
    "every mnday": "at column 7: a day should stand here, not 'mnday'; did you mean 'every monday at 08:00'?",
    "last weekday of the month at 9am": (
        "at column 1: only a named weekday is counted in its month; write 'last friday of the month at 08:00', or "
        "'last day of the month at 08:00'"
    ),
    "every fourth thursday in november": "at column 34: at which time? add 'at 08:00'",
    "tuesdays and thursdays": "at column 23: at which time? add 'at 08:00'",
    "6th friday of the month at noon": (
        "at column 1: a weekday is the first, second, third, fourth, fifth or last of its month"
    ),
    "@reboot": (
        "at column 1: a controller does not know when a device starts; let the device's init start the program"
    ),
    "@weekyl": "at column 1: '@weekyl' is not understood; did you mean '@weekly'?",
    "@every 1h": "at column 1: write '1h'",
    "CRON_TZ=Europe/Berlin 0 9 * * 1": (
        "at column 1: a text names no time zone; write '0 9 * * 1', and set schedule.timezone"
    ),
    "*/5 * * * * /usr/bin/foo": (
        "at column 13: this is a command; put it into the job's script, and write '*/5 * * * *'"
    ),
    "0 */4,6 * * *": "at column 3: '*' stands alone in its field",
    "0 0 * * L5": "at column 9: 'l5' is not understood in the weekday; the last of a month is '5L'",
    # durations
    "0h": "at column 1: '0h': a run every 0 of anything cannot be",
    "30": "at column 1: '30': '30' is not a duration; write a whole number and s, m, h or d: 90s, 15m, 6h, 2d",
    "6 hours": "at column 1: this is not a duration; did you mean '6h'?",
    "90sec": "at column 1: this is not a duration; did you mean '90s'?",
    "9999d": "at column 1: '9999d': 9999d is longer than 3660 days",
    # cron
    "0 1 * *": "at column 1: cron has five fields, this has 4",
    "0 0 1 * * *": "at column 1: write '0 1 * * *'",
    "5 0 1 * * *": "at column 1: cron has five fields, this has 6; seconds are not supported",
    "60 * * * *": "at column 1: 60 is out of range: the minute is 0 to 59",
    "0 24 * * *": "at column 3: 24 is out of range: the hour is 0 to 23",
    "0 0 0 * *": "at column 5: 0 is out of range: the day of the month is 1 to 31",
    "0 0 * foo *": "at column 7: 'foo' is not understood in the month; write a number or a name (jan, feb...)",
    "0 0 * * 8": "at column 9: 8 is out of range: the weekday is 0 to 7",
    "0 22-2 * * *": "at column 3: the range '22-2' runs backwards; write two ranges: 22-23,0-2",
    "0 0 * * fri-mon": "at column 9: the range 'fri-mon' runs backwards; write two ranges: 5-6,0-1",
    "0 22-0/2 * * *": "at column 3: the range '22-0/2' runs backwards; write two ranges",
    "0 0 * * 7/2": "at column 9: '7/2' is not understood in the weekday; write 0-6/2",
    "0 23/2 * * *": "at column 3: '23/2' is not understood in the hour; write 23",
    "0 9 * * Monday": "at column 9: 'monday' is not understood in the weekday; write mon",
    "0 9 * june *": "at column 7: 'june' is not understood in the month; write jun",
    "0 0 ? * *": "at column 5: '?' is of another cron; write '*' in the day of the month",
    "*/90 * * * *": "at column 3: '90' is not a step of the minute, which is 1 to 59",
    "*/0 * * * *": "at column 3: '0' is not a step of the minute, which is 1 to 59",
    "5/15 * * * *": "at column 1: '5/15' is not understood in the minute; write 5-59/15",
    "1,,2 * * * *": "at column 3: '' is not understood in the minute",
    "0,* * * * *": "at column 3: '*' stands alone in its field",
    "0 0 LW * *": "at column 5: 'lw' is not understood in the day of the month; write a number",
    "0 0 * * 1#6": "at column 11: '1#6': a month has at most five of a weekday",
    "0 0 30 2 *": "at column 5: this never fires: no such month has such a day",
    "0 0 31 2,4,jun *": "at column 5: this never fires: no such month has such a day",
    # times of day
    "every day": "at column 10: at which time? add 'at 08:00'",
    "every weekday ": "at column 14: at which time? add 'at 08:00'",
    "every day at 8": "at column 14: a time should stand here, 08:00, 8am, noon or midnight, not '8'",
    "every day at 25:00": "at column 14: '25:00' is not a time of day; write 08:00, 8am, noon or midnight",
    "every day at 24:00": "at column 14: '24:00' is not a time of day; write 08:00, 8am, noon or midnight",
    "every day at 08:60": "at column 14: '08:60' is not a time of day; write 08:00, 8am, noon or midnight",
    "every day at 13pm": "at column 14: '13pm' is not a time of day; write 08:00, 8am, noon or midnight",
    "every day at 0am": "at column 14: '0am' is not a time of day; write 08:00, 8am, noon or midnight",
    "every day at 08:00:30": "at column 14: a time should stand here, 08:00, 8am, noon or midnight, not '08:00:30'",
    "every day at 8am at 9am": "at column 18: the phrase should end here, not 'at'",
    "every 2 days at 08:00": (
        "at column 14: a stretch of time has no time of day; name days, as in 'every monday at 08:00'"
    ),
    # what a phrase does not say
    "every day at 08:00 in Europe/Zurich": "at column 20: a phrase names no time zone; set it with schedule.timezone",
    "every hour between 8am and 6pm": "at column 12: a phrase has no part of the day; set it with schedule.window",
    "every other friday at 9am": (
        "at column 7: 'every other' is not supported: a phrase does not know where to begin; write '14d', or name the "
        "days"
    ),
    "every day except sunday at 9am": (
        "at column 11: exceptions are not supported; name the days that are meant, as in 'monday to saturday at 08:00'"
    ),
    "every 6 weks": (
        "at column 9: seconds, minutes, hours, days or weeks should stand here, not 'weks'; did you mean 'weeks'?"
    ),
    "weekly": "at column 1: on which day? write 'every monday at 08:00'",
    "every quarter": ("at column 7: on which day? write '1st of january, april, july and october at 08:00'"),
    # numbers
    "every 0 minutes": "at column 7: a run every 0 of anything cannot be",
    "every 99999999999 days": "at column 7: this is longer than 3660 days",
    "every hour at minute 60": "at column 22: a minute from 0 to 59 should stand here, not '60'",
    # days
    "every mnday at 9am": "at column 7: a day should stand here, not 'mnday'; did you mean 'monday'?",
    "every second monday at 9am": "at column 21: 'of the month' should stand here, not 'at'",
    "1th of the month at 8am": "at column 1: '1th' is spelled 1st",
    "32nd of the month at 8am": "at column 1: '32nd' is not a day of the month",
    "last of the month at 8am": "at column 6: 'day' or a weekday should stand here, not 'of'",
    "every month on the last at 9am": "at column 25: 'day' or a weekday should stand here, not 'at'",
    "every month at 8am": "at column 13: on which day? write '1st of the month at 08:00'",
    "31st of april at 8am": "at column 1: this never fires: no such month has such a day",
    "every year on 30 february at 8am": "at column 15: this never fires: no such month has such a day",
    "every year at 8am": "at column 12: on which day? write 'every year on 1 march at 08:00'",
    "x" * (MAX_CHARACTERS + 1): f"at column {MAX_CHARACTERS + 1}: this is longer than {MAX_CHARACTERS} characters",
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted_with_its_canonical_text(text: str) -> None:
    assert canonical(parse(text)) == ACCEPTED[text]
    assert parse(ACCEPTED[text]) == parse(text)


@pytest.mark.parametrize("text", REFUSED)
def test_refused_at_its_column(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert caught.value.message == REFUSED[text]
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("for example: 0 16 * * *; 6h; ")


@pytest.mark.parametrize("text", SUGGESTED)
def test_habits_of_others_are_refused_with_what_they_are_here(text: str) -> None:
    with pytest.raises(InvalidInput, match=rf"write '{re.escape(SUGGESTED[text])}'$"):
        parse(text)
    parse(SUGGESTED[text])


@pytest.mark.parametrize("text", UNCERTAIN)
def test_nothing_is_suggested_for_what_may_mean_several_things(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert not suggestions(text, caught.value.message)


@given(oracle.RULES)
def test_the_canonical_text_is_the_same_trigger(rule: Rule) -> None:
    trigger = parse(rule.text)
    assert parse(canonical(trigger)) == trigger
    assert canonical(parse(canonical(trigger))) == canonical(trigger)


WORDS = st.sampled_from(
    [
        *words.WORDS,
        *words.ELSEWHERE,
        *["two", "half", "quarter", "business", "night", "summer", "a", "or", "&", "past", "1h30m", "2w"],
        "1st",
        "31st",
        "5",
        "0",
        "8am",
        "8 pm",
        "25:00",
        "08:00",
        ",",
        "*",
        "1-5",
        "L",
    ]
)


@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=MAX_CHARACTERS + 5))
@example("*/² * * * *")
@example("0 0 * * ٣")
@example("every ٣ days")
@example("İ of the month at 8am")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        trigger = parse(text)
    except InvalidInput:
        return
    assert parse(canonical(trigger)) == trigger


def suggestions(text: str, message: str) -> list[str]:
    """What a refusal says could be written instead, as whole texts."""
    column = int(re.match(r"at column (\d+)", message)[1]) - 1  # type: ignore[index]
    rest = re.sub(r"^[^\s,]+", "", text[column:])
    found = []
    for said in re.findall(r"did you mean '([^']+)'", message):
        whole = (
            " " in said
            or said[0] == "@"
            or not text[column:].lstrip().lower().startswith(tuple("abcdefghijklmnopqrstuvwxyz"))
        )
        found.append(said if whole else text[:column] + said + rest)
    found += [f"{text} {said}" for said in re.findall(r"add '([^']+)'", message)]
    found += [text[:column] + "*" + rest for _ in re.findall(r"write '\*' in", message)]
    found += [said for said in re.findall(r"(?:write|, or|as in) '([^']+)'", message) if said != "*"]
    return found


def check_suggestions(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        parse(text)
        return
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    for said in suggestions(text, caught.value.message):
        parse(said)
    for example_ in (caught.value.hint or "").removeprefix("for example: ").split("; "):
        parse(example_)


@pytest.mark.parametrize("text", [*REFUSED, *words.ELSEWHERE, *(f"every {word}" for word in words.ELSEWHERE)])
def test_what_a_refusal_suggests_is_understood(text: str) -> None:
    check_suggestions(text)


MISSPELT = WORDS.flatmap(lambda word: st.sampled_from([word, word, word[1:], word[:-1], word + "s", word[::-1]]))


@settings(max_examples=300)
@given(st.lists(MISSPELT, min_size=1, max_size=8).map(" ".join))
@example("*/5 * * * * 0 /usr/bin/foo")
@example("@every 5 minutes")
@example("0 hours")
@example("1th nonsense")
@example("CRON_TZ=UTC nonsense")
def test_whatever_a_refusal_suggests_is_understood(text: str) -> None:
    check_suggestions(text)
