"""Vidur's latencies a request, with step times fitted on every second batch of the same run.

Source: shared/groundtruth/serving/vidur (MIT): CodeLlama-34B, A100 TP2, 2 replicas, 4,000 requests.
It shows the rules of batching, not a step time carried to another load. The bars are those of its README: 1 % Sarathi, 4 % vLLM-V0.
Fitted on every second batch and judged on all requests; and fitted on the batches of one replica and
judged on the requests of the other.
"""

import csv
import gzip

import numpy as np
import pytest

from sim.engine.serving import ServiceSpec, StepTime, serve
from tests.conftest import shared

FOLDER = ("groundtruth", "serving", "vidur")


def batches(mode):
    """Return the rows of all batches; the last column is the replica."""
    return np.load(shared(*FOLDER, f"batches_conv4000_{mode}.npz"))["data"]


def fitted(mode, rows):
    """Return the step time by plain least squares over some batches."""
    p, square, _, d, context, time = rows[:, :6].T
    one = np.ones(len(p))

    def fit(rows, *terms):
        columns = np.stack(terms, 1)[rows]
        found = np.linalg.lstsq(columns, time[rows], rcond=None)[0]
        return tuple(float(x) for x in np.maximum(found, 0))

    decode = fit(p == 0, one, d, context)
    if mode == "sarathi":
        return StepTime(decode, fit(p > 0, one, p, square, d, context))
    return StepTime(decode, (*fit(p > 0, one, p, square), 0.0, 0.0))


def both(mode, rows):
    """Return our columns and Vidur's."""
    asked = np.loadtxt(shared(*FOLDER, "input_conv_4096.csv"), delimiter=",", skiprows=1)[:4000]
    with gzip.open(shared(*FOLDER, f"out_conv4000_{mode}.csv.gz"), "rt") as file:
        truth = list(csv.DictReader(file))
    spec = ServiceSpec(
        fitted(mode, rows), 2, batch=128, chunked=mode == "sarathi", chunk_tokens=512,
        prompt_tokens=4096, kv_tokens=388_000, grow=True,
    )  # fmt: skip
    got = serve(spec, asked[:, 0], asked[:, 1].astype(int), asked[:, 2].astype(int))
    return got, {n: np.array([float(row[n]) for row in truth]) for n in ("ttft_s", "e2e_s")}


def agree(got, want, bar, share_bar, name):
    assert got.mean() == pytest.approx(want.mean(), rel=bar), name
    for share in (50, 90, 99):
        assert np.percentile(got, share) == pytest.approx(
            np.percentile(want, share), rel=share_bar
        ), (name, share)


@pytest.mark.parametrize(("mode", "bar"), [("sarathi", 0.01), ("vllm", 0.04)])
def test_latencies_of_vidur(mode, bar):
    got, want = both(mode, batches(mode)[::2])
    for name, values in want.items():
        agree(got[name], values, bar, bar, name)


@pytest.mark.parametrize(("mode", "bar"), [("sarathi", 0.01), ("vllm", 0.04)])
def test_latencies_of_one_replica_with_the_step_time_of_the_other(mode, bar):
    """Round robin: even requests went to replica 0, odd ones to 1; no batch is seen twice.

    Percentiles of 2,000 requests within 2 % at least: a fit on all batches is off by as much there.
    """
    rows = batches(mode)
    got, want = both(mode, rows[rows[:, 6] == 0])
    for name, values in want.items():
        agree(got[name][1::2], values[1::2], bar, max(bar, 0.02), name)
