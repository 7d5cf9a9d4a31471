"""What libyaml says about broken syntax, in words for the person who wrote the file."""

from __future__ import annotations

import yaml

# libyaml's message -> ours. The first column is its fixed vocabulary (parser.c and scanner.c).
_WORDS = {
    "mapping values are not allowed in this context": (
        "a ':' is not allowed here; check the indentation, or put the text in quotes if the ':' belongs to it"
    ),
    "block sequence entries are not allowed in this context": "a list begins on the line after its key, not beside it",
    "could not find expected ':'": "this line is neither 'key: value' nor part of the text before it",
    "did not find expected key": "this is not a key; check the indentation and quotes here",
    "did not find expected '-' indicator": "this is not an item ('- ') of the list above; check the indentation",
    "did not find expected node content": "a value is missing here",
    "did not find expected <document start>": "this does not belong to what stands before it; check the indentation",
    "did not find expected ',' or ']'": "the list opened with '[' is not closed; a ',' or ']' is missing",
    "did not find expected ',' or '}'": "the map opened with '{' is not closed; a ',' or '}' is missing",
    "did not find expected comment or line break": "only a comment may follow '|' or '>' on its line",
    "found a tab character where an indentation space is expected": "indentation must be spaces, not tabs",
    "found a tab character that violates indentation": "indentation must be spaces, not tabs",
    "found incompatible YAML document": "this version of YAML is not known; remove the %YAML line",
    "found unknown directive name": "a line cannot begin with '%' here; put the text in quotes",
    "found unknown escape character": (
        "this '\\' escape is not known; double the '\\', or use single quotes, which have no escapes"
    ),
}
# These are noticed at the end of the file; the mistake is where the construct was opened.
_UNCLOSED = {
    "found unexpected end of stream": "this quote is not closed",
    "did not find expected ',' or ']'": _WORDS["did not find expected ',' or ']'"],
    "did not find expected ',' or '}'": _WORDS["did not find expected ',' or '}'"],
}


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, int, str]:
    """(line, column, message) of a syntax error, counted from 1."""
    told = error.problem or "this is not YAML"
    mark = error.problem_mark
    at_end = mark is None or mark.index >= len(text.rstrip())
    if at_end and told in _UNCLOSED and error.context_mark is not None:
        mark = error.context_mark
        told = _UNCLOSED[told]
    elif mark is not None and told == "found character that cannot start any token":
        told = _cannot_begin(text[mark.index : mark.index + 1])
    else:
        told = _WORDS.get(told, told)
    if mark is None:
        return 1, 1, told
    return mark.line + 1, mark.column + 1, told


def _cannot_begin(character: str) -> str:
    if character == "\t":
        return "indentation must be spaces, not tabs"
    return f"a value cannot begin with '{character}'; put it in quotes"
