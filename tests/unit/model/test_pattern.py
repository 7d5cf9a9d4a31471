from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.pattern import MAX_CHARACTERS, Named, NamedLike, Sign, Valued, parse, split


@pytest.mark.parametrize(
    ("item", "terms"),
    [
        ("pi-1,pi-2", ["pi-1", "pi-2"]),
        (" pi-1 ,, pi-2,", ["pi-1", "pi-2"]),
        ("pi-1,~x{1,2}", ["pi-1", "~x{1,2}"]),
        ("! ~x{1,2},pi-1", ["! ~x{1,2},pi-1"]),
        ("room=a~b,pi-1", ["room=a~b", "pi-1"]),
        (" , ", []),
    ],
)
def test_items_are_split_at_commas_but_regular_expressions_are_not(item: str, terms: list[str]) -> None:
    assert list(split(item)) == terms


@pytest.mark.parametrize(
    ("text", "normal", "sign", "kind"),
    [
        ("pi-1", "pi-1", Sign.ADD, Named),
        (" & web ", "&web", Sign.INTERSECT, Named),
        ("!pi-*", "!pi-*", Sign.EXCLUDE, NamedLike),
        ("web[ab]", "web[ab]", Sign.ADD, NamedLike),
        ("~pi-[0-9]+", "~pi-[0-9]+", Sign.ADD, NamedLike),
        ("&os.family=deb*", "&os.family=deb*", Sign.INTERSECT, Valued),
        ("room=living room", "room=living room", Sign.ADD, Valued),
        ("a/b=c=d", "a/b=c=d", Sign.ADD, Valued),
    ],
)
def test_the_kinds_of_terms(text: str, normal: str, sign: Sign, kind: type) -> None:
    term = parse(text)
    assert (term.text, term.sign, type(term.selector)) == (normal, sign, kind)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "it is empty"),
        ("&", 2, "nothing stands behind '&'"),
        ("~", 2, "nothing stands behind '~'"),
        ("!&web", 2, "a pattern has one sign"),
        ("pi.1", 3, "'.' cannot be part of a name; a regular expression begins with ~"),
        ("pi 1", 3, "' ' cannot be part of a name"),
        ("web[0]", 4, "'[0]' chooses by place in Ansible, and here by one character; write the name of the device"),
        ("!web[-1]", 5, "'[-1]' chooses by place in Ansible"),
        ("web[1:3]", 4, "'[1:3]' is a range of Ansible's; write [1-3]"),
        ("web[01:12]", 4, "'[01:12]' is a range of Ansible's; write a regular expression behind ~"),
        ("a:b", 2, "a ',' stands between patterns, no ':'; write a,b"),
        ("a:&b:!c", 2, "a ',' stands between patterns, no ':'; write a,&b,!c"),
        ("!a:b", 3, "a ',' stands between patterns, no ':'; write !a,!b"),
        ("-pi", 1, "a name begins with a letter or a digit"),
        ("a" * 64, 1, "63 characters at most"),
        ("all", 1, "'all' is a value of where"),
        ("!enrolled", 2, "'enrolled' is a value of where"),
        ("pi-*.x", 5, "'.' cannot be part of a glob of names"),
        ("pi-[12", 4, "this '[' is not closed"),
        ("!~pi-(", 6, "this '(' is not closed"),
        ("room=", 6, "no value stands behind '='"),
        ("room!=attic", 5, "to exclude, write !room=attic"),
        ("ro(om=x", 3, "'(' cannot be part of the name of a label or fact"),
        ("=x", 1, "the name of a label or fact begins with"),
        ("room=[a", 6, "this '[' is not closed"),
        ("a" * (MAX_CHARACTERS + 1), MAX_CHARACTERS + 1, "characters at most"),
    ],
)
def test_mistakes_have_a_column(text: str, column: int, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert f", column {column}: " in caught.value.message
    assert message in caught.value.message


@given(st.text("ab1-_&!~=*?[].,+( ", max_size=12))
def test_any_text_is_a_term_or_refused_and_its_spelling_is_stable(text: str) -> None:
    for part in split(text):
        try:
            term = parse(part)
        except InvalidInput:
            continue
        assert parse(term.text) == term
        assert list(split(term.text)) == [term.text]
