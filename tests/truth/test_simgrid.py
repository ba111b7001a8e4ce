"""Rates and finish times of SimGrid, equal for every flow.

Source: shared/groundtruth/simgrid (3.32, latency 0, fair shares), printed with 12 digits; not
shipped. 1e-9 is what the truth's own precision setting allows.
"""

import csv
import json

import numpy as np
import pytest

from sim.kernel.flows import Sharing, finish_times, max_min
from tests.conftest import shared

CASES = ("c01_leafspine64_perm", "c03_fattree128_random512", "c04_fattree128_dynamic1000",
         "c06_parkinglot", "c07_torus4x4x4", "c09_rail1024_oversub4")  # fmt: skip


def table(case, name):
    """Return the rows of the one file of a case that begins so."""
    (path,) = shared("groundtruth", "simgrid", case).glob(f"{name}*.csv")
    with path.open() as file:
        return list(csv.DictReader(file))


def system(case):
    """Return (capacity, first, link, rows of flows)."""
    capacity = np.array([float(r["capacity"]) for r in table(case, "links")])
    rows = table(case, "flows")
    paths = [[int(x) for x in r["path"].split(";")] for r in rows]
    first = np.cumsum([0, *map(len, paths)])
    return capacity, first, np.concatenate(paths), rows


@pytest.mark.parametrize("case", CASES)
def test_rates_of_all_flows_at_once(case):
    capacity, first, link, _ = system(case)
    truth = [float(r["rate"]) for r in table(case, "rates")]
    np.testing.assert_allclose(max_min(capacity, first, link), truth, rtol=1e-9)


@pytest.mark.heavy
@pytest.mark.parametrize("case", CASES)
def test_finish_times(case):
    capacity, first, link, rows = system(case)
    start, size = ([float(r[c]) for r in rows] for c in ("start", "bytes"))
    truth = [float(r["finish"]) for r in table(case, "finish")]
    ours = finish_times(capacity, first, link, start, size)
    np.testing.assert_allclose(ours, truth, rtol=1e-9)


def units():
    """Return the small systems, by name."""
    with shared("groundtruth", "simgrid", "unit_lmm.json").open() as file:
        return json.load(file)


def test_small_systems_with_weights_penalties_bounds_and_fatpipes():
    for unit in units():
        flows = unit["variables"]
        first = np.cumsum([0, *(len(f["uses"]) for f in flows)])
        link = [x for f in flows for x, _ in f["uses"]]
        weight = [a for f in flows for _, a in f["uses"]]
        penalty = [f["penalty"] for f in flows]
        bound = [f.get("bound", np.inf) for f in flows]
        fat = np.isin(np.arange(len(unit["capacities"])), unit["fatpipe"])
        ours = max_min(unit["capacities"], first, link, weight, penalty, bound, fat)
        np.testing.assert_allclose(ours, unit["expected"], rtol=1e-9, err_msg=unit["name"])


def test_small_systems_job_by_job():
    for unit in units():
        fat = np.isin(np.arange(len(unit["capacities"])), unit["fatpipe"])
        sharing = Sharing(unit["capacities"], fat)
        live = [i for i, f in enumerate(unit["variables"]) if f["penalty"] > 0]
        for i in reversed(live):
            flow = unit["variables"][i]
            link, weight = zip(*flow["uses"], strict=True)
            sharing.add(i, link, weight, flow["penalty"], flow.get("bound", np.inf))
        for i in live:
            expected = unit["expected"][i]
            assert sharing.rate(i) == pytest.approx(expected, rel=1e-9), unit["name"]
