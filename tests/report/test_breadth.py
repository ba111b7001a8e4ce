"""Tables of a comparison: none broader than a page, none of their columns lost."""

import html
import re
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sim.report import breadth, comparison
from sim.report.compare import LABELS, page
from sim.report.serving import LABELS as SERVED
from sim.report.why import LABELS as WHY
from sim.report.why import grounds


def drawn(seed):
    """Return groups of columns, and how broad each is."""
    draws = np.random.default_rng(seed)
    names = iter(range(1000))
    groups = [
        (f"g{i}", {str(next(names)): "label" for _ in range(draws.integers(1, 9))})
        for i in range(draws.integers(1, 8))
    ]
    each = {name: float(draws.uniform(2.0, 30.0)) for _, labels in groups for name in labels}
    return groups, each


@pytest.mark.parametrize("seed", range(30))
def test_columns_keep_their_order_and_no_table_is_broader_than_there_is_room(seed):
    groups, each = drawn(seed)
    room = 70.0
    tables = breadth.beside(groups, lambda name, _: each[name], room)
    flat = [(title, name) for table in tables for title, labels in table for name in labels]
    assert flat == [(title, name) for title, labels in groups for name in labels]
    broad = [[sum(each[n] for n in labels) for _, labels in table] for table in tables]
    assert all(sum(table) <= room for table in broad)
    whole = {title: sum(each[n] for n in labels) for title, labels in groups}
    for (before, _), (_, after) in pairwise(zip(broad, tables, strict=True)):
        assert sum(before) + whole[after[0][0]] > room  # none is begun without need
    many = {title: sum(title in dict(table) for table in tables) for title in whole}
    assert all(many[title] == 1 for title, wide in whole.items() if wide <= room)


def test_a_column_too_broad_for_any_table_has_one_of_its_own():
    each = {"a": 5.0, "b": 90.0, "c": 5.0}
    tables = breadth.beside([("g", dict.fromkeys(each, ""))], lambda name, _: each[name], 50.0)
    assert [[list(labels) for _, labels in table] for table in tables] == [
        [["a"]], [["b"]], [["c"]],
    ]  # fmt: skip


def measured(text, weight="normal"):
    """Return how broad a text is as matplotlib's own font draws it, which is a wide one, em."""
    figure = Figure(dpi=72)
    FigureCanvasAgg(figure)
    box = figure.text(0, 0, text, fontsize=100, fontweight=weight)
    return box.get_window_extent().width / 100.0


@pytest.mark.parametrize("text", ["44 min 43 s", "2 d 12 h", "1,234,567", "0.00474", "99.9 %"])
def test_numbers_are_no_broader_than_reckoned(text):
    assert measured(text) <= breadth.of_column("", [text]) - breadth.GAP_EM


@pytest.mark.parametrize("label", [*LABELS.values(), *SERVED.values(), *WHY.values()])
def test_no_word_of_a_head_is_broader_than_its_column(label):
    column = breadth.of_column(label, [])
    assert all(measured(word, "bold") <= column for word in label.replace("-", "- ").split())


def test_the_column_of_names_holds_their_words_up_to_a_bound():
    least, most = breadth.NAME_EM
    assert breadth.of_names([]) == breadth.of_names(["a b c"]) == least
    word = "services.slo_ttft_s=500ms"
    assert measured(word) <= breadth.of_names([f"a=b {word}"]) < most
    assert breadth.of_names(["x" * 500]) == most


def test_a_page_of_all_metrics_has_tables_that_fit():
    names = ("jobs", *LABELS, *SERVED, *WHY)
    rows = [
        {"design": {"autoscaler": name}, "seed": seed, "metrics": dict.fromkeys(names, 1e4 + k)}
        for k, name in enumerate(("static_peak", "hpa")) for seed in (1, 2)
    ]  # fmt: skip
    made = comparison(rows)
    text = page(made)
    tables = text.split("<table")[1:]
    assert len(tables) > 4
    for table in tables:
        head = table[table.index('<th scope="col">design') : table.index("</thead>")]
        labels = [html.unescape(one) for one in re.findall(r'<th scope="col">(.*?)</th>', head)]
        least = sum(breadth.of_column(label, ["10,000"]) for label in labels[1:])
        assert least + breadth.NAME_EM[0] <= breadth.ROOM_EM
    shown = [label for _, labels in (*made.tables(), *grounds(made)) for label in labels.values()]
    assert len(shown) > 30
    for label in shown:
        assert f'data-of="{label}"' in html.unescape(text)
