"""A sweep, compared: designs by seeds, differences paired by seed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sim import files
from sim.report import alike, breadth, lent, serving, spent, why
from sim.report.paired import Difference, paired
from sim.units import human_s

LABELS = {
    "wait_mean_s": "mean wait",
    "wait_p95_s": "wait, 95 %",
    "jct_mean_s": "mean completion",
    "bounded_slowdown_mean": "mean slowdown",
    "occupancy_frac": "occupancy",
    "makespan_s": "makespan",
    "not_completed": "jobs not completed",
    "jain_tenants": "fairness (Jain)",
    "network_slowdown_mean": "network slow-down",
}
FIRST_TO_GO = ("jain_tenants", "makespan_s", "bounded_slowdown_mean", "occupancy_frac",
               "wait_p95_s", "jct_mean_s")  # fmt: skip
CHANGE = "mean wait against the first"
QUANTITY = re.compile(r"(± )?\d[\d,.]* (ms|s|min|h|d)(?![\w=])( \d+ (s|min|h)(?![\w=]))?")
"""A time as `human_s` says it: no line breaks in it; in a name one may, after any word."""
NOISE, NOISE_S = 1e-12, 1e-6  # sums in another order differ by less
DRAWN = 30


@dataclass(frozen=True)
class Design:
    """One column of choices, over all its seeds; `values` are by metric and seed.

    `tenants` is the mean slowdown of each tenant's jobs, a mean over the seeds; `choices` are knobs
    and what they were set to; `notes` is what its runs were told; `digests` are of all numbers of a
    run, by seed.
    """

    name: str
    seeds: tuple[int, ...]
    values: Mapping[str, Mapping[int, float]]
    means: Mapping[str, float | None]
    against_first: Mapping[str, Difference | None]
    tenants: Mapping[str, float]
    choices: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    digests: Mapping[int, str] = field(default_factory=dict)

    def same(self, other: Design) -> bool:
        """Return whether another design gave the same numbers, those not compared too."""
        return (self.values, self.digests) == (other.values, other.digests)


@dataclass(frozen=True)
class Comparison:
    """Designs in order of first sight; the first is what the others are held against."""

    designs: tuple[Design, ...]

    def labels(self) -> dict[str, str]:
        """Return the metrics to show by their labels.

        Fairness and jobs not completed only where they tell something, the network only where
        there is a fabric.
        """
        fabric = any(design.values["network_slowdown_mean"] for design in self.designs)
        short = any(v for design in self.designs for v in design.values["not_completed"].values())
        fair = {v for design in self.designs for v in design.values["jain_tenants"].values()}
        jobs = {
            name: label
            for name, label in LABELS.items()
            if (name != "jain_tenants" or any(abs(v - 1.0) > NOISE for v in fair))
            and (name != "network_slowdown_mean" or fabric)
            and (name != "not_completed" or short)
        }
        return serving.labels(self.designs, jobs)

    def tables(self) -> list[tuple[str, dict[str, str]]]:
        """Return the metrics to show, by title: services and jobs apart where there are both."""
        labels = self.labels()
        of_jobs = {name: label for name, label in labels.items() if name in LABELS}
        if len(of_jobs) in (1, len(labels)):  # occupancy alone needs no table of its own
            return [("", labels)]
        served = {name: label for name, label in labels.items() if name not in LABELS}
        return [("services", served), ("jobs", of_jobs)]

    def header(self) -> list[str]:
        """Return the head of the table."""
        told = [] if serving.serves(self.designs) else [CHANGE]
        return ["design", "seeds", *self.labels().values(), *told]

    def first_to_go(self) -> list[str]:
        """Return the heads of the columns that a narrow table can do without, in this order."""
        served = (serving.LABELS[name] for name in serving.FIRST_TO_GO)
        return [*(LABELS[name] for name in FIRST_TO_GO), "seeds", *served]

    def cells(self) -> list[list[str]]:
        """Return the table's cells as text, a line a design."""
        made = []
        for i, design in enumerate(self.designs):
            shown = [said(name, design.means[name]) for name in self.labels()]
            change = design.against_first["wait_mean_s"]
            told = "–" if i == 0 or change is None else difference("wait_mean_s", change)
            last = [] if serving.serves(self.designs) else [told]
            made.append([design.name, str(len(design.seeds)), *shown, *last])
        return made


def said(name: str, value: float | None) -> str:
    """Return a number of a metric as one says it."""
    if value is None:
        return "–"
    if name.endswith("_frac"):
        return f"{100.0 * value:.1f} %"
    if name.endswith("_s"):
        return human_s(value) if abs(value) >= NOISE_S else "0 s"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def shift(name: str, change: Difference) -> str:
    """Return the mean of a paired difference, its sign said; points are points of a per cent."""
    text = said(name, abs(change.mean))
    nothing = not any(c in text for c in "123456789")
    sign = "" if nothing else "+" if change.mean > 0 else "−"
    return sign + (text.replace("%", "points") if name.endswith("_frac") else text)


def within(name: str, change: Difference) -> str:
    """Return the half-width of the interval; "" where there is none."""
    if change.half is None:
        return ""
    text = said(name, change.half)
    return f"± {text.replace('%', 'points') if name.endswith('_frac') else text}"


def difference(name: str, change: Difference) -> str:
    """Return a paired difference as one says it, with its interval where there is one."""
    interval = within(name, change)
    return f"{shift(name, change)} ({interval})" if interval else shift(name, change)


def name_of(design: Mapping[str, str]) -> str:
    """Return a design's name: its choices."""
    return " ".join(f"{key}={value}" for key, value in design.items()) or "as configured"


def comparison(rows: Sequence[Mapping[str, Any]]) -> Comparison:
    """Return the comparison of runs.

    A row is `{"design": {knob: value}, "seed": int, "metrics": {name: number or None}}`, and where
    tenants are told `"tenants": {name: mean slowdown}`, notes `"notes": [text]`, and a `"digest"`
    of all that the run found. Runs of one design and seed count once, the last of them.
    """
    runs: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        runs.setdefault(name_of(row["design"]), {})[int(row["seed"])] = row

    def known(own: Mapping[int, Mapping[str, Any]], name: str) -> dict[int, float]:
        values = {seed: own[seed]["metrics"].get(name) for seed in sorted(own)}
        return {seed: float(v) for seed, v in values.items() if v is not None}

    first = next(iter(runs.values()), {})
    designs = []
    for name, own in runs.items():
        names = ("jobs", *LABELS, *why.LABELS, *serving.LABELS)
        seen = {metric: known(own, metric) for metric in names}
        told = [own[seed] for seed in sorted(own)]
        designs.append(
            Design(
                name,
                tuple(sorted(own)),
                seen,
                {m: float(np.mean(list(v.values()))) if v else None for m, v in seen.items()},
                {m: paired(v, known(first, m)) for m, v in seen.items()},
                means_of([row.get("tenants", {}) for row in told]),
                dict(told[0]["design"]),
                tuple(dict.fromkeys(note for row in told for note in row.get("notes", []))),
                {int(row["seed"]): row["digest"] for row in told if "digest" in row},
            )
        )
    return Comparison(tuple(designs))


def means_of(told: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each name over the mappings that have it, names in order."""
    names = sorted({name for one in told for name in one})
    return {n: float(np.mean([one[n] for one in told if n in one])) for n in names}


def best_of(made: Comparison) -> Design | None:
    """Return the design of the shortest mean wait, the first of them; None if none is known."""
    if serving.serves(made.designs):
        return spent.best_of(made.designs)
    known = [d for d in made.designs if d.means["wait_mean_s"] is not None]
    return min(known, key=lambda d: d.means["wait_mean_s"] or 0.0, default=None)


def answer(made: Comparison) -> str:
    """Return the comparison in one sentence: what waits least, and how sure that is."""
    if serving.serves(made.designs):
        return spent.answer(made)
    best, first = best_of(made), made.designs[0] if made.designs else None
    if best is None or first is None:
        return "No design has a wait to compare."
    wait = said("wait_mean_s", best.means["wait_mean_s"])
    if len(made.designs) > 1 and all(d.same(best) for d in made.designs):
        return f"It does not matter which: {wait} of mean wait, and all else alike too."
    text = f"{best.name} waits least: {wait} on average"
    change = best.against_first["wait_mean_s"]
    if best is first or change is None:
        return f"{text}, over {len(best.seeds)} seed{'s' if len(best.seeds) > 1 else ''}."
    text = f"{text}, {difference('wait_mean_s', change)} against {first.name}"
    if change.half is None and change.seeds > 1:
        text = f"{text}. No seed changes it, nothing is drawn: resample the trace to see chance."
    elif change.half is None:
        text = f"{text}. One common seed says nothing of chance: ask with more."
    elif not change.clear:
        return f"{text}; that may be chance."
    else:
        text = f"{text}."
    short = (best.means["not_completed"] or 0.0) - (first.means["not_completed"] or 0.0)
    if short > NOISE:
        text += f" But it completes {said('', short)} jobs fewer: not the same work is compared."
    return f"{text} {why.reason(best.means, first.means)}".rstrip()


def broad(made: Comparison, name: str, label: str) -> float:
    """Return how broad the column of a metric becomes, em."""
    changes = [c for design in made.designs[1:] if (c := design.against_first[name])]
    below = (text(name, c) for c in changes for text in (shift, within))
    return breadth.of_column(label, (said(name, d.means[name]) for d in made.designs), below)


def page(made: Comparison) -> str:
    """Return the comparison as one self-contained page of HTML."""
    from sim.report import curve, dots, figures
    from sim.report.html import environment

    drawn = made.designs[:DRAWN]
    names = [design.name for design in drawn]
    shown = {"wait_mean_s": "Mean wait", "jct_mean_s": "Mean completion time"}
    if "network_slowdown_mean" in made.labels():
        shown["network_slowdown_mean"] = "Mean slow-down by the network"
    fair = [d.tenants for d in drawn]
    widths = (figures.BROAD, figures.NARROW)
    text: str = environment().get_template("compare.html.j2").render(
        designs=made.designs,
        tables=made.tables(),
        grounds=(told := why.grounds(made)),
        waited=any(why.BECAUSE.keys() & labels for _, labels in told),
        answer=QUANTITY.sub(lambda m: m[0].replace(" ", "\N{NO-BREAK SPACE}"), answer(made)),
        also=[QUANTITY.sub(lambda m: m[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
              for text in (*alike.alike(made.designs), *lent.against(made.designs))],
        best=best_of(made),
        said=said,
        shift=shift,
        within=within,
        who_em=(who_em := breadth.of_names(design.name for design in made.designs)),
        beside=lambda groups, whole: breadth.beside(
            groups, partial(broad, made), breadth.ROOM_EM - who_em - breadth.SEEDS_EM * whole
        ),
        intervals=any(c and c.half is not None for d in made.designs[1:]
                      for c in d.against_first.values()),
        hidden=len(made.designs) - len(drawn),
        figures={
            label: [
                dots.dots(names, [d.values[name] for d in drawn], label, width,
                          times=name.endswith("_s"))
                for width in widths
            ]
            for name, label in shown.items()
            if not serving.serves(drawn) or any(d.values[name] for d in drawn)
        },
        swept=(curve.swept(made.designs) or ("",))[0],
        curve=[curve.curve(made.designs, shown, width) for width in widths],
        cost=[serving.cost(drawn, width) for width in widths] if serving.serves(drawn) else [],
        tenants=[dots.dots(names, fair, "mean slowdown of a tenant's jobs", width, "tenant", False)
                 for width in widths] if any(len(one) > 1 for one in fair) else [],
    )  # fmt: skip
    return text


def write_comparison(made: Comparison, path: str | Path) -> Path:
    """Write the comparison page and return where it lies."""
    files.write(path, page(made))
    return Path(path)
