"""Which designs of a sweep cannot be is known before the first of them runs."""

from pathlib import Path

from hydra import initialize_config_dir

from sim.app.designs import refused, spread
from sim.files import data_dir


def test_a_sweep_spreads_into_its_designs_and_seeds_are_not_told_apart():
    found = spread(["queue=fifo,sjf", "++seed=1,2,3", "backfill=none,easy", "cluster.nodes=7"])
    assert [(d[0], d[2]) for d in found] == [
        (f"queue={q}", f"backfill={b}") for q in ("fifo", "sjf") for b in ("none", "easy")
    ]
    assert all(d[1] == "++seed=1" and d[3] == "cluster.nodes=7" for d in found)


def test_only_the_designs_that_cannot_be_are_named_by_what_is_swept():
    with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
        found = refused(
            ["quota=none,slurm_limits", "elastic=none,equal_shares", "cluster.nodes=7"],
            "config", [Path.cwd()],
        )  # fmt: skip
    assert not found.all_of_them
    found = found.faults
    assert list(found) == ["quota=slurm_limits elastic=equal_shares"]
    assert any("elastic" in text for text in found["quota=slurm_limits elastic=equal_shares"])


def test_what_hydra_cannot_read_is_left_to_hydra():
    with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
        assert refused(["queue=fifo,nothing_of_this_name"], "config", []) == ({}, False)


def test_what_is_wrong_with_all_designs_is_said_once_and_what_is_with_one_beside_it():
    with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
        found = refused(["++output=x", "cluster.nodes=1,-1"], "config", [Path.cwd()])
    assert found.all_of_them
    assert [text.split(":")[0] for text in found.faults[""]] == ["output"]
    assert found.faults["cluster.nodes=1"] == []
    assert [text.split(":")[0] for text in found.faults["cluster.nodes=-1"]] == ["cluster.nodes"]
