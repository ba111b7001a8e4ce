"""Step times fitted to measurements: what is recovered, what is told, what is refused."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import TraceError
from sim.state import Homogeneous
from sim.workload import NoJobs, Poisson
from sim.workload.requests import DrawnRequests, FixedTokens
from sim.workload.services import LlmService, MeasuredReplica
from sim.workload.services.measured import COLUMNS, fit
from tests.conftest import shared

DECODE, MIXED = (0.02, 1e-4, 5e-8), (0.015, 5e-5, 1e-9, 1e-4, 5e-8)


def written(tmp_path, rows, columns=COLUMNS):
    path = tmp_path / "steps.csv"
    lines = [",".join(columns), *(",".join(f"{v:.9g}" for v in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def steps(noise=0.0, n=400):
    draws = np.random.default_rng(1)
    prompt = draws.integers(1, 2000, n) * (draws.random(n) < 0.5)
    square = prompt**2
    sequences = draws.integers(1, 64, n)
    context = sequences * draws.integers(100, 3000, n)
    terms = np.stack([np.ones(n), prompt, square, sequences, context], 1)
    step = np.where(prompt > 0, terms @ MIXED, terms[:, [0, 3, 4]] @ DECODE)
    step *= 1.0 + noise * draws.uniform(-1.0, 1.0, n)
    return np.stack([prompt, square, sequences, context, step], 1)


def test_a_line_is_recovered_and_its_error_told(tmp_path):
    made = fit(written(tmp_path, steps()))
    assert made.decode_s == pytest.approx(DECODE, rel=1e-5)
    assert made.mixed_s == pytest.approx(MIXED, rel=1e-4)
    assert max(made.decode_error, made.mixed_error) < 1e-6
    rough = fit(written(tmp_path, steps(noise=0.1)))
    for error in (rough.decode_error, rough.mixed_error):  # the mean of a uniform share
        assert error == pytest.approx(0.05, rel=0.2)


def test_no_weight_is_negative(tmp_path):
    rows = steps()
    rows[:, 4] = np.where(rows[:, 0] == 0, 0.05 - 1e-4 * rows[:, 2], rows[:, 4])  # faster by more
    made = fit(written(tmp_path, rows))
    assert min(made.decode_s) >= 0.0
    assert made.decode_error > 0.0


def test_a_run_notes_the_error(tmp_path):
    path = written(tmp_path, steps(noise=0.05))
    service = LlmService(
        requests=DrawnRequests(2.0, 60.0, Poisson(), FixedTokens(100, 20)), max_replicas=1,
        replica=MeasuredReplica(path),
    )  # fmt: skip
    made = simulate(Scenario(Homogeneous(nodes=1), NoJobs(), services=service))
    assert any("steps.csv" in note and "mean error 2." in note for note in made.manifest["notes"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows[:, :4], "lacks the required step_s"),
        (lambda rows: np.where(np.arange(5) == 4, -rows, rows), "line 2: step_s"),
        (lambda rows: rows[rows[:, 0] > 0], "has 0 steps without prompts"),
    ],
)
def test_a_file_that_cannot_be_fitted_is_told(tmp_path, change, told):
    rows = change(steps())
    path = written(tmp_path, rows, COLUMNS[: rows.shape[1]])
    with pytest.raises(TraceError, match=told):
        fit(path)
    assert any(told in text for text in MeasuredReplica(path).issues("services.replica"))


@pytest.mark.parametrize(("mode", "worst"), [("sarathi", 0.04), ("vllm", 0.04)])
def test_vidurs_batches_are_nearly_a_line(tmp_path, mode, worst):
    """Its random forest, within the 1.5 to 3.4 % that the facts state for such fits."""
    path = shared("groundtruth", "serving", "vidur", f"batches_conv4000_{mode}.npz")
    rows = np.load(path)["data"][:, [0, 1, 3, 4, 5]]
    made = fit(written(tmp_path, rows))
    assert max(made.decode_error, made.mixed_error) < worst
