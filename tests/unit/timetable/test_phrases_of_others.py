"""Phrases as the documentation of others has them: what they mean there they mean here, or they are refused.

None of these may be read as anything else. Their meaning is written as the text that says it in one spelling.
"""

from __future__ import annotations

import pytest

from runlet.errors import InvalidInput
from runlet.timetable.grammar import canonical, parse

# Google App Engine's cron.yaml.
APP_ENGINE = {
    "every 12 hours": "12h",
    "every 24 hours": "1d",
    "every 5 minutes": "5m",
    "every 30 mins": "30m",
    "every day 00:00": "every day at 00:00",
    "every monday 09:00": "every monday at 09:00",
    "every mon,wed,thu 09:00": "every monday, wednesday and thursday at 09:00",
    "every monday of september 05:00": "every monday of september at 05:00",
    "2nd,third mon,wed,thu of march 17:00": "second and third monday, wednesday and thursday of march at 17:00",
    "1st monday of sep,oct,nov 17:00": "first monday of september, october and november at 17:00",
    "1,8,15,22 of month 09:00": "1st, 8th, 15th and 22nd of the month at 09:00",
    "1 of jan,april,july,oct 00:00": "1st of january, april, july and october at 00:00",
    "1st,third mon of month 04:00": "first and third monday of the month at 04:00",
    "every 5 minutes from 10:00 to 14:00": None,
    "every 2 hours synchronized": None,
    "every 1 hours from 08:00 to 16:00": None,
}
# recurrent, for Python.
RECURRENT = {
    "every day": None,
    "daily": None,
    "on weekdays": None,
    "Set an alarm for next tuesday at 11pm": None,
    "every tuesday and thurs until next month": None,
    "once a year on the fourth thursday in november": None,
    "every fourth of the month from jan 1 2010 to dec 25th 2020": None,
    "every day starting next tuesday until feb": None,
    "each thurs until next month": None,
    "every other tuesday at noon": None,
    "every weekday at 9:00": "every weekday at 09:00",
    "every other day": "2d",
    "every 2 weeks": "14d",
    "every hour": "every hour at minute 0",
    "first friday of every month at 8pm": "first friday of the month at 20:00",
    "mondays at noon": "every monday at 12:00",
}
# later.js, for JavaScript.
LATER = {
    "every 5 mins": "5m",
    "every 15 mins": "15m",
    "every 2 hours": "2h",
    "every 20 seconds": "20s",
    "at 10:15 am": "every day at 10:15",
    "at 5:00 pm": "every day at 17:00",
    "at 10:15 am every weekday": "every weekday at 10:15",
    "at 12:00 on the first day of the month": "1st of the month at 12:00",
    "at 08:00 and at 17:30": "every day at 08:00 and 17:30",
    "at 5:00 am on the last day of the month": "last day of the month at 05:00",
    "every weekend": None,
    "on the first day of the week": None,
    "every 10 mins starting on the 7th min": None,
    "every 5 mins every weekend": None,
    "after the 15th day of the month": None,
    "at 5:00 pm except on tuesday": None,
}
# crontab(5), robfig/cron for Go, and systemd.time(7).
CRONS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
    "@reboot": None,
    "@every 1h30m10s": None,
    "CRON_TZ=Asia/Tokyo 30 04 * * *": None,
    "5 0 * * * $HOME/bin/daily.job >> $HOME/tmp/out 2>&1": None,
    '0 22 * * 1-5 mail -s "It\'s 10pm" joe': None,
    "30 3-6,20-23 * * *": "30 3-6,20-23 * * *",
    "Mon..Fri 22:30": None,
    "Sat,Thu,Mon..Wed,Sat..Sun": None,
    "*-*-* 02:30:00": None,
}
OTHERS = APP_ENGINE | RECURRENT | LATER | CRONS


def test_at_least_half_of_them_are_understood() -> None:
    assert len(OTHERS) == 64
    assert sum(meaning is not None for meaning in OTHERS.values()) >= 32


@pytest.mark.parametrize("text", OTHERS)
def test_a_phrase_of_others_means_the_same_here_or_is_refused(text: str) -> None:
    meaning = OTHERS[text]
    if meaning is not None:
        assert canonical(parse(text)) == meaning
        return
    with pytest.raises(InvalidInput):
        parse(text)
