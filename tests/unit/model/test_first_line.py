"""What a script's first line names."""

from __future__ import annotations

import pytest

from runlet.model.first_line import interpreter, mistake


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("#!/bin/bash -e\nfalse", ("/bin/bash", "-e")),
        ("#!/bin/sh", ("/bin/sh",)),
        ("#! \t/bin/sh \t -e  -u \t\r\n", ("/bin/sh", "-e  -u")),
        ("#!/usr/bin/env -S a\tb\n", ("/usr/bin/env", "-S a b")),
        ("\ufeff#!/bin/sh\n", ("/bin/sh",)),
        ("#!python3\n", ("python3",)),
        ("#!\ntrue", None),
        ("# !/bin/sh\n", None),
        ("\n#!/bin/sh\n", None),
        (" #!/bin/sh\n", None),
        ("", None),
        ("echo\n#!/bin/sh\n", None),
    ],
)
def test_the_program_and_one_argument(script: str, named: tuple[str, ...] | None) -> None:
    assert interpreter(script) == named


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\ntrue",
        "#!/usr/bin/perl -w -T\n1",
        "#!/usr/bin/env -S bash -e -u\ntrue",
        "#!/usr/bin/env -vS bash -e -u\ntrue",
        "#!/usr/bin/env --split-string=bash -e\ntrue",
        "#!{{ shell }}\ntrue",
        "{% if x %}\n#!/bin/sh -e -u\n{% endif %}",
        "echo '#!/bin/sh -e -u' > file",
        "",
        "\n\n",
    ],
)
def test_what_may_work_is_no_mistake(script: str) -> None:
    assert mistake(script) is None
