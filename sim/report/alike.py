"""Which choice of a sweep made no difference at all, in a sentence, and why where that is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.report.compare import Design


def rest_of(design: Design, knob: str) -> tuple[tuple[str, str], ...]:
    """Return what a design chose besides one knob."""
    return tuple((key, value) for key, value in design.choices.items() if key != knob)


def alike(designs: Sequence[Design]) -> list[str]:
    """Return a sentence a knob whose every value gave the same numbers; [] without.

    Designs that differ in that knob alone are held against each other, seed by seed, by all that
    their runs found. What these noted of the knob's group is told with it.
    """
    made = []
    for knob in dict.fromkeys(key for design in designs for key in design.choices):
        twins: dict[tuple[tuple[str, str], ...], list[Design]] = {}
        for design in designs:
            twins.setdefault(rest_of(design, knob), []).append(design)
        groups = list(twins.values())
        if any(len(group) == 1 for group in groups):
            continue
        if all(one.same(group[0]) for group in groups for one in group[1:]):
            group = f"{knob.split('.')[0]}: "
            notes = dict.fromkeys(
                note for design in designs for note in design.notes if note.startswith(group)
            )
            why = "; ".join(note.removeprefix(group) for note in notes)
            made.append(
                f"{knob} makes no difference here, every number is the same"
                f"{': ' if why else ''}{why}."
            )
    return made
