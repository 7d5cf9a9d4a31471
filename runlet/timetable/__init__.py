"""When a job runs by itself: what people write (grammar.py) and the instants it means (firing.py, due.py).

The only home of cronsim. Of the libraries that know cron it has POSIX's meaning, and no dependency; what it is asked is
which days match, on a calendar without time zones. Instants come from spans.py, so that what happens when clocks change
is the schedule's choice and not a library's.
"""
