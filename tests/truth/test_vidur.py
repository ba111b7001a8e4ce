"""Vidur's latencies a request, with step times fitted on every second batch of the same run.

Source: shared/groundtruth/serving/vidur (MIT): CodeLlama-34B, A100 TP2, 2 replicas, 4,000 requests.
It shows the rules of batching, not a step time carried to another load. The bars are those of its README: 1 % Sarathi, 4 % vLLM-V0.
"""

import csv
import gzip

import numpy as np
import pytest

from sim.engine.serving import ServiceSpec, StepTime, serve
from tests.conftest import shared

FOLDER = ("groundtruth", "serving", "vidur")


def fitted(mode):
    """Return the step time by plain least squares over every second batch."""
    rows = np.load(shared(*FOLDER, f"batches_conv4000_{mode}.npz"))["data"][::2]
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


@pytest.mark.parametrize(("mode", "bar"), [("sarathi", 0.01), ("vllm", 0.04)])
def test_latencies_of_vidur(mode, bar):
    asked = np.loadtxt(shared(*FOLDER, "input_conv_4096.csv"), delimiter=",", skiprows=1)[:4000]
    with gzip.open(shared(*FOLDER, f"out_conv4000_{mode}.csv.gz"), "rt") as file:
        truth = list(csv.DictReader(file))
    spec = ServiceSpec(
        fitted(mode), 2, batch=128, chunked=mode == "sarathi", chunk_tokens=512,
        prompt_tokens=4096, kv_tokens=388_000, grow=True,
    )  # fmt: skip
    got = serve(spec, asked[:, 0], asked[:, 1].astype(int), asked[:, 2].astype(int))
    for name in ("ttft_s", "e2e_s"):
        want = np.array([float(row[name]) for row in truth])
        assert got[name].mean() == pytest.approx(want.mean(), rel=bar)
        for share in (50, 90, 99):
            assert np.percentile(got[name], share) == pytest.approx(
                np.percentile(want, share), rel=bar
            ), (name, share)
