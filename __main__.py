"""`python -m synfire`: the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line with the process's arguments; the exit code is returned."""
    from .experiments.cli import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
