"""What options take, before a command runs."""

from __future__ import annotations

import click
import pytest

from runlet.cli.options import VariableType
from runlet.model.inventory import RESERVED_VARIABLES


def test_a_variable_is_a_name_and_a_text() -> None:
    assert VariableType().convert("port=8=0", None, None) == ("port", "8=0")


@pytest.mark.parametrize("name", sorted(RESERVED_VARIABLES))
def test_a_variable_that_a_template_could_not_read_is_refused(name: str) -> None:
    with pytest.raises(click.BadParameter, match=f"something of their own under the name {name}"):
        VariableType().convert(f"{name}=x", None, None)
