"""`rackplan services screen` and `search`: how many replicas of which GPUs, without a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir

from sim.app.asked import asked, parted
from sim.app.build import question
from sim.app.check import choices, quantity
from sim.app.guard import guard_hydra
from sim.app.terminal import counted, grid
from sim.app.verbs import answered
from sim.errors import ScenarioError
from sim.files import data_dir
from sim.physics.calibration import ALIASES, named
from sim.rng import Streams
from sim.study.capacity import Found, fitting, search
from sim.study.ranks import online

USAGE = """rackplan services screen experiment=serving
rackplan services search experiment=serving share_frac=99% draw=capacity.svg
  screen: closed forms only; search: the fewest replicas that meet the SLO, by the exact kernel
  model=llama_70b     one model; else all whose step times are known
  share_frac=99%      of requests that must have the SLO
  window_s=1h         the busiest so long of the requests is asked
  draw=FILE.svg       the GPUs of each choice as a figure
  --config-dir FOLDER a folder with a services/, an experiment/ of your own
  and any knob of a run, such as services.requests.rate_per_s=100 services.slo_tpot_s=40ms"""
OWN: dict[str, str] = {"model": "", "share_frac": "0.99", "window_s": "3600", "draw": ""}


def told(given: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the command's own knobs, and the words for Hydra; ScenarioError holds all faults."""
    own: dict[str, Any] = dict(OWN)
    rest, faults = [], list[str]()
    for word in given:
        name, equals, value = word.partition("=")
        if equals and name in OWN:
            own[name] = value
        else:
            rest.append(word)
    for name in ("share_frac", "window_s"):
        own[name] = quantity(name, own[name], faults)
    if not faults and not 0.0 < own["share_frac"] < 1.0:
        faults.append(f"share_frac: is {own['share_frac']:g}; must be above 0, below 1")
    if not faults and not own["window_s"] > 0.0:
        faults.append(f"window_s: is {own['window_s']:g}; must be above 0")
    if own["draw"] and not own["draw"].endswith(".svg"):
        faults.append(f"draw: is {own['draw']!r}; must be a file that ends in .svg")
    known = {key[1] for key in fitting()}
    if own["model"] and named(own["model"]) not in known:
        valid = [name for name, model in ALIASES.items() if model in known]
        faults.append(f"model: {own['model']!r} has no step times; {choices(own['model'], valid)}")
    words, left_out = asked(rest)
    if faults or left_out:
        raise ScenarioError([*faults, *left_out])
    return own, words


def composed(words: Sequence[str]) -> tuple[Any, int]:
    """Return the scenario of these words, and its seed."""
    guard_hydra()
    folders, knobs = parted(words)
    if folders:  # as Hydra's own flag has it: after the shipped ones
        sources = ", ".join(f'"file://{folder.absolute()}"' for folder in folders)
        knobs.append(f"hydra.searchpath=[{sources}]")
    with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
        config = compose("config", knobs)
    whole, plain = question(config, [Path.cwd()], knobs)
    return whole, int(plain["seed"])


def label(one: Found) -> str:
    """Return a choice in words."""
    gpu, model, gpus, bits, software = one.key
    return f"{model}, {gpus} {gpu}, {bits} bit, {software}"


def shown(title: str, found: Sequence[Found], exact: bool, price: Any) -> None:
    """Print a row a choice."""

    def number(value: float | None, form: str = ",.0f") -> str:
        return "–" if value is None or not np.isfinite(value) else format(value, form)

    columns = [
        ("choice", [label(one) for one in found]),
        ("requests/s each", [number(one.most_per_s, ",.2f") for one in found]),
        ("TPOT, ms", [number(1e3 * one.tpot_s, ",.1f") for one in found]),
        ("replicas by mean", [number(one.mean) for one in found]),
        ("by square root", [number(one.staffed) for one in found]),
    ]
    if exact:
        columns.append(("exact", [number(one.replicas) for one in found]))
        columns.append(("within the SLO", [number(100 * one.attained, ".2f") for one in found]))
        columns.append(("GPUs", [number(one.gpus) for one in found]))
    else:
        columns.append(("GPUs by mean", [number(one.mean * one.key[2]) for one in found]))
    if exact and price:
        cost = [None if one.gpus is None or one.key[0] not in price else
                one.gpus * price[one.key[0]] for one in found]  # fmt: skip
        columns.append(("usd an hour", [number(value, ",.2f") for value in cost]))
    rows = [list(row) for row in zip(*(cells for _, cells in columns), strict=True)]
    grid(title, [name for name, _ in columns], rows, ("TPOT, ms", "by square root"))


def errors(found: Sequence[Found]) -> Iterator[str]:
    """Give in words how far each closed form is from the exact kernel."""
    known = [one for one in found if one.replicas is not None]
    for name, field in (("the mean", "mean"), ("the square root", "staffed")):
        off = [100.0 * (getattr(one, field) / (one.replicas or 1) - 1.0) for one in known]
        if off:
            yield f"replicas by {name}: {min(off):+.0f} to {max(off):+.0f} % of the exact kernel's"


def answer(given: Sequence[str], exact: bool) -> None:
    """Print what each service needs on each choice of hardware; RackplanError if faulty."""
    own, words = told(given)
    whole, seed = composed(words)
    listed = whole.services.listed()
    if any(of.pool for of, _ in listed):
        raise ScenarioError([
            "services: computes prompts and decodes on pools apart; screen and search know "
            "replicas that do both: take services=llm, or compare runs with -m"
        ])  # fmt: skip
    if not listed:
        raise ScenarioError(["services: there is none; must be one, as in experiment=serving"])
    keys = fitting(named(own["model"]) if own["model"] else None)
    for of, requests in listed:
        asks = online(of, requests.requests(Streams(seed), of.name))
        rows = search(of, asks, keys, own["share_frac"], own["window_s"], seed, exact)
        found = list(counted(of.name, rows, len(keys), "choices of hardware"))
        slo = f"TTFT {of.slo_ttft_s:g} s and TPOT {1e3 * of.slo_tpot_s:g} ms"
        share = f"{100 * own['share_frac']:g} % of the busiest {own['window_s']:g} s"
        shown(
            f"{of.name}: {slo} for {share}",
            found,
            exact,
            getattr(whole.services, "gpu_h_usd", None),
        )
        for text in errors(found):
            print(text)
        if not exact:
            print("by the mean: with the default service 0 to 56 % fewer than search finds, most "
                  "where a step is near the SLO")  # fmt: skip
        if own["draw"]:
            from sim.report import write_capacity

            out = Path(own["draw"])
            out = out if len(listed) == 1 else out.with_name(f"{of.name}-{out.name}")
            mean = [one.mean * one.key[2] if np.isfinite(one.mean) else np.nan for one in found]
            gpus = [np.nan if one.gpus is None else one.gpus for one in found]
            write_capacity([label(one) for one in found], gpus, mean, out)
            print(f"figure: {out}")


def main(given: Sequence[str]) -> int:
    """Run `rackplan services …`: 0, or 2 for a fault of the user's."""
    return answered(given, USAGE, {"screen": partial(answer, exact=False),
                                   "search": partial(answer, exact=True)})  # fmt: skip
