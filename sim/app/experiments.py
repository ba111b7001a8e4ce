"""What an experiment says of a choice that the user replaced: a fault that is not the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from sim.files import data_dir

GROUP = "experiment"


def content(group: str, choice: str, folders: Sequence[Path]) -> dict[str, Any]:
    """Return what the file of a choice says; {} if there is none."""
    for folder in (*folders, data_dir("conf")):
        file = folder / group / f"{choice}.yaml"
        if file.is_file():
            made = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
            return {str(k): v for k, v in made.items()} if isinstance(made, dict) else {}
    return {}


def has(tree: Any, path: str) -> bool:
    """Return whether a configuration says something at a path, null too."""
    for name in path.split("."):
        if not isinstance(tree, Mapping) or name not in tree:
            return False
        tree = tree[name]
    return True


def chosen(of: Mapping[str, Any]) -> dict[str, str]:
    """Return what an experiment chooses, by group."""
    lines = [line for line in of.get("defaults", ()) if isinstance(line, Mapping)]
    return {
        str(key).removeprefix("override ").lstrip("/"): str(choice)
        for line in lines
        for key, choice in line.items()
    }


def is_of_experiment(knob: str, said: Mapping[str, str], folders: Sequence[Path]) -> bool:
    """Return whether the experiment alone set a knob, of a group that the user chose anew."""
    group, _, rest = knob.partition(".")
    if GROUP not in said or group not in said or not rest:
        return False
    if any(knob == word or knob.startswith(f"{word}.") for word in said if "." in word):
        return False
    there = has(content(GROUP, said[GROUP], folders), knob)
    return there and not has(content(group, said[group], folders), rest)


def like(group: str, said: Mapping[str, str], folders: Sequence[Path]) -> str:
    """Return an experiment that chooses what is chosen of a group, and of as many more; "" none."""
    own = chosen(content(GROUP, said[GROUP], folders))
    places = (*folders, data_dir("conf"))
    for name in sorted({file.stem for at in places for file in at.glob(f"{GROUP}/*.yaml")}):
        other = chosen(content(GROUP, name, folders))
        if other.get(group) == said[group] and own.keys() <= other.keys():
            return name
    return ""


def told(knobs: Sequence[str], said: Mapping[str, str], folders: Sequence[Path]) -> list[str]:
    """Return a fault for each group of which the experiment sets knobs that its choice lacks."""
    found = []
    for group in dict.fromkeys(knob.partition(".")[0] for knob in knobs):
        mine = ", ".join(knob for knob in knobs if knob.startswith(f"{group}."))
        other = like(group, said, folders)
        own = chosen(content(GROUP, said[GROUP], folders))
        rest = " ".join(f"{name}={choice}" for name, choice in own.items() if name not in said)
        found.append(
            f"{GROUP}: {said[GROUP]} sets {mine}, which {group}={said[group]} does not have; "
            f"choose another experiment{', such as ' if other else ''}{other}, or none"
            f"{' and say ' if rest else ''}{rest}"
        )
    return found
