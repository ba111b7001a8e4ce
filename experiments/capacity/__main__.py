"""`python -m experiments.capacity`: write docs/capacity.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from sim.files import write
from sim.physics.calibration import Key
from sim.rng import Streams
from sim.state.services import Serving
from sim.study.capacity import Found, fitting, search
from sim.workload import Gamma, Profile
from sim.workload.requests import DrawnRequests
from sim.workload.services import LlmService, ModelReplica

DAILY = (0.5, 0.43, 0.4, 0.4, 0.45, 0.55, 0.7, 0.9, 1.15, 1.35, 1.45, 1.5,
         1.5, 1.55, 1.6, 1.6, 1.55, 1.45, 1.3, 1.2, 1.1, 0.95, 0.8, 0.62)  # fmt: skip
DAY = DrawnRequests(20.0, 86400.0, Profile(Gamma(2.0), DAILY, (1, 1, 1, 1, 1, 0.7, 0.7)))
"""What the default service is asked: its busiest hour is looked at."""
RATES_PER_S, CVS, WHILE_S = (5.0, 20.0, 50.0, 150.0), (1.0, 2.0, 4.0), 1200.0
SLOS_S = (0.02, 0.03, 0.1)
"""A token, instead of the default; asked of the second rate and the second spread of gaps."""
SHARE = 0.99
OF = LlmService(replica=ModelReplica()).listed()[0][0]
HEAD = f"""# The closed forms of a service beside the exact kernel

Made by `python -m experiments.capacity`. The fewest replicas with {100 * SHARE:g} % of requests
within {OF.slo_ttft_s:g} s and {1e3 * OF.slo_tpot_s:g} ms a token, as `rackplan services search`
finds them; in brackets by the mean and by square root, as `rackplan services screen` has them.
Prompts and answers are those of the default service.

"""


SETS = {
    "day": "The default service in its busiest hour",
    "cv": f"{RATES_PER_S[0]:g} to {RATES_PER_S[-1]:g} requests a second, gaps of cv {CVS[0]:g} to "
    f"{CVS[-1]:g}, {WHILE_S / 60:g} min each",
    "SLO": f"{1e3 * SLOS_S[0]:g} to {1e3 * SLOS_S[-1]:g} ms a token, {RATES_PER_S[1]:g} a second, "
    f"cv {CVS[1]:g}",
}
"""What each kind of table holds, by how its name begins."""
TITLES = {"day": "the default day", "SLO": "a token within"}


def cases() -> Iterator[tuple[str, str, Serving, DrawnRequests]]:
    """Give what is asked, its table first: the default day, rates and gaps that stay, SLOs."""
    yield "day", "its busiest hour", OF, DAY
    for cv in CVS:
        for rate in RATES_PER_S:
            yield f"cv {cv:g}", f"{rate:g}/s", OF, DrawnRequests(rate, WHILE_S, Gamma(cv))
    asks = DrawnRequests(RATES_PER_S[1], WHILE_S, Gamma(CVS[1]))
    for slo_s in SLOS_S:
        yield "SLO", f"{1e3 * slo_s:g} ms", OF._replace(slo_tpot_s=slo_s), asks


def found(of: Serving, asks: DrawnRequests, keys: Iterable[Key], seed: int = 1) -> list[Found]:
    """Return what is found for these requests on these choices of hardware."""
    return list(search(of, asks.requests(Streams(seed), of.name), list(keys), SHARE, seed=seed))


def cell(one: Found) -> str:
    """Return what was found: exact, and in brackets by the mean and by square root."""
    if one.replicas is None:
        return "–"
    return f"{one.replicas} ({one.mean:.0f}, {one.staffed:.0f})"


def off(by: float, exact: int) -> float:
    """Return how far replicas are from what was found, in %."""
    return 100.0 * (by / exact - 1.0)


def spread(some: Iterable[Found]) -> str:
    """Return in words how far both forms are from what was found."""
    known = [(one.mean, one.staffed, one.replicas) for one in some if one.replicas]
    mean, root = ([off(row[i], row[2]) for row in known] for i in (0, 1))
    each = (
        f"{name} {min(of):+.0f} to {max(of):+.0f} %, in the middle {np.median(of):+.0f} %"
        for name, of in (("by the mean", mean), ("by square root", root))
    )
    return "; ".join(each).replace("-", "−")


def told(key: Key, cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return f"| {key[1]}, {key[2]} {key[0]}, {key[3]} bit, {key[4]} | {' | '.join(cells)} |"


def main() -> None:
    """Search all and write the page."""
    keys, tables = fitting(), dict[str, dict[str, list[Found]]]()
    for table, name, of, asks in cases():
        tables.setdefault(table, {})[name] = found(of, asks, keys)
        print(f"{table}, {name}: {spread(tables[table][name])}", flush=True)
    lines = []
    for start, what in SETS.items():
        some = [one for t, columns in tables.items() if t.startswith(start)
                for column in columns.values() for one in column]  # fmt: skip
        lines.append(
            f"- {what}, {len([one for one in some if one.replicas])} cells: {spread(some)}"
        )
    for table, columns in tables.items():
        lines += ["", f"| {TITLES.get(table, table)} | {' | '.join(columns)} |"]
        lines.append(f"|---|{'---:|' * len(columns)}")
        for i, key in enumerate(keys):
            lines.append(told(key, (cell(column[i]) for column in columns.values())))
    write(Path("docs") / "capacity.md", HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
