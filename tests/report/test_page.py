"""The page of a run: whole, offline, true to the numbers, safe with any name."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

from sim.report import write_report
from sim.report.html import page
from sim.units import human_s
from tests.conftest import run

EVIL = "<script>alert(1)</script>"
QUOTES = "a \"quoted\" 'name' & <b>more</b> $x^2$"
VOID = {"meta", "br", "use", "path", "rect", "stop"}


class Reader(HTMLParser):
    """What a browser sees: the text, the tags, the attributes."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.words, self.tags, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        if not self.tags or self.tags[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def busy(n=400, **columns):
    """Return a run with plenty of waiting, its tenants with odd names."""
    draw = np.random.default_rng(5)
    jobs = {
        "job_id": [f'job "{i}" {EVIL}' for i in range(n)],
        "submit_s": np.cumsum(draw.exponential(60.0, n)),
        "gpus": draw.choice([1, 2, 4, 8, 16, 72], n, p=[0.4, 0.2, 0.1, 0.15, 0.1, 0.05]),
        "work_s": draw.lognormal(6.0, 1.2, n),
        "tenant": [(EVIL, QUOTES, "plain")[i % 3] for i in range(n)],
    }
    return run(jobs | columns, nodes=9)


CASES = {
    "plenty": busy,
    "none waits": lambda: run([(3600.0 * i, 2, 1800.0) for i in range(20)], nodes=2),
    "one job": lambda: run([(0.0, 8, 5400.0)]),
    "none fits": lambda: run([(0.0, 64, 5400.0), (5.0, 32, 10.0)]),
    "no work": lambda: run([(0.0, 1, 0.0)]),
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def result(request):
    return CASES[request.param]()


def test_the_page_is_whole_and_opens_offline(result, tmp_path):
    path = write_report(result, tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 500_000
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")
    assert not re.search(r"(https?:)?//[a-z0-9]", text), "an address outside"
    seen = Reader(text)
    for name, value in seen.attributes:
        if name in ("src", "href", "xlink:href"):
            assert value.startswith("#"), f"{name}={value}"
    assert not {"script", "link", "iframe", "img", "object"} & set(seen.tags)
    said = seen.text[: seen.text.index("Configuration")]
    assert not re.search(r"\b(nan|None|inf)\b", said)


def test_the_same_result_gives_the_same_bytes(result):
    assert page(result) == page(result)


def test_ids_that_are_pointed_at_are_there(result):
    seen = Reader(page(result))
    ids = {value for name, value in seen.attributes if name == "id"}
    used = {value[1:] for name, value in seen.attributes if name == "href"}
    used |= {v[5:-1] for n, v in seen.attributes if n == "clip-path"}
    assert used <= ids


def test_the_numbers_are_those_of_the_metrics(result):
    text, found = Reader(page(result)).text, result.metrics
    for measure in ("wait_s", "jct_s"):
        told = found[measure]["mean"]
        assert told is None or human_s(told) in text
    for part in (found["by_size"], found["by_tenant"]):
        for name, row in part.items():
            mean = row["wait_s"]["mean"]
            if name != "(none)" and mean is not None:
                shown = re.escape(re.sub(r"\s+", " ", name))
                times = ".*?".join(
                    re.escape(human_s(row["wait_s"][k])) for k in ("mean", "p50", "p95", "p99")
                )
                assert re.search(rf"{shown}\s+{row['jobs']:,}\s.*?{times}", text), name
    if found["occupancy"] is not None:
        assert f"{100 * found['occupancy']:.1f} %" in text
    assert f"{found['queue_jobs']['mean']:,.1f}" in text


def test_names_are_text_and_nothing_else():
    config = {"command": f"rackplan name='{EVIL}'", "knobs": {"name": EVIL, "at": {"path": QUOTES}}}
    made = busy()
    manifest = dict(made.manifest) | {
        "config": config, "name": EVIL, "question": QUOTES, "notes": [EVIL], "inputs": {EVIL: "ab"}
    }  # fmt: skip
    text = page(dataclasses.replace(made, manifest=manifest))
    seen = Reader(text)
    assert "script" not in seen.tags
    assert seen.text.count(EVIL) >= 6  # title, name, command, note, knob, input, tenant
    assert seen.text.count(QUOTES) >= 3
    assert "<b>more" not in text


def test_what_went_wrong_stands_on_top():
    made = run([(0.0, 8, 100.0), (1.0, 64, 10.0), (2.0, 8, 50.0)])
    set_aside = pa.table({"line": [3, 9]})
    manifest = dict(made.manifest) | {"status": "interrupted"}
    text = Reader(page(dataclasses.replace(made, manifest=manifest, rejected=set_aside))).text
    top = text[: text.index("Occupancy")]
    for said in ("interrupted", "1 job can never fit", "2 rows of the trace set aside"):
        assert said in top.replace("\xa0", " "), said
    assert "ended 2 of 3 jobs" in top.replace("\xa0", " ")


def test_a_run_in_which_all_went_well_warns_of_nothing():
    assert 'class="warn"' not in page(run([(0.0, 8, 100.0), (1.0, 8, 10.0)]))


def test_states_other_than_completed_are_said():
    made = run({"submit_s": [0.0, 1.0], "gpus": [1, 1], "work_s": [9.0, 9.0],
                "state": ["failed", "out_of_memory"]})  # fmt: skip
    assert "Not all jobs completed: 1 failed, 1 out of memory." in Reader(page(made)).text.replace(
        "\xa0", " "
    )


def test_a_long_run_makes_no_longer_page():
    small, large = (len(page(busy(n, tenant=["a"] * n, job_id=[str(i) for i in range(n)])))
                    for n in (300, 3000))  # fmt: skip
    assert large < 2 * small


def test_the_users_own_figures_keep_their_style(result):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 21.0, "axes.facecolor": "black"}):
        before = dict(mpl.rcParams)
        text = page(result)
        assert dict(mpl.rcParams) == before
    assert text == page(result)


def test_a_queue_that_was_empty_takes_no_room():
    made, full = CASES["none waits"](), page(busy())
    assert "Jobs waiting" not in page(made)
    assert "No job waited." in page(made)
    assert full.count("Jobs waiting") == 2  # for a page and for a telephone
    assert "No job waited." not in full


@pytest.mark.parametrize(("days", "told"), [(700, "700\xa0d"), (1820, "5.0\xa0years")])
def test_a_long_time_is_said_in_years(days, told):
    made = run([(86400.0 * (days - 1), 8, 86400.0)])
    text = page(made)
    assert f"in {told}" in text
    assert ("years since the start" in text) == (days == 1820)
    assert not re.search(r">(182|364)<", text)
