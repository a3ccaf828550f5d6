"""The pieces of Markdown that model cards are made of."""

from collections.abc import Iterable, Iterator

NOT_KNOWN = "not known"


def write_number(value: int | None) -> str:
    return NOT_KNOWN if value is None else f"{value:,}"


def write_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_flags(argv: list[str]) -> str:
    """A block of code, one flag a line, with its value."""
    return "```text\n" + "\n".join(_pair(argv)) + "\n```"


def _pair(argv: list[str]) -> Iterator[str]:
    line = ""
    for word in argv:
        if line and word.startswith("--"):
            yield line
            line = word
        else:
            line = f"{line} {word}".lstrip()
    yield line
