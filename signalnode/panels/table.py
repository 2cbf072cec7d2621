"""Rows of cells as lines of text, for people. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

GAP = "  "


def table_lines(
    header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[str] = ()
) -> list[str]:
    """The header and each row, every column as wide as its widest cell; those in `numbers` to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        GAP.join(
            cell.rjust(width) if name in numbers else cell.ljust(width)
            for cell, width, name in zip(row, widths, header, strict=True)
        ).rstrip()
        for row in (header, *rows)
    ]
