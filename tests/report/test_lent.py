"""What the page says of nodes that went: numbers of the metrics, and differences done by hand."""

from sim.report import comparison
from sim.report.compare import page
from sim.report.fleet import told
from sim.report.lent import against

LENT = {"node_hours": {}, "bought_gpu_hours": 100.0, "on_gpu_hours": 60.0, "used_gpu_hours": 50.0,
        "off_gpu_hours": 0.0, "lent_gpu_hours": 40.0, "cost_usd": None, "came": 3, "went": 1234,
        "refused": 0, "interrupted": 2, "lending": {
            "nodes": 1, "lent_gpu_hours": 40.0, "returned_gpu_hours": 30.0, "here_gpu_hours": 9.0,
            "used_gpu_hours": 8.0, "leaving_gpu_hours": 0.1, "returning_gpu_hours": 0.2, "late": 0,
            "late_gpu_hours": 0.0, "handed_over": {"at_once": 1, "emptied": 2, "stopped": 3}},
        "stopped": {"lent": {"evictions": 3, "jobs": 2, "replicas": 0, "lost_gpu_hours": 1.5,
                             "waited_hours": 1.0, "waited_gpu_hours": 2.5}}}  # fmt: skip


def rows(lends, seeds=((1, 100.0, 160.0), (2, 300.0, 420.0)), **same):
    return [
        {"design": {"node_scaler": name, **same}, "seed": seed, "metrics": {
            "wait_mean_s": wait, "jct_mean_s": wait, "not_completed": 0.0, "lost_gpu_s": lost_s,
            "lent_gpu_hours": lent_h}}
        for name, lent_h, lost_s in lends for seed, none_s, lent_s in seeds
        for wait in [lent_s if lent_h else none_s]
    ]  # fmt: skip


def test_a_lender_is_held_against_its_twin_that_keeps_its_nodes():
    both = (("lending", 40.0, 7200.0), ("none", None, 3600.0))
    made = comparison(rows(both, queue="sjf") + rows(both, queue="fifo"))
    said = against(made.designs)
    assert len(said) == 2
    for text, queue in zip(said, ("sjf", "fifo"), strict=True):  # 60 and 120 s later: 90 s
        assert text.startswith(f"node_scaler=lending queue={queue} lent 40 GPU-hours to others")
        assert f"against node_scaler=none queue={queue}, with mean wait +1 min 30 s (± " in text
        assert text.endswith("and +1.0 GPU-hours of work lost.")
    assert "to others; training paid" in page(made).replace("\N{NO-BREAK SPACE}", " ")


def test_without_a_twin_nothing_is_said():
    alone = rows((("lending", 40.0, 0.0),), queue="sjf") + rows((("none", None, 0.0),), queue="x")
    assert against(comparison(alone).designs) == []


def test_the_page_of_a_run_tells_who_paid():
    said = told({"fleet": LENT})
    assert (
        said[0] == "GPU-hours: 100 bought, 60 on, 50 used, 40 lent to others. "
        "Nodes: 3 came, 1,234 went, 2 interrupted."
    )
    assert said[1].startswith("1 node was lent: others had 40.0 GPU-hours of them, 30.0 came back")
    assert "Handed over 6 times: 1 idle, 2 emptied within the notice, 3 by stopping" in said[1]
    assert "late" not in said[1]
    assert said[2] == (
        "Stopped because a node was lent: 3 times a job (2 different ones); 1.5 GPU-hours of work to be "
        "done again, 2.5 waited until they ran again."
    )
    assert "node_scaler=none" in said[3]
    assert told({}) == []


def test_the_page_of_a_run_tells_what_nodes_with_a_price_cost():
    assert told({"fleet": LENT | {"cost_usd": 7785.4}})[0].endswith("They cost 7,785.40 usd.")
