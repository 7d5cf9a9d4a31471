"""What of a program's output may reach the operator's terminal when they are attached to it, and what may not.

Passed as they are: text, colours, the moves and erasures of full-screen programs, their alternate screens, mouse,
bracketed paste, keyboard protocols, synchronized output, titles. Taken out is what acts on more than the screen: the
clipboard, notifications, files and printers, reports that a terminal types back (a title, what is on the screen), its
window, its identity (VT52, other character encodings), and every string to the terminal that is not known here. What is
not known is taken out: the list is of what passes.

A program may ask its terminal what it is, where the cursor is, which colours it has. Such questions pass to one console
only, since each terminal that hears one answers as if typed; replayed output asks nothing.

However the output is cut, what passes, joined, is the same. Output without a control passes at the speed of a search;
a run of sequences that pass is found by one regular expression, without a look at each.
"""

from __future__ import annotations

import re

from runlet.modes import PRIVATE_MODES

# Beyond these, a sequence is no terminal's: it is dropped, and what follows is text.
MOST_PARAMETER_BYTES = 200
MOST_INTERMEDIATE_BYTES = 4
# A string to the terminal that passes: a title, a colour, a link. A longer one is dropped as a whole.
MOST_STRING_BYTES = 2048
# A title that is longer than any title bar.
_MOST_TITLE_CHARACTERS = 200

# Private modes that a program may switch; on leaving, modes.py undoes them. The longest come first: some begin others.
_MODES = sorted((mode.removeprefix("?").encode() for mode in PRIVATE_MODES), key=len, reverse=True)
_MODE = rb"(?:" + rb"|".join(_MODES) + rb")"

# Several bytes that are one character. C1 controls, which UTF-8 can spell (C2 80 to C2 9F), are none.
_CHARACTER = (
    rb"\xc2[\xa0-\xbf]|[\xc3-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf4][\x80-\xbf]{3}"
)
_LEAD_CUT = rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z"
_NUMBERS = rb"[0-9;:]{0,200}+"
_SEQUENCE = (
    rb"\x1b(?:\["
    rb"(?:" + _NUMBERS + rb"(?:[@A-MPSTXZ`abdefgmrsu]| q|\$[rtvxz{]|\#[{}pq])"
    rb"|(?:4|34)[hl]"
    rb"|\?" + _MODE + rb"(?:;" + _MODE + rb"){0,20}[hl]"
    rb"|\?[0-9;]{0,20}+[JK]"
    rb"|2[23](?:;[0-9]{0,3}){0,2}t"  # the stack of titles
    rb"|!p"  # soft reset
    rb"|>[0-9;]{0,20}+[mnu]|[<=][0-9;]{0,20}+u"  # keyboard protocols
    rb")"
    rb"|[78=>DEHMNOc]|[()*+\-./][!-/]?+[0-~]|\#[3-8])"
)
# This group is not possessive, nor is another: Python 3.11.2, Debian 12's, matches wrongly what is in such a one.
_PASSING = re.compile(rb"(?:[\x00\x07-\x0f\x20-\x7e]++|" + _CHARACTER + rb"|" + _SEQUENCE + rb")+")
_PLAIN = re.compile(rb"[\x00\x07-\x0f\x20-\x7e]*+")

# What a terminal answers: device attributes, status and cursor reports, modes, name and version, keyboard state.
_QUESTION = re.compile(
    rb"\x1bZ|\x1b\[(?:[>=]?[0-9;]{0,20}c|\?[0-9;]{0,20}n|[56]n|\??[0-9]{1,5}\$p|>0?q|\?u|\?[0-9]{0,3}m)"
)
# "k" begins a title as screen and tmux have it, and prompts that know them.
_STRING = re.compile(rb"\x1b[P\]X^_k]|\xc2[\x90\x98\x9d\x9e\x9f]")
# What ends a string. As in vt.py: a program that forgot the end hides one line only.
_STRING_END = re.compile(rb"\x1b\\|[\x07\x18\x1a]|\xc2\x9c|(?=[\n\x1b])")
_CANCELLED = (b"", b"\x18", b"\x1a")
_BROKEN = re.compile(rb"\x1b\[[0-?]{0,200}+[ -/]{0,4}+[@-~]?|\x1b[ -/]{0,4}+[0-~]?|\xc2[\x80-\x9f]|.", re.DOTALL)
_CUT = re.compile(rb"\x1b(?:\[[0-?]{0,200}+[ -/]{0,4}+|[ -/]{0,4}+)\Z|" + _LEAD_CUT)
_MODE_SWITCH = re.compile(rb"\x1b\[\?([0-9;]{1,200})([hl])")
_TITLE = re.compile(r"[012];[^\x00-\x1f\x7f-\x9f]*")
_COLOUR = re.compile(r"(?:4|5|1[0-9]|21)(?:;[A-Za-z0-9:/#., ]{0,60}){1,64}|1(?:04|05|1[0-9]|21)(?:;[0-9;]{0,200})?")
_COLOUR_QUESTION = re.compile(r"(?:4;[0-9]{1,3}|5;[0-9]|1[0-9]);\?")
# Where a shell's prompt, a command and its output begin and end: terminals jump between them.
_PROMPT_MARK = re.compile(r"133;[A-Z](?:;[A-Za-z0-9_=:;/%.,+-]{0,200})?")
_LINK = re.compile(r"8;[A-Za-z0-9=:_.-]{0,200};(?:https?://[!-~]*)?")


class Passage:
    """One stream on its way to one terminal. `answering`: questions pass, for this terminal to answer."""

    def __init__(self) -> None:
        self.answering = True
        self.asked = 0  # questions that have passed
        self._held = b""  # the beginning of something that the next chunk completes
        self._dropping = False  # the rest of a string that is too long, or not for this terminal
        self._titled = False  # the terminal's own title is kept, to be put back

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """What of `data` passes; with `final`, what is not complete is given up."""
        if not self._held and not self._dropping and data.isascii() and _PLAIN.fullmatch(data):
            return data
        data = self._held + data
        self._held = b""
        passed: list[bytes] = []
        at = 0
        while at < len(data):
            if self._dropping:
                at = self._drop_string(data, at)
                continue
            if match := _PASSING.match(data, at):
                at = match.end()
                passed.append(match[0])
                continue
            if not final and _CUT.match(data, at):
                self._held = data[at:]
                break
            shown, end = self._judge(data, at, final=final)
            if end is None:
                self._held = data[at:]
                break
            passed.append(shown)
            at = end
        return b"".join(passed)

    def _judge(self, data: bytes, at: int, *, final: bool) -> tuple[bytes, int | None]:
        """(what passes of what does not pass as it is, where that ends); no end: the chunk is cut within it."""
        if match := _QUESTION.match(data, at):
            return self._ask(match[0]), match.end()
        if match := _MODE_SWITCH.match(data, at):
            allowed = [mode for mode in match[1].split(b";") if mode in _MODES]
            return (b"\x1b[?" + b";".join(allowed) + match[2] if allowed else b""), match.end()
        if match := _STRING.match(data, at):
            return self._string(data, at, match.end(), final=final)
        match = _BROKEN.match(data, at)
        assert match is not None
        # A byte that begins a character and is followed by another, or that no character begins with, shows as it may.
        lone = match[0] if len(match[0]) == 1 and match[0] >= b"\xa0" else b""
        return lone, match.end()

    def _string(self, data: bytes, at: int, begin: int, *, final: bool) -> tuple[bytes, int | None]:
        kind = data[begin - 1 : begin]
        if kind not in (b"]", b"\x9d", b"k"):
            self._dropping = True
            return b"", begin
        end = _string_end(data, begin)
        length = (end.start() if end else len(data) - data.endswith((b"\x1b", b"\xc2"))) - at
        if end is None and not final and length <= MOST_STRING_BYTES:
            return b"", None
        if end is None or length > MOST_STRING_BYTES:
            self._dropping = True
            return b"", begin
        content = (b"2;" if kind == b"k" else b"") + data[begin : end.start()]
        return (self._osc(content) if end[0] not in _CANCELLED else b""), end.end()

    def _osc(self, content: bytes) -> bytes:
        text = content.decode(errors="replace")
        sequence = b"\x1b]" + content + b"\x1b\\"
        if _TITLE.fullmatch(text):
            title = f"\x1b]{text[: _MOST_TITLE_CHARACTERS + 2]}\x1b\\".encode()
            before, self._titled = (b"" if self._titled else b"\x1b[22;0t"), True
            return before + title
        if _COLOUR_QUESTION.fullmatch(text):
            return self._ask(sequence)
        if any(known.fullmatch(text) for known in (_LINK, _COLOUR, _PROMPT_MARK)):
            return sequence
        return b""

    def _ask(self, question: bytes) -> bytes:
        if not self.answering:
            return b""
        self.asked += 1
        return question

    def _drop_string(self, data: bytes, at: int) -> int:
        """Where the string's end leaves us."""
        end = _string_end(data, at)
        if end is None:
            self._held = data[-1:] if data.endswith((b"\x1b", b"\xc2")) else b""
            return len(data)
        self._dropping = False
        return end.end()


def _string_end(data: bytes, at: int) -> re.Match[bytes] | None:
    """Where a string ends; None as well where an ESC at the very end may be the first half of one."""
    end = _STRING_END.search(data, at)
    return None if end is None or (not end[0] and data[end.start() :] == b"\x1b") else end
