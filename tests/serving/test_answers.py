"""What became of requests is told alike by a run and by its table, and never all at once."""

import numpy as np
import pyarrow as pa
import pytest

from sim.results import Result, answers, store
from sim.results.answers import NUMBERS, OfTable
from sim.results.metrics.jobs import spread
from sim.workload import Poisson
from sim.workload.requests import DrawnRequests, LogNormalTokens
from sim.workload.services import Several
from tests.serving.test_services import Plan, run, service

TOKENS = LogNormalTokens(300, 1.0, 60, 1.0, 4000)


@pytest.fixture(scope="module")
def made():
    """Two services, one with classes, cut before all is answered; some requests are shed."""
    classes = DrawnRequests(8.0, 200.0, Poisson(), TOKENS, {"chat": 2.0, "code": 1.0})
    both = service(name="b", requests=classes, most_open=12), service(name="a")
    return run(Several(both), Plan(((0.0, 1), (50.0, 2))), horizon_s=150.0, warmup_s=20.0)


@pytest.fixture
def small(monkeypatch):
    """Blocks and pieces so small that there are many."""
    for room, name in ((answers, "BLOCK"), (answers, "PIECE"), (store, "PIECE")):
        monkeypatch.setattr(room, name, 100)


def told(asked, name):
    blocks = list(asked.blocks(name))
    return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}


@pytest.mark.usefixtures("small")
def test_the_run_and_its_table_tell_the_same(made):
    table = made.requests
    assert set(table.column("fate").to_pylist()) == {"answered", "shed", "open"}
    mixed = np.random.default_rng(1).permutation(table.num_rows)
    for asked in (OfTable(table), OfTable(table.take(pa.array(mixed)).sort_by("arrival_s"))):
        for name, classes in (("b", ["chat", "code"]), ("a", [])):
            assert asked.classes(name) == made.answers.classes(name) == classes
            got, want = told(asked, name), told(made.answers, name)
            assert asked.many(name) == made.answers.many(name) == len(want["shed"])
            assert set(got) == set(want) == {*NUMBERS, "shed", "class"}
            for key in want:
                np.testing.assert_array_equal(got[key], want[key].astype(got[key].dtype), key)
            column = asked.column(name, "ttft_s")
            np.testing.assert_array_equal(column, made.answers.column(name, "ttft_s"))


@pytest.mark.usefixtures("small")
def test_pieces_are_the_table(made, tmp_path):
    pieces = list(made.answers.pieces())
    assert [len(piece) for piece in pieces[:-1]] == [100] * (len(made.requests) // 100)
    assert pa.concat_tables(pieces).equals(made.requests)
    back = Result.read(made.write(tmp_path))
    assert back.requests.equals(made.requests)
    assert back.metrics == made.metrics
    assert pa.concat_tables(list(back.answers.pieces())).equals(made.requests)


@pytest.mark.usefixtures("small")
def test_metrics_are_what_whole_columns_give(made):
    """The plain version: masks over all rows at once."""
    for name in ("a", "b"):
        got = made.metrics["services"][name]
        rows = [r for r in made.requests.to_pylist() if r["service"] == name]
        late = [r for r in rows if r["arrival_s"] >= 20.0]
        ends = [r for r in late if r["e2e_s"] is not None]

        def plain(rows, key):
            return spread(np.array([np.nan if r[key] is None else r[key] for r in rows]))

        assert got["requests"] == len(late)
        assert got["answered"] == len(ends)
        assert got["shed"] == sum(r["fate"] == "shed" for r in late)
        assert got["preemptions"] == sum(r["preemptions"] for r in late)
        assert got["output_tokens"] == sum(r["output_tokens"] for r in ends)
        for key in ("ttft_s", "tpot_s", "e2e_s"):
            assert got[key] == plain(late, key)
        for klass, one in got.get("by_class", {}).items():
            own = [r for r in late if r["class"] == klass]
            assert one["requests"] == len(own)
            assert one["ttft_s"] == plain(own, "ttft_s")
            assert one["tpot_s"] == plain(own, "tpot_s")
    assert set(made.metrics["services"]["b"]["by_class"]) == {"chat", "code"}
