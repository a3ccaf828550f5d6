"""A table as plain lines: wide ones are cut by nobody, and the same on a terminal and in a file."""

from collections.abc import Sequence


def align(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> list[str]:
    """Columns two spaces apart, those named in ``right`` to the right."""
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]
    sides = [">" if title in right else "<" for title in head]
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
