"""Words on the terminal before there is a library for it."""

import sys


def say(text: str, *, end: str = "\n") -> None:
    """What goes on meanwhile: beside what a verb prints, which may be JSON."""
    sys.stderr.write(text + end)
    sys.stderr.flush()


def complain(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
