"""The comparison of a sweep, held against arithmetic done by hand."""

import math
import statistics
from html.parser import HTMLParser

import pytest
from scipy import stats

from sim.report import comparison, write_comparison
from sim.report.compare import LABELS, answer, difference, said, shift

WAITS = {
    "fifo": {1: 4000.0, 2: 5200.0, 3: 7100.0, 4: 6000.0},
    "sjf": {1: 1000.0, 2: 1900.0, 3: 3300.0, 4: 2900.0},
    "near": {1: 4100.0, 2: 5100.0, 3: 7150.0, 4: 5950.0},
}


def rows(waits=WAITS, knob="queue"):
    """Return the rows of a sweep whose every number follows from its wait."""
    return [
        {
            "design": {knob: name},
            "seed": seed,
            "metrics": {m: w * (1e-4 if m.endswith("_frac") else 1.0) for m in LABELS},
        }
        for name, own in waits.items()
        for seed, w in own.items()
    ]


def by_hand(mine, first):
    """Return mean and half-width of the paired differences, from the definition."""
    change = [mine[s] - first[s] for s in mine if s in first]
    mean, n = statistics.fmean(change), len(change)
    error = statistics.stdev(change) / math.sqrt(n)
    return mean, stats.t.ppf(0.975, n - 1) * error


@pytest.mark.parametrize("name", ["sjf", "near"])
def test_differences_are_paired_by_seed(name):
    designs = {d.name: d for d in comparison(rows()).designs}
    found = designs[f"queue={name}"].against_first["wait_mean_s"]
    mean, half = by_hand(WAITS[name], WAITS["fifo"])
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert found.half == pytest.approx(half, rel=1e-12)
    low, high = stats.ttest_rel(
        list(WAITS[name].values()), list(WAITS["fifo"].values())
    ).confidence_interval(0.95)  # a second witness
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))
    assert found.clear == (low > 0 or high < 0) == (name == "sjf")


def test_means_are_over_the_seeds():
    for design in comparison(rows()).designs:
        own = WAITS[design.name.removeprefix("queue=")]
        assert design.means["wait_mean_s"] == pytest.approx(statistics.fmean(own.values()))
        assert design.seeds == (1, 2, 3, 4)


def test_the_order_of_the_seeds_changes_nothing():
    first = [r for r in rows() if r["design"]["queue"] == "fifo"]
    rest = [r for r in rows() if r["design"]["queue"] != "fifo"]
    assert comparison(first[::-1] + rest) == comparison(first + rest)


def test_only_common_seeds_are_paired():
    waits = {"fifo": {1: 10.0, 2: 20.0, 3: 60.0}, "sjf": {2: 15.0, 3: 40.0, 9: 1.0}}
    found = comparison(rows(waits)).designs[1].against_first["wait_mean_s"]
    mean, half = by_hand({2: 15.0, 3: 40.0}, waits["fifo"])
    assert (found.mean, found.half, found.seeds) == (mean, pytest.approx(half), 2)


def test_one_seed_gives_no_interval(tmp_path):
    made = comparison([r for r in rows() if r["seed"] == 1])
    change = made.designs[1].against_first["wait_mean_s"]
    assert (change.mean, change.half, change.clear) == (-3000.0, None, False)
    assert "One common seed" in answer(made)
    text = write_comparison(made, tmp_path / "compare.html").read_text()
    assert "they need two seeds" in text
    assert "<small>±" not in text


def test_no_common_seed_gives_no_difference():
    made = comparison(rows({"fifo": {1: 5.0}, "sjf": {2: 4.0}}))
    assert made.designs[1].against_first["wait_mean_s"] is None
    assert made.cells()[1][-1] == "–"


def test_a_number_that_is_not_known_is_a_dash(tmp_path):
    some = rows()
    for row in some:
        row["metrics"] = dict(row["metrics"], wait_mean_s=None)
    made = comparison(some)
    assert made.cells()[1][2] == "–"
    assert write_comparison(made, tmp_path / "c.html").exists()


def test_the_sentence_names_the_least_wait_and_says_when_it_may_be_chance():
    told = answer(comparison(rows()))
    mean, half = by_hand(WAITS["sjf"], WAITS["fifo"])
    assert told.startswith("queue=sjf waits least")
    assert f"−{said('wait_mean_s', -mean)} (± {said('wait_mean_s', half)})" in told
    close = {"fifo": WAITS["fifo"], "near": {s: w - 9.0 for s, w in WAITS["near"].items()}}
    assert answer(comparison(rows(close))).endswith("may be chance.")


def test_a_share_differs_by_points():
    made = comparison(rows())
    change = made.designs[1].against_first["occupancy_frac"]
    assert shift("occupancy_frac", change) == f"−{abs(change.mean) * 100:.1f} points"
    assert "%" not in difference("occupancy_frac", change)


class Text(HTMLParser):
    """The text and the tags a browser sees."""

    def __init__(self, text):
        super().__init__()
        self.said, self.tags = "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.said += data


def test_the_page_is_offline_safe_and_says_every_number(tmp_path):
    evil = "<script>alert(1)</script> $x^2$ 東京"
    made = comparison(rows({evil: WAITS["fifo"], "sjf": WAITS["sjf"]}, knob="a&b"))
    path = write_comparison(made, tmp_path / "compare.html")
    text = path.read_text(encoding="utf-8")
    seen = Text(text)
    assert "script" not in seen.tags
    assert seen.said.count(f"a&b={evil}") >= 4  # sentence, table, both figures
    assert "//" not in text
    assert path.stat().st_size < 500_000
    for design in made.designs:
        for metric in LABELS:
            assert said(metric, design.means[metric]) in seen.said
    again = write_comparison(made, tmp_path / "again.html")
    assert again.read_bytes() == path.read_bytes()


def test_a_sweep_of_many_designs_stays_small(tmp_path):
    made = comparison(rows({f"d{i}": {s: 100.0 * i + s for s in range(5)} for i in range(120)}))
    path = write_comparison(made, tmp_path / "compare.html")
    assert path.stat().st_size < 500_000
    assert "The first 30 of 120 designs" in path.read_text()


def test_a_dot_says_its_seed(tmp_path):
    text = write_comparison(comparison(rows()), tmp_path / "c.html").read_text()
    for seed, wait in WAITS["sjf"].items():
        assert f"<title>seed {seed}: {said('wait_mean_s', wait)}</title>" in text
    assert 'id="dot-' not in text


def test_one_design_far_off_does_not_hide_the_others(tmp_path):
    near = write_comparison(comparison(rows()), tmp_path / "near.html").read_text()
    assert "logarithmic" not in near
    far = {"fifo": {1: 60.0, 2: 0.0}, "odd": {1: 9e5, 2: 8e5}}
    text = write_comparison(comparison(rows(far)), tmp_path / "far.html").read_text()
    assert "Mean wait, on a logarithmic scale" in text


def test_fairness_is_shown_where_it_tells_something():
    alike = rows()
    for row in alike:
        row["metrics"] = dict(row["metrics"], jain_tenants=1.0)
    assert LABELS["jain_tenants"] not in comparison(alike).header()
    alike[0]["metrics"]["jain_tenants"] = 0.8
    made = comparison(alike)
    assert LABELS["jain_tenants"] in made.header()
    assert len(made.cells()[0]) == len(made.header())


def test_a_line_of_the_sentence_may_break_between_choices(tmp_path):
    made = comparison(rows({"1.5 placement=few": {1: 7380.0}}, knob="factor"))
    text = write_comparison(made, tmp_path / "c.html").read_text()
    assert "factor=1.5 placement=few waits" in text
    assert "2\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}3\N{NO-BREAK SPACE}min on" in text


def test_fairness_is_a_figure_where_there_are_tenants(tmp_path):
    told = rows()
    slow = {"fifo": {"ann": 2.0, "bob": 40.0}, "sjf": {"ann": 3.0, "<b>eve</b>": 5.0}}
    for i, row in enumerate(told):
        row["tenants"] = {n: v + i % 4 for n, v in slow.get(row["design"]["queue"], {}).items()}
    made = comparison(told)
    each = {d.name: dict(d.tenants) for d in made.designs}
    seeds = statistics.fmean(range(4))
    assert each == {
        "queue=fifo": {"ann": 2.0 + seeds, "bob": 40.0 + seeds},
        "queue=sjf": {"ann": 3.0 + seeds, "<b>eve</b>": 5.0 + seeds},
        "queue=near": {},
    }
    page = write_comparison(made, tmp_path / "compare.html").read_text()
    assert "how each tenant fared" in page
    assert "tenant bob: 41.5" in page
    assert "tenant &lt;b&gt;eve&lt;/b&gt;: 6.5" in page
    assert "<b>eve" not in page
    assert (
        "how each tenant fared"
        not in write_comparison(comparison(rows()), tmp_path / "none.html").read_text()
    )


def test_seeds_that_draw_nothing_make_no_interval():
    replayed = {"fifo": {1: 4000.0, 2: 4000.0}, "sjf": {1: 1000.0, 2: 1000.0}}
    made = comparison(rows(replayed))
    change = made.designs[1].against_first["wait_mean_s"]
    assert (change.mean, change.half, change.seeds, change.clear) == (-3000.0, None, 2, False)
    assert "resample the trace" in answer(made)


def test_a_design_that_drops_jobs_is_not_called_better_without_a_word():
    made = rows()
    assert "fewer" not in answer(comparison(made))
    whole = [row | {"metrics": row["metrics"] | {"not_completed": 0.0}} for row in made]
    assert "jobs not completed" not in comparison(whole).header()
    for row in made:
        row["metrics"] = row["metrics"] | {
            "not_completed": 16.0 if row["design"] == {"queue": "sjf"} else 3.0
        }
    short = comparison(made)
    assert "But it completes 13 jobs fewer" in answer(short)
    at = short.header().index("jobs not completed")
    assert [float(line[at]) for line in short.cells()] == [
        16.0 if design.name == "queue=sjf" else 3.0 for design in short.designs
    ]
    assert "jobs not completed" not in short.first_to_go()
