"""`runlet`: the command line, or what to install when only an agent's part of Runlet is here."""

from __future__ import annotations

import sys


def main() -> int:
    try:
        from runlet.cli.main import main as run
    except ModuleNotFoundError as error:
        sys.stderr.write(f"error: the command line is not installed: {error.name} is missing\n")
        sys.stderr.write("hint: pip install 'runlet[cli]'; an agent alone is started with: runlet-agent\n")
        return 1
    return run()


if __name__ == "__main__":
    sys.exit(main())
