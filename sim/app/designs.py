"""Which designs of a sweep are refused, told before the first of them runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from sim.errors import RackplanError, ScenarioError

MOST = 50
"""Designs looked at before a sweep begins: each takes 0.1 s. Later ones tell when they run."""


def faults_of(config: DictConfig, folders: Sequence[Path], words: Sequence[str]) -> list[str]:
    """Return the faults of a configuration, without running it."""
    from sim.app.build import question

    try:
        question(config, folders, words)
    except ScenarioError as error:
        return error.issues
    except (RackplanError, OmegaConfBaseException) as error:
        return [str(error)]
    return []


def folders_of(sources: Iterable[Any]) -> list[Path]:
    """Return where a user's own .py files may lie, given where the configuration comes from."""
    found = [Path.cwd()]
    for source in sources:
        if source.provider == "command-line":
            found += [Path(source.path), Path(source.path).parent]
    return list(dict.fromkeys(path.resolve() for path in found))


def spread(overrides: Sequence[str]) -> list[list[str]]:
    """Return the overrides of each design of a sweep, at most `MOST`, seeds not told apart."""
    axes = []
    for one in OverridesParser.create().parse_overrides(list(overrides)):
        if one.is_sweep_override():
            key = one.get_key_element()
            values = [f"{key}={value}" for value in one.sweep_string_iterator()]
            axes.append(values[:1] if key.lstrip("+") == "seed" else values)
        else:
            axes.append([str(one.input_line)])
    return [list(design) for design in itertools.islice(itertools.product(*axes), MOST)]


class Refused(NamedTuple):
    """Why designs of a sweep cannot be."""

    faults: dict[str, list[str]]  # by what a design chooses of what is swept; "": of every one
    all_of_them: bool  # no design is left


def refused(overrides: Sequence[str], name: str, folders: Sequence[Path]) -> Refused:
    """Return the faults of each design that cannot be; what is wrong with all is said once.

    A sweep that Hydra cannot read is Hydra's to tell.
    """
    found: dict[str, list[str]] = {}
    try:
        designs = spread(overrides)
        fixed = set.intersection(*map(set, designs))
        for design in designs:
            if faults := faults_of(compose(name, design), folders, design):
                found[" ".join(o.lstrip("+") for o in design if o not in fixed)] = faults
    except (HydraException, OmegaConfBaseException):
        return Refused({}, False)
    if len(found) < len(designs) or "" in found:
        return Refused(found, len(found) == len(designs) < MOST)
    of_all = [text for text in faults if all(text in told for told in found.values())]
    own = {design: [t for t in told if t not in of_all] for design, told in found.items()}
    return Refused({"": of_all} | own, len(designs) < MOST)
