"""What loading a file costs: the costliest files known, and calls of functions, which no busy machine makes more."""

from __future__ import annotations

import cProfile
from collections.abc import Callable

from runlet.spec.reader import MAX_FILE_BYTES


def calls(work: Callable[[], object]) -> int:
    """How many functions `work` calls, Python's and C's."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return sum(entry.callcount for entry in profile.getstats())


_FULL = "a{}:\n  script: x\n  where: all\n  cwd: /\n  showDuration: true\n  description: x\n  every: 6h\n"
_FILTERS = "{{args[0]|q|q|q|q|q|q|q|q|q|q|q}}"
_WORST = {
    "jobs": ("".join(f"a{n}: x\n" for n in range(49_900)), "more than 1000 jobs"),
    "empty jobs": ("".join(f"a{n}: {{}}\n" for n in range(49_900)), "1000 mistakes or more"),
    "full jobs": ("".join(map(_FULL.format, range(7_100))) + "b: []\n", "must be text or a map"),
    "names": ("".join(f"a {n}: x\n" for n in range(49_900)), "1000 mistakes or more"),
    "items": ("a:\n  script: x\n  where: custom\n  whereCustom:\n" + "  - a\n" * 98_000 + "  - 1\n", "longer than"),
    "keys": ("a:\n" + "".join(f"  whereCustor{n}: x\n" for n in range(40_000)), "unknown key"),
    "entrypoint": ("a:\n  script: x\n  entrypoint: " + "a " * 520_000, ""),
    "entrypoints": ("".join(f"a{n}: {{script: x, entrypoint: {'a ' * 2_000}}}\n" for n in range(250)), ""),
    "templates": ("".join(f"a{n}: '{_FILTERS * 100}'\n" for n in range(310)), "50000 tokens; split the file"),
    "broken templates": ("".join(f"a{n}: '{{% if args %}}'\n" for n in range(40_000)), "is not closed"),
    "Go's templates": ("".join(f"a{n}: |\n" + "  {{ .Args }}\n" * 18_000 for n in range(4)), "Go template"),
    "settings": ("settings:\n  daemons:\n" + "".join(f"    a{n}: {{enabled: 1}}\n" for n in range(24_000)), "must be"),
    "anchors": ("".join(f"a{n}: &anchor{n} x\nb{n}: *anchor{n}x\n" for n in range(20_000)), "did you mean"),
    "aliases": ("a: &a " + "x" * 90_000 + "\n" + "".join(f"b{n}: *a\n" for n in range(9_000)), "1024 KiB of text"),
    "merges": (
        "a: &a\n  script: x\n" + "".join(f"b{n}: &b{n} {{<<: [*a, *a, *a]}}\n" for n in range(3_000)),
        "more than 1000 jobs",
    ),
    "chain": (
        "a0: &a0\n  script: x\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: x}}\n" for n in range(1, 9_000)),
        "nested deeper",
    ),
}  # fmt: skip

# As large as a file may be, and what each is told.
WORST = {name: (text.encode()[:MAX_FILE_BYTES], told) for name, (text, told) in _WORST.items()}
