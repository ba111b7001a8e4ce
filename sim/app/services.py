"""`rackplan services screen` and `search`: how many replicas of which GPUs, without a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir

from sim.app.asked import FOLDER_FLAGS, asked, parted, taken
from sim.app.build import GROUPS, KNOBS, question
from sim.app.capacity import Lines, shown, shown_apart, tokens_per_h
from sim.app.check import quantity
from sim.app.guard import guard_hydra
from sim.app.hardware import at_best, faults_of_all, judged, on, parts, reasons
from sim.app.terminal import counted
from sim.app.verbs import answered
from sim.errors import ScenarioError, choices
from sim.files import data_dir
from sim.physics.calibration import ALIASES, Key, named
from sim.rng import Streams
from sim.state.services import Serving
from sim.study import Scenario
from sim.study.capacity import fitting, is_row, search
from sim.study.capacity_apart import search_apart
from sim.study.ranks import online
from sim.workload.requests import Requests

USAGE = """rackplan services screen experiment=serving
rackplan services search experiment=serving share_frac=99% draw=capacity.svg
  screen: closed forms only; search: the fewest replicas that meet the SLO, by the exact kernel;
          of pools apart the fewest GPUs of both
          a choice that does not do, the configured one too, is told with the reason
  model=llama_70b     one model; else all whose step times are known, and one's own
  share_frac=99%      of requests that must have the SLO
  window_s=1h         the busiest so long of the requests is asked
  draw=FILE.svg       the GPUs of each choice as a figure
  --config-dir FOLDER a folder with a services/, an experiment/ of your own
  and any knob of a run, such as services.requests.rate_per_s=100 services.slo_tpot_s=40ms"""
OWN: dict[str, str] = {"model": "", "share_frac": "0.99", "window_s": "3600", "draw": ""}
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


def composed(
    words: Sequence[str], faults: Sequence[str] = (), keys: Sequence[Key] | None = None
) -> tuple[Scenario, int]:
    """Return the scenario of these words, and its seed; its faults are told with those before.

    With choices of hardware (`keys`) what is wrong with some of them only, that of the
    configuration too, is none.
    """
    guard_hydra()
    folders, knobs = parted(words)
    if folders:  # as Hydra's own flag has it: after the shipped ones
        sources = ", ".join(f'"file://{folder.absolute()}"' for folder in folders)
        knobs.append(f"hydra.searchpath=[{sources}]")
    with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
        config = compose("config", knobs)
    issues = Scenario.issues if keys is None else partial(faults_of_all, keys=keys)
    try:
        whole, plain = question(config, [Path.cwd()], knobs, issues)
    except ScenarioError as error:
        raise ScenarioError([*faults, *error.issues]) from None
    if faults:
        raise ScenarioError(faults)
    return whole, int(plain["seed"])


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
    for text in taken(given, words):
        print(text)
    model = named(own["model"]) if own["model"] else None
    keys = fitting(model)
    whole, seed = composed(words, faults, keys)
    best = at_best(whole.services, "services", keys).listed()
    many = sum(of.link is None for of, _ in best)
    if not many:
        raise ScenarioError(["services: there is none; must be one, as in experiment=serving"])
    for path, part in parts(whole.services):
        against = judged(part, path, keys)
        listed = on(part, next(key for key in against if not against[key])).listed()
        for i in [i for i, (of, _) in enumerate(listed) if of.link is None]:
            of, requests = listed[i]
            pools: tuple[Serving, ...] = (of, listed[i + 1][0]) if of.pool else (of,)
            every: list[Key | None] = [None, *keys] if itself(pools, model) else [*keys]
            able = [key for key in every if not against[key]]
            if not able:
                raise ScenarioError(reasons({key: against[key] for key in keys}))
            asks = online(of, requests.requests(Streams(seed), of.name))
            wanted = own["share_frac"], own["window_s"], seed, exact
            lines, whys = sized(pools, asks, able, wanted, getattr(part, "gpu_h_usd", None))
            for text in [*reasons(against | whys), *unseen(pools)]:
                print(text)
            if own["draw"]:
                out = Path(own["draw"])
                drawn(lines, out if many == 1 else out.with_name(f"{of.name}-{out.name}"))


def sized(
    pools: tuple[Serving, ...], asks: Requests, able: Sequence[Key | None],
    wanted: tuple[float, float, int, bool], price: Any,
) -> tuple[Lines, dict[Key | None, list[str]]]:  # fmt: skip
    """Print what a service needs on choices; return what is drawn, and why some do not do."""
    of, (share, window_s, _, exact) = pools[0], wanted
    slo = f"TTFT {of.slo_ttft_s:g} s and TPOT {1e3 * of.slo_tpot_s:g} ms"
    title = f"{of.name}: {slo} for {100 * share:g} % of the busiest {window_s:g} s"
    tokens_h = tokens_per_h(asks, window_s)
    told_of = of.name, len(able), "choices of hardware"
    if len(pools) == 2:
        both = pools[0], pools[1]
        pairs = list(counted(told_of[0], search_apart(both, asks, able, *wanted), *told_of[1:]))
        lines = shown_apart(title, pairs, exact, price, both, tokens_h)
        return lines, {one.key: [one.why] for one in pairs if one.why}
    found = list(counted(told_of[0], search(of, asks, able, *wanted), *told_of[1:]))
    lines = shown(title, found, exact, price, of, tokens_h)
    return lines, {one.key: [one.why] for one in found if one.why}


def drawn(lines: Lines, out: Path) -> None:
    """Draw what was found."""
    from sim.report import write_capacity

    write_capacity(*lines, out)
    print(f"figure: {out}")


def main(given: Sequence[str]) -> int:
    """Run `rackplan services …`: 0, or 2 for a fault of the user's."""
    return answered(given, USAGE, {"screen": partial(answer, exact=False),
                                   "search": partial(answer, exact=True)})  # fmt: skip
