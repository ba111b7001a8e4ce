"""A sweep whose choice changed nothing says so; one number apart, at one seed, is a difference."""

import json

import pytest

from sim.app.sweep import rows_of
from sim.report import comparison
from sim.report.alike import alike
from sim.report.compare import answer, page
from sim.report.why import grounds

WHY = "autoscaler: there is no service, so nothing is scaled; set services=llm"


def rows(waits, *notes):
    """Give a run of each (autoscaler, queue, seed) with its mean wait."""
    return [
        {"design": {"autoscaler": scaler, "queue": queue}, "seed": seed, "notes": notes,
         "metrics": {"wait_mean_s": wait, "not_completed": 0.0}}
        for (scaler, queue, seed), wait in waits.items()
    ]  # fmt: skip


def waits(of):
    return {(scaler, queue, seed): of(scaler, queue, seed)
            for scaler in ("hpa", "kpa") for queue in ("fifo", "sjf") for seed in (1, 2)}  # fmt: skip


def test_the_knob_whose_values_give_the_same_numbers_is_named_with_the_reason():
    made = comparison(rows(waits(lambda _, queue, seed: len(queue) + seed), WHY, "comm: no matter"))
    (said,) = alike(made.designs)
    assert said.startswith("autoscaler makes no difference here, every number is the same: there ")
    assert said.endswith("; set services=llm.")
    assert said in page(made)
    assert "waits least" in answer(made)  # the queue does matter


@pytest.mark.parametrize(("scaler", "queue", "seed"), [("kpa", "sjf", 2), ("hpa", "fifo", 1)])
def test_one_number_apart_is_a_difference(scaler, queue, seed):
    other = waits(lambda *_: 7.0) | {(scaler, queue, seed): 7.0 + 1e-12}
    assert alike(comparison(rows(other)).designs) == []


def test_both_knobs_may_change_nothing_and_one_design_has_none():
    made = comparison(rows(waits(lambda *_: 7.0)))
    assert [text.split()[0] for text in alike(made.designs)] == ["autoscaler", "queue"]
    assert answer(made).startswith("It does not matter which: 7 s of mean wait")
    assert alike(comparison(rows({("hpa", "fifo", 1): 7.0})).designs) == []


def test_a_run_that_is_missing_leaves_it_open():
    some = waits(lambda *_: 7.0)
    del some["kpa", "sjf", 2]
    assert alike(comparison(rows(some)).designs) == []


def test_what_is_not_compared_makes_a_difference_too(tmp_path):
    """Two runs whose metrics.json differ in a number that the comparison has no column of."""
    folders = [tmp_path / name for name in ("0", "1", "2", "3")]
    for i, folder in enumerate(folders):
        folder.mkdir()
        knob = f"price={i % 2}"
        manifest = {"status": "complete", "seed": i // 2, "config": {"overrides": [knob]}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        found = {"jobs": {"submitted": 0}, "nobody compares": float(i == 3)}
        (folder / "metrics.json").write_text(json.dumps(found))
    same, other = (comparison(rows_of(two)[0]).designs for two in (folders[:2], folders))
    assert alike(same)[0].startswith("price makes no difference here")
    assert alike(other) == []


@pytest.mark.parametrize("queues", [{}, {"a": (3.0, 0.0), "b": (0.5, 4.0)}])
def test_what_quotas_lent_is_summed_over_queues_and_shown_where_there_are_some(tmp_path, queues):
    for i in range(2):
        (tmp_path / str(i)).mkdir()
        manifest = {"status": "complete", "seed": 1, "config": {"overrides": [f"lend={i}"]}}
        (tmp_path / str(i) / "manifest.json").write_text(json.dumps(manifest))
        found = {name: {"lent_gpu_s": 3600.0 * lent * i, "borrowed_gpu_s": 3600.0 * more}
                 for name, (lent, more) in queues.items()}  # fmt: skip
        whole = {"jobs": {"submitted": 1}, "by_queue": found}
        (tmp_path / str(i) / "metrics.json").write_text(json.dumps(whole))
    made = comparison(rows_of([tmp_path / "0", tmp_path / "1"])[0])
    names = ("quota_lent_gpu_hours", "quota_borrowed_gpu_hours")
    told = [tuple(design.means[name] for name in names) for design in made.designs]
    assert told == ([(0.0, 4.0), (3.5, 4.0)] if queues else [(None, None)] * 2)
    shown = [name for _, labels in grounds(made) for name in labels]
    assert [name for name in names if name in shown] == [*names[: 2 * bool(queues)]]
