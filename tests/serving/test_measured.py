"""Step times fitted to measurements: what is recovered, what is told, what is refused."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import TraceError
from sim.files import data_dir
from sim.state import Homogeneous
from sim.workload import NoJobs, Poisson
from sim.workload.requests import DrawnRequests, FixedTokens
from sim.workload.services import LlmReplica, LlmService, MeasuredReplica
from sim.workload.services.measured import COLUMNS, fit, tiled
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


def test_the_columns_stand_where_traces_are_told_of():
    told = (
        (data_dir("conf") / "traces" / "README.md").read_text().split("## Your own step times")[1]
    )
    asked = (data_dir("conf") / "services" / "llm.yaml").read_text()
    assert all(f"- `{name}`" in told and name in asked for name in COLUMNS)


def test_no_weight_is_negative(tmp_path):
    rows = steps()
    rows[:, 4] = np.where(rows[:, 0] == 0, 0.05 - 1e-4 * rows[:, 2], rows[:, 4])  # faster by more
    made = fit(written(tmp_path, rows))
    assert min(made.decode_s) >= 0.0
    assert made.decode_error > 0.0


def stairs(rows, tile=8):
    """Add to steps what a kernel that works in tiles would: up and down by the number of tokens."""
    tokens = rows[:, 0] + rows[:, 2]
    rows[:, 4] += 0.002 * np.sin(3.0 * np.ceil(tokens / tile))
    return rows


def test_stairs_by_tokens_are_found_only_in_tiles(tmp_path):
    path = written(tmp_path, stairs(steps(n=4000)))
    line, found = fit(path), fit(path, 8)
    assert line.decode_error > 10 * found.decode_error
    assert line.mixed_error > 3 * found.mixed_error  # many of its tiles have a few steps only
    assert line.decode_more_s == () == line.mixed_more_s
    at = np.arange(1, 8)  # sequences from 1 to 63: each tile has some hundred
    got = np.array(found.decode_more_s)[at - 1] - np.mean(np.array(found.decode_more_s)[at - 1])
    want = 0.002 * np.sin(3.0 * at)
    assert got == pytest.approx(want - want.mean(), abs=3e-4)  # a slope may go to dD


def test_tiles_are_what_a_dense_ridge_finds():
    draws = np.random.default_rng(3)
    terms = np.stack([np.ones(300), draws.uniform(1, 64, 300), draws.uniform(0, 9e4, 300)], 1)
    tokens = np.ceil(terms[:, 1])
    step_s = terms @ DECODE + 0.002 * draws.random(9)[(-(-tokens // 8)).astype(int)]
    weights, more, _ = tiled(terms, step_s, tokens, 8)
    scale = np.append(terms.max(axis=0), np.ones(8))
    made = np.hstack([terms, -(-tokens[:, None] // 8) == np.arange(1, 9)]) / scale
    punished = np.vstack([made, np.eye(11)[3:]])  # a step more in each tile, on the line
    want = np.linalg.lstsq(punished, np.append(step_s, np.zeros(8)), rcond=None)[0] / scale
    assert (want[:3] > 0.0).all()
    assert weights == pytest.approx(want[:3], rel=1e-6)
    assert more == pytest.approx(want[3:], rel=1e-6, abs=1e-9)


def test_without_stairs_tiles_change_little(tmp_path):
    made = fit(written(tmp_path, steps(n=4000)), 8)
    assert max(made.decode_error, made.mixed_error) < 1e-3


@pytest.mark.parametrize("tile", [-1, 0.5, "8"])
def test_tiles_are_whole(tmp_path, tile):
    replica = MeasuredReplica(written(tmp_path, steps()), tile)
    assert "replica.tile_tokens: is" in replica.issues("replica")[0]


def test_what_comes_to_steps_must_leave_them_some_time():
    replica = LlmReplica(decode_more_s=(0.0, -0.02), mixed_more_s=(0.001,))
    assert replica.issues("replica") == [
        "replica.decode_more_s: is -0.02 at the least; must leave of 0.015198 more than 0"
    ]
    assert not LlmReplica(decode_more_s=(0.0, -0.01)).issues("replica")


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


def test_all_bad_steps_are_told_but_not_without_end(tmp_path):
    rows = steps()
    rows[2, 4] = rows[5, 0] = -1.0
    rows[7, 3] = np.inf
    service = LlmService(replica=MeasuredReplica(written(tmp_path, rows)))
    found = [text for text in service.issues() if text.startswith("services.replica.path: ")]
    for line, name in ((4, "step_s"), (7, "prompt_tokens"), (9, "context_tokens")):
        assert sum(f"line {line}: {name} is" in text for text in found) == 1
    assert len(found) == 3
    rows[:, 4] = -1.0
    found = MeasuredReplica(written(tmp_path, rows)).issues("replica")
    assert len(found) < 15
    assert "rows more are wrong" in found[-1]


@pytest.mark.parametrize(("mode", "worst"), [("sarathi", 0.04), ("vllm", 0.04)])
def test_vidurs_batches_are_nearly_a_line(tmp_path, mode, worst):
    """Its random forest, within the 1.5 to 3.4 % that the facts state for such fits."""
    path = shared("groundtruth", "serving", "vidur", f"batches_conv4000_{mode}.npz")
    rows = np.load(path)["data"][:, [0, 1, 3, 4, 5]]
    made = fit(written(tmp_path, rows))
    assert max(made.decode_error, made.mixed_error) < worst
