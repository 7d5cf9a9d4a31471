"""JSON values as YAML that our reader reads back: no aliases, and quotes around text that it would take for else."""

from __future__ import annotations

from typing import Any

import yaml

from runlet.spec.aliases import MERGE
from runlet.spec.scalars import plain_value

# Longer plain text is folded.
_WIDTH = 100


def dump(value: Any) -> str:
    """`value` as a document, its keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if isinstance(plain_value(text), str) and text != MERGE else "'"
    if not text.replace("\n", "").isprintable() or f"\n{text}".endswith("\n\n"):
        # Which alone has escapes. A block that keeps its empty last lines would have to end the whole document.
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
