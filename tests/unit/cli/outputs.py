"""Terminal output to test with: pieces that mean something to a terminal, in any order, cut anywhere."""

from __future__ import annotations

from hypothesis import strategies as st

from runlet.vt import MOST_PARAMETER_CHARACTERS

# Bytes that mean something to the tokenizer, beside some that do not: cuts between them are where mistakes hide.
PIECES = [b"\x1b", b"[", b"]", b"\\", b"P", b"m", b"0", b";", b"\x07", b"\n", b"\r", b"\b", b"a", b" ", b"(", b"\x18"]
PIECES += [b"\xc3\xa9", b"\xc2\x9b", b"\xc2\x9c", b"\xc2\x9d", b"\xff", b"\xe2", b"\xf0\x9f\x98\x80", b"h", b"?1049"]
PIECES += [b"7" * (MOST_PARAMETER_CHARACTERS - 2)]
outputs = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)


@st.composite
def cut_outputs(draw: st.DrawFn) -> list[bytes]:
    """Some output, cut anywhere."""
    output = draw(outputs)
    cuts = sorted(draw(st.lists(st.integers(0, len(output)), max_size=4)))
    return [output[start:end] for start, end in zip([0, *cuts], [*cuts, len(output)], strict=True)]
