"""splitwise-sim's latencies under its own rules: Llama2-70B on DGX-H100, mixed, and prompts apart.

Source: shared/groundtruth/serving/splitwise; rules and step times from Mutinifni/splitwise-sim (MIT),
instance.py, scheduler.py, performance_model.py, data/perf_model.csv. What is its own, and named so:
step times are medians by prompt x batch of its table, and a decode step is looked up by its
sequences in that table of tokens; a step with both takes 1.1 times the prompt step of all of them;
KV memory is counted as without grouped queries. Its README asks for 3 %; the rules are the same, so
that what differs is the sixth decimal to which it is written.
"""

import csv
import gzip

import numpy as np
import pytest

from sim.engine.apart import Link
from sim.engine.tables import PoolRules, StepTable, Tables
from tests.conftest import shared

FOLDER = ("groundtruth", "serving", "splitwise")
TOKENS = (128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
PROMPT_MS = (58.18541598273441, 51.65851098718122, 53.85797604685649, 77.68386948737316,
             134.4232030096464, 376.2156415032223, 831.4855720091145, 1551.7261609784327,
             2936.3297179806978)  # fmt: skip
DECODE_MS = (29.87266007185672, 28.266553230323336, 30.56174722271708, 29.97299270359726,
             31.634892508897227, 31.329116093429764, 32.59232873922053, 38.61935059888303,
             50.16084560871447)  # fmt: skip
TABLE = StepTable(
    TOKENS, np.array(PROMPT_MS) / 1e3, TOKENS, np.array(DECODE_MS) / 1e3, mixed_factor=1.1
)
KV_BYTES = 2 * 8192 * 80 * 2  # a token: keys and values, hidden size, layers, fp16
SENT = Link(token_s=KV_BYTES / (200 * 2**30))
RULES = PoolRules((8 * 80 * 2**30 - 135e9) / KV_BYTES, queue_tokens=8192, most_passed=4)
RUNS = {
    "out_baseline_azure_conv_A100xH100_0_4_token_jsq": (4, 0),
    "out_splitwise_3_1_azure_conv_A100xH100_0_4_mixed_pool": (3, 1),
}


@pytest.mark.parametrize("name", RUNS)
def test_latencies_of_splitwise(name):
    asked = np.loadtxt(shared(*FOLDER, "input_azure_conv.csv"), delimiter=",", skiprows=1)
    with gzip.open(shared(*FOLDER, f"{name}.csv.gz"), "rt") as file:
        truth = list(csv.DictReader(file))
    pool = Tables(TABLE, *RUNS[name], budget=2048, batch=512, link=SENT, rules=RULES)
    got = pool.serve(asked[:, 0], asked[:, 1].astype(int), asked[:, 2].astype(int))
    for column in ("ttft_s", "e2e_s"):
        want = np.array([float(row[column]) for row in truth])
        np.testing.assert_allclose(got[column], want, rtol=0.0, atol=2e-6)


def test_requests_alone_take_what_its_table_says():
    """Its run of three requests on one instance: each starts after the one before has ended."""
    with gzip.open(shared(*FOLDER, "out_baseline_azure_conv_A100xH100_0_4_token_jsq.csv.gz"),
                   "rt") as file:  # fmt: skip
        first = next(csv.DictReader(file))
    got = Tables(TABLE, 1, 0, 2048, 512, Link()).serve([1.0], [374], [44])
    assert got["ttft_s"][0] == pytest.approx(float(first["ttft_s"]), abs=2e-6)
    assert got["e2e_s"][0] == pytest.approx(float(first["e2e_s"]), abs=2e-6)
