"""`rackplan services screen` and `search`: how many replicas of which GPUs, without a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir

from sim.app.asked import FOLDER_FLAGS, asked, parted
from sim.app.build import GROUPS, KNOBS, question
from sim.app.check import quantity
from sim.app.guard import guard_hydra
from sim.app.terminal import counted, grid
from sim.app.verbs import answered
from sim.errors import ScenarioError, choices
from sim.files import data_dir
from sim.physics.calibration import ALIASES, Key, named
from sim.rng import Streams
from sim.state.services import Serving
from sim.study.capacity import Found, busiest, fitting, is_row, search
from sim.study.capacity_apart import FoundApart, search_apart
from sim.study.ranks import online
from sim.workload.requests import Requests

Lines = tuple[list[str], list[float], list[float]]
"""Of each choice its name, its GPUs, exact and by the closed form; nan: none."""

USAGE = """rackplan services screen experiment=serving
rackplan services search experiment=serving share_frac=99% draw=capacity.svg
  screen: closed forms only; search: the fewest replicas that meet the SLO, by the exact kernel;
          of pools apart the fewest GPUs of both
  model=llama_70b     one model; else all whose step times are known, and one's own
  share_frac=99%      of requests that must have the SLO
  window_s=1h         the busiest so long of the requests is asked
  draw=FILE.svg       the GPUs of each choice as a figure
  --config-dir FOLDER a folder with a services/, an experiment/ of your own
  and any knob of a run, such as services.requests.rate_per_s=100 services.slo_tpot_s=40ms"""
OWN: dict[str, str] = {"model": "", "share_frac": "0.99", "window_s": "3600", "draw": ""}
SCREENED = (
    "by the mean, default service: 0 to 56 % fewer than search finds; at other rates, gaps and "
    "SLOs 0 to 75 % fewer, most where a step is near the SLO",
    "by square root, default service: 32 % fewer to 150 % more; at others 57 % fewer to 300 % more",
)
"""How far the closed forms are from the exact kernel: docs/capacity.md."""
KNOWN = {*GROUPS, *KNOBS, "experiment", "hydra"}


def told(given: Sequence[str]) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return the command's own knobs, the words for Hydra, and the faults of both."""
    own: dict[str, Any] = dict(OWN)
    rest, faults = [], list[str]()
    for word in given:
        name, equals, value = word.partition("=")
        if equals and name in OWN:
            own[name] = value
        elif equals and name.isidentifier() and name not in KNOWN:
            faults.append(f"{name}: is not known; {choices(name, {*OWN, *KNOWN} - {'hydra'})}")
        elif name.startswith("-") and name not in FOLDER_FLAGS:
            faults.append(f"{name}: is no flag of this command; it has {FOLDER_FLAGS[0]} alone")
        else:
            rest.append(word)
    for name, most in (("share_frac", 1.0), ("window_s", math.inf)):
        own[name] = quantity(name, own[name], faults)
        if own[name] is not None and not 0.0 < own[name] < most:
            below = "" if most == math.inf else f", below {most:g}"
            faults.append(f"{name}: is {own[name]:g}; must be above 0{below}")
    if own["draw"] and not own["draw"].endswith(".svg"):
        faults.append(f"draw: is {own['draw']!r}; must be a file that ends in .svg")
    known = {key[1] for key in fitting()}
    if own["model"] and named(own["model"]) not in known:
        valid = [name for name, model in ALIASES.items() if model in known]
        faults.append(f"model: {own['model']!r} has no step times; {choices(own['model'], valid)}")
    words, left_out = asked(rest)
    return own, words, [*faults, *left_out]


def composed(words: Sequence[str], faults: Sequence[str] = ()) -> tuple[Any, int]:
    """Return the scenario of these words, and its seed; its faults are told with those before."""
    guard_hydra()
    folders, knobs = parted(words)
    if folders:  # as Hydra's own flag has it: after the shipped ones
        sources = ", ".join(f'"file://{folder.absolute()}"' for folder in folders)
        knobs.append(f"hydra.searchpath=[{sources}]")
    with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
        config = compose("config", knobs)
    try:
        whole, plain = question(config, [Path.cwd()], knobs)
    except ScenarioError as error:
        raise ScenarioError([*faults, *error.issues]) from None
    if faults:
        raise ScenarioError(faults)
    return whole, int(plain["seed"])


def label(key: Key | None) -> str:
    """Return a choice in words."""
    if key is None:
        return "as configured"
    gpu, model, gpus, bits, software = key
    return f"{model}, {gpus} {gpu}, {bits} bit, {software}"


def number(value: float | None, form: str = ",.0f") -> str:
    """Return a number in words, a dash for none."""
    return "–" if value is None or not np.isfinite(value) else format(value, form)


def printed(title: str, columns: list[tuple[str, list[str]]], first_to_go: Sequence[str]) -> None:
    """Print a row a choice."""
    rows = [list(row) for row in zip(*(cells for _, cells in columns), strict=True)]
    grid(title, [name for name, _ in columns], rows, first_to_go)


def costs(usd_h: Sequence[float | None], tokens_h: float) -> list[tuple[str, list[str]]]:
    """Return the columns of what an hour costs, and a million of the output tokens asked in it."""
    each = [None if usd is None else 1e6 * usd / tokens_h for usd in usd_h]
    told = ("usd an hour", usd_h), ("usd a million tokens", each)
    return [(name, [number(usd, ",.2f") for usd in of]) for name, of in told]


def tokens_per_h(asks: Requests, window_s: float) -> float:
    """Return the output tokens an hour that are asked in the busiest `window_s`."""
    at_s, _, output = busiest(asks, window_s)
    return 3600.0 * float(output.sum()) / max(float(at_s[-1]), 1e-9)


def shown(
    title: str, found: Sequence[Found], exact: bool, price: Any, of: Serving, tokens_h: float
) -> Lines:
    """Print a row a choice, and how far the closed forms are from it; return what is drawn."""
    columns = [
        ("choice", [label(one.key) for one in found]),
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
        columns.append(("GPUs by mean", [number(one.mean * one.each) for one in found]))
    if exact and price:
        usd = [of.gpu_h_usd if one.key is None else price.get(one.key[0]) for one in found]
        cost = [None if one.gpus is None or h_usd is None else one.gpus * h_usd
                for one, h_usd in zip(found, usd, strict=True)]  # fmt: skip
        columns += costs(cost, tokens_h)
    printed(title, columns, ("TPOT, ms", "by square root"))
    for text in errors(found):
        print(text)
    if not exact:
        for text in SCREENED:
            print(text)
    mean = [one.mean * one.each if np.isfinite(one.mean) else np.nan for one in found]
    gpus = [np.nan if one.gpus is None else one.gpus for one in found]
    return columns[0][1], gpus, mean


def shown_apart(
    title: str, found: Sequence[FoundApart], exact: bool, price: Any,
    pools: tuple[Serving, Serving], tokens_h: float,
) -> Lines:  # fmt: skip
    """As `shown`, of two pools."""
    names = [label(one.key) for one in found]
    columns = [
        ("choice", names),
        ("prompts: closed form", [number(one.screened[0]) for one in found]),
    ]
    columns.append(("decoding: closed form", [number(one.screened[1]) for one in found]))
    if exact:
        for i, name in enumerate(("prompts", "decoding")):
            some = [None if one.replicas is None else one.replicas[i] for one in found]
            columns.append((name, [number(value) for value in some]))
        columns.append(("within the SLO", [number(100 * one.attained, ".2f") for one in found]))
    guess = [one.total(one.screened) for one in found]
    guess = [value if np.isfinite(value) else np.nan for value in guess]
    gpus = [np.nan if one.gpus is None else float(one.gpus) for one in found]
    columns.append(("GPUs", [number(value) for value in (gpus if exact else guess)]))
    if exact and price:
        columns += costs([paid(one, price, pools) for one in found], tokens_h)
    printed(title, columns, ("prompts: closed form", "decoding: closed form"))
    off = [100.0 * (a / b - 1.0) for a, b in zip(guess, gpus, strict=True) if np.isfinite(a / b)]
    if off:
        print(f"GPUs by closed form: {min(off):+.0f} to {max(off):+.0f} % of the exact kernel's")
    if not exact:
        print("by closed form: with the default SLO and tokens, 5 to 150 requests a second, gaps "
              "of cv 1 to 4, 17 % fewer to 50 % more than search finds; up to 64 % fewer where the "
              "SLO is near the longest prompts")  # fmt: skip
    return names, gpus, guess


def paid(one: FoundApart, price: Any, pools: tuple[Serving, Serving]) -> float | None:
    """Return what an hour of a choice costs; None where a type has no price."""
    each: list[float | None] = [
        of.gpu_h_usd if one.key is None else price.get(one.key[0]) for of in pools
    ]
    if one.replicas is None or None in each:
        return None
    return sum(n * g * (usd or 0.0) for n, g, usd in zip(one.replicas, one.each, each, strict=True))


def errors(found: Sequence[Found]) -> Iterator[str]:
    """Give in words how far each closed form is from the exact kernel."""
    known = [one for one in found if one.replicas is not None]
    for name, field in (("the mean", "mean"), ("the square root", "staffed")):
        off = [100.0 * (getattr(one, field) / (one.replicas or 1) - 1.0) for one in known]
        if off:
            yield f"replicas by {name}: {min(off):+.0f} to {max(off):+.0f} % of the exact kernel's"


def unseen(pools: Sequence[Serving]) -> Iterator[str]:
    """Give in words what of a service, or of its two pools, the closed forms do not know."""
    first, left_out = pools[0], list[str]()
    if first.order is not None:
        left_out.append("priorities (every request is taken as any other)")
    if first.slo_by_class and len(pools) == 1:
        left_out.append("the SLO of a class (all have the service's own)")
    bends = any(of.decode_more_s or of.mixed_more_s for of in pools)
    if bends:
        left_out.append("what tiles of tokens add to a step (its line alone is taken)")
    if left_out:
        yield "closed forms leave out " + "; ".join(left_out)


def itself(pools: Sequence[Serving], model: str | None) -> bool:
    """Return whether a service as configured is a choice: no row, and of no other model."""
    mine = all(model is None or of.model in (None, model) for of in pools)
    return mine and (len(pools) > 1 or not is_row(pools[0]))


def answer(given: Sequence[str], exact: bool) -> None:
    """Print what each service needs on each choice of hardware; RackplanError if faulty."""
    own, words, faults = told(given)
    whole, seed = composed(words, faults)
    listed = whole.services.listed()
    if not listed:
        raise ScenarioError(["services: there is none; must be one, as in experiment=serving"])
    model = named(own["model"]) if own["model"] else None
    keys = fitting(model)
    firsts = [i for i, (of, _) in enumerate(listed) if of.link is None]
    for i in firsts:
        of, requests = listed[i]
        asks = online(of, requests.requests(Streams(seed), of.name))
        wanted = own["share_frac"], own["window_s"], seed, exact
        slo = f"TTFT {of.slo_ttft_s:g} s and TPOT {1e3 * of.slo_tpot_s:g} ms"
        share = f"{100 * own['share_frac']:g} % of the busiest {own['window_s']:g} s"
        title, price = f"{of.name}: {slo} for {share}", getattr(whole.services, "gpu_h_usd", None)
        tokens_h = tokens_per_h(asks, own["window_s"])
        pools: tuple[Serving, ...] = (of, listed[i + 1][0]) if of.pool else (of,)
        choices_of: list[Key | None] = [None, *keys] if itself(pools, model) else [*keys]
        if of.pool:
            both = pools[0], pools[1]
            apart = search_apart(both, asks, choices_of, *wanted)
            pairs = list(counted(of.name, apart, len(choices_of), "choices of hardware"))
            lines = shown_apart(title, pairs, exact, price, both, tokens_h)
        else:
            rows = search(of, asks, choices_of, *wanted)
            found = list(counted(of.name, rows, len(choices_of), "choices of hardware"))
            lines = shown(title, found, exact, price, of, tokens_h)
        for text in unseen(pools):
            print(text)
        if own["draw"]:
            from sim.report import write_capacity

            out = Path(own["draw"])
            out = out if len(firsts) == 1 else out.with_name(f"{of.name}-{out.name}")
            write_capacity(*lines, out)
            print(f"figure: {out}")


def main(given: Sequence[str]) -> int:
    """Run `rackplan services …`: 0, or 2 for a fault of the user's."""
    return answered(given, USAGE, {"screen": partial(answer, exact=False),
                                   "search": partial(answer, exact=True)})  # fmt: skip
