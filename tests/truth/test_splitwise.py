"""splitwise-sim's latencies under its own rules: Llama2-70B on DGX-H100, mixed, and prompts apart.

Source: shared/groundtruth/serving/splitwise; rules and step times from Mutinifni/splitwise-sim (MIT),
instance.py, scheduler.py, performance_model.py, data/perf_model.csv. What is its own, and named so:
step times are medians by prompt x batch of its table, and a decode step is looked up by its
sequences in that table of tokens; a step with both takes 1.1 times the prompt step of all of them;
KV memory is counted as without grouped queries. Its README asks for 3 %.
"""

import csv
import gzip

import numpy as np
import pytest

from sim.engine.apart import Link
from sim.engine.tables import StepTable, Tables
from tests.conftest import shared

FOLDER = ("groundtruth", "serving", "splitwise")
TOKENS = (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
PROMPT_MS = (58.185416, 51.658511, 53.857976, 77.683869, 134.423203, 376.215642, 831.485572,
             1551.726161, 2936.329718)  # fmt: skip
DECODE_MS = (29.872660, 28.266553, 30.561747, 29.972993, 31.634893, 31.329116, 32.592329,
             38.619351, 50.160846)  # fmt: skip
TABLE = StepTable(
    TOKENS, np.array(PROMPT_MS) / 1e3, TOKENS, np.array(DECODE_MS) / 1e3, mixed_factor=1.1
)
KV_BYTES = 2 * 8192 * 80 * 2  # a token: keys and values, hidden size, layers, fp16
SENT = Link(token_s=KV_BYTES / (200 * 2**30))
RUNS = {
    "out_baseline_azure_conv_A100xH100_0_4_token_jsq": (4, 0),
    "out_splitwise_3_1_azure_conv_A100xH100_0_4_mixed_pool": (3, 1),
}


@pytest.mark.parametrize("name", RUNS)
def test_latencies_of_splitwise(name):
    asked = np.loadtxt(shared(*FOLDER, "input_azure_conv.csv"), delimiter=",", skiprows=1)
    with gzip.open(shared(*FOLDER, f"{name}.csv.gz"), "rt") as file:
        truth = list(csv.DictReader(file))
    pool = Tables(TABLE, *RUNS[name], budget=2048, batch=512, link=SENT)
    got = pool.serve(asked[:, 0], asked[:, 1].astype(int), asked[:, 2].astype(int))
    for column in ("ttft_s", "e2e_s"):
        want = np.array([float(row[column]) for row in truth])
        assert got[column].mean() == pytest.approx(want.mean(), rel=0.03)
        for share in (50, 90, 99):
            assert np.percentile(got[column], share) == pytest.approx(
                np.percentile(want, share), rel=0.03
            ), (column, share)
    if RUNS[name][1] == 0:  # mixed: the same steps, as far as it writes them; ties aside
        e2e = np.array([float(row["e2e_s"]) for row in truth])
        assert np.mean(np.abs(got["e2e_s"] / e2e - 1.0) > 1e-4) < 1e-3


def test_requests_alone_take_what_its_table_says():
    """Its run of three requests on one instance: each starts after the one before has ended."""
    with gzip.open(shared(*FOLDER, "out_baseline_azure_conv_A100xH100_0_4_token_jsq.csv.gz"),
                   "rt") as file:  # fmt: skip
        first = next(csv.DictReader(file))
    got = Tables(TABLE, 1, 0, 2048, 512, Link()).serve([1.0], [374], [44])
    assert got["ttft_s"][0] == pytest.approx(float(first["ttft_s"]), abs=2e-6)
    assert got["e2e_s"][0] == pytest.approx(float(first["e2e_s"]), abs=2e-6)
