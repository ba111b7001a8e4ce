"""What was asked on the command line, read before Hydra composes: faults told at once and plainly.

Hydra stops at the first fault and tells it in its own words. Here a choice that does not exist is
noted and left out, and a knob is set whether it is known or not, so that `build` can tell them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from sim.errors import ScenarioError, choices
from sim.files import data_dir

OVERRIDE = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
NESTED = re.compile(r"\{\s*_target_\s*:")
PLAIN = re.compile(r"\w+(,\w+)*")
FOLDER_FLAGS = ("--config-dir", "-cd")
OTHER_CONFIGURATION = (*FOLDER_FLAGS, "--config-name", "-cn", "--config-path", "-cp", "experiment")
VALUED = (*FOLDER_FLAGS, "--config-name", "-cn", "--config-path", "-cp", "--cfg", "-c", "--package",
          "-p", "--info", "-i", "--experimental-rerun")  # fmt: skip
"""Hydra's flags that take the word behind them."""
PLAIN_FABRIC = "leaf_spine"
"""The fabric that is meant where a knob of it is set and no fabric is chosen."""
BOTH, A_SERVICE = "experiment=mixed", "services=llm"
"""What is meant where an autoscaler is chosen and no service: one beside training, or its own."""
NO_SERVICE = "an autoscaler is chosen, and no service that it could scale"
TAKEN = {
    f"fabric={PLAIN_FABRIC}": "a knob of it is set, and no fabric is chosen",
    BOTH: NO_SERVICE,
    A_SERVICE: NO_SERVICE,
}
"""Words that are added to what was said, and why."""


def config_folders(words: Sequence[str]) -> Iterator[Path]:
    """Give the folders of configuration: the shipped one, then those of --config-dir."""
    yield data_dir("conf")
    for i, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag in FOLDER_FLAGS:
            yield Path(value if equals else words[i + 1] if i + 1 < len(words) else ".")


def parted(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the folders of --config-dir, and the other words; ScenarioError if one is none."""
    flagged = [i for i, word in enumerate(words) if word.partition("=")[0] in FOLDER_FLAGS]
    taken = {*flagged, *(i + 1 for i in flagged if "=" not in words[i])}
    folders = list(config_folders(words))[1:]
    if absent := [folder for folder in folders if not folder.is_dir()]:
        raise ScenarioError([f"--config-dir: {folder} is no folder" for folder in absent])
    return folders, [word for i, word in enumerate(words) if i not in taken]


def groups_of(folders: Sequence[Path]) -> dict[str, set[str]]:
    """Return each group with its choices."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*/*.yaml")):
            found.setdefault(file.parent.name, set()).add(file.stem)
    return found


def asked(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words to give to Hydra, and the faults of those that were left out."""
    words = flags_last(with_service(with_fabric(words)))
    groups = groups_of(list(config_folders(words)))
    faults, gone, kept = [], set(), []
    for word in words:
        match = OVERRIDE.fullmatch(word)
        if match and match[1] in groups and PLAIN.fullmatch(match[2]):
            valid = groups[match[1]]
            odd = [name for name in match[2].split(",") if name not in valid]
            faults += [f"{match[1]}: {name!r} is no choice; {choices(name, valid)}" for name in odd]
            if odd:
                gone.add(match[1])
                continue
        elif match and not readable(word):
            faults.append(f"{word}: cannot be read; quote the value: '{match[1]}=\"…\"'")
            continue
        kept.append(word)
    told = [word for word in kept if word.split(".")[0] not in gone]
    return [made for word in told for made in _knob(word, groups)], faults


def taken(said: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return a note for each word that `asked` added to what was said."""
    return [
        f"note: {word} is taken: {TAKEN[word]}"
        for word in words
        if word in TAKEN and word not in said
    ]


def flags_last(words: Sequence[str]) -> list[str]:
    """Return the words, knobs first: Hydra reads none behind a flag that stands behind another."""
    before = ["", *words]
    flags = [
        word.startswith("-") or (flag in VALUED and (flag in FOLDER_FLAGS or "=" not in word))
        for flag, word in zip(before, words, strict=False)
    ]
    return [word for _, word in sorted(zip(flags, words, strict=True), key=lambda one: one[0])]


def with_fabric(words: Sequence[str]) -> list[str]:
    """Return the words, and a fabric to go with knobs that have none to be set of.

    The configuration as it is shipped has no fabric; one that may have its own is left alone, and
    a word with `~`, which takes away, sets nothing.
    """
    keys = [word.lstrip("+").partition("=")[0] for word in words]
    knobs = {key.partition(".")[2] for key in keys if key.startswith("fabric.")}
    said = {key.lstrip("~") for key in keys}
    if not knobs or not said.isdisjoint({"fabric", *OTHER_CONFIGURATION}):
        return [*words]
    known = OmegaConf.load(data_dir("conf") / "fabric" / f"{PLAIN_FABRIC}.yaml")
    if not knobs <= {*known} - {"_target_"}:
        return [*words]
    at = next(i for i, key in enumerate(keys) if key.startswith("fabric."))
    return [*words[:at], f"fabric={PLAIN_FABRIC}", *words[at:]]


def with_service(words: Sequence[str]) -> list[str]:
    """Return the words, and a service to go with an autoscaler that has none.

    The experiment with a service beside training is taken; it has knobs of its cluster and its
    jobs, so that where another of those is chosen the service alone is. A word with `~`, which
    takes away, chooses none.
    """
    chosen = dict(word.lstrip("+").partition("=")[::2] for word in words)
    said = {key.lstrip("~") for key in chosen}
    scales = chosen.get("autoscaler", "none") != "none" or "autoscaler._target_" in chosen
    other = {*OTHER_CONFIGURATION, "services", "services._target_"}
    if not scales or not other.isdisjoint(said):
        return [*words]
    at = next(i for i, word in enumerate(words) if word.lstrip("+").startswith("autoscaler"))
    return [
        *words[:at],
        BOTH if {"cluster", "workload"}.isdisjoint(said) else A_SERVICE,
        *words[at:],
    ]


def readable(word: str) -> bool:
    """Return whether Hydra's grammar has such a word."""
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True


def _knob(word: str, groups: dict[str, set[str]]) -> list[str]:
    """Return what sets a knob, known or not; a nested choice takes the place of the old one."""
    match = OVERRIDE.fullmatch(word)
    if not match or match[1] in groups or match[1].split(".")[0] == "hydra":
        return [word]
    if NESTED.match(match[2]) and "." in match[1]:
        above, _, name = match[1].rpartition(".")
        if "." in above:  # told apart, so that a sweep keeps both
            return [f"++{above}={{{name}: null}}", "++" + word]
        return [f"++{match[1]}=null", "++" + word]  # it may be null already
    return ["++" + word]
