"""How broad a table of a comparison becomes, and tables of bounded breadth made of its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

ROOM_EM = 79.0
"""Breadth of a table on a page 1200 px wide, of the size of its font; on paper there is more."""
LETTER_EM, GAP_EM, SMALL = 0.62, 0.95, 0.86
"""Breadth of a letter, of the gap left of a column, and the size of what stands under a number."""
NAME_EM = (7.0, 22.0)
"""The least and the most that the column of names is held to; there a longer word is broken."""
SEEDS_EM = GAP_EM + len("seeds") * LETTER_EM
LINES = 3
"""Lines that the head of a column should not need more of."""
Group = tuple[str, dict[str, str]]


def of_names(names: Iterable[str]) -> float:
    """Return how broad the column of names must be that none of their words is broken, em."""
    longest = max((len(word) for name in names for word in name.split()), default=0)
    least, most = NAME_EM
    return min(max(LETTER_EM * longest, least), most)


def of_column(label: str, large: Iterable[str], small: Iterable[str] = ()) -> float:
    """Return how broad a column becomes by its head, its numbers and what stands under them, em."""
    words = max(map(len, label.replace(" %", "_%").replace("-", "- ").split()), default=0)
    head = max(words, len(label) / LINES)
    most = max([head, *map(len, large), *(SMALL * len(text) for text in small)])
    return GAP_EM + LETTER_EM * most


def beside(
    groups: Sequence[Group], broad: Callable[[str, str], float], room_em: float
) -> list[list[Group]]:
    """Return the groups of columns that stand beside each other, a list a table.

    `broad` says how broad a column is, by its name and label. A group that does not fit beside
    those before it begins a table; one too broad for a table goes on in the next.
    """
    tables: list[list[Group]] = []
    left = 0.0
    for title, labels in groups:
        each = {name: broad(name, label) for name, label in labels.items()}
        if not tables or sum(each.values()) > left:
            tables.append([])
            left = room_em
        part: dict[str, str] = {}
        for name, label in labels.items():
            if each[name] > left and part:
                tables[-1].append((title, part))
                tables.append([])
                part, left = {}, room_em
            part[name] = label
            left -= each[name]
        tables[-1].append((title, part))
    return tables
