"""Requests from files and laws: what is read, what is refused and how it is named."""

import gzip
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError, TraceError
from sim.rng import Streams
from sim.state import Homogeneous
from sim.units import DAY_S, WEEK_S
from sim.workload import Gamma, NoJobs, Poisson, Profile, Switched
from sim.workload.requests import (
    DrawnRequests,
    FixedTokens,
    LogNormalTokens,
    MixedRequests,
    Requests,
    RequestTrace,
    TokensOf,
)
from sim.workload.requests.base import BLOCK
from sim.workload.requests.formats import COLUMNS, read
from sim.workload.services import LlmReplica, LlmService
from tests.conftest import shared

OWN = "arrival_s,prompt_tokens,output_tokens,class\n"
FILES = {
    "requests": OWN + "5,10,20,b\n7.5,30,40,a\n",
    "azure": "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:15:46.6805900,10,20\n2023-11-16 18:15:49.1805900,30,40\n",
    "burstgpt": "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,b,10,20,30,API log\n6,a,10,0,10,API log\n7.5,a,30,40,70,Conversation log\n",
    "mooncake": '{"timestamp": 5000, "input_length": 10, "output_length": 20, "hash_ids": [1]}\n'
    '{"timestamp": 7500, "input_length": 30, "output_length": 40, "hash_ids": []}\n',
}


def file(tmp_path, text, name="requests.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("form", FILES)
def test_the_same_two_requests_in_every_format(tmp_path, form):
    made = read(file(tmp_path, FILES[form]), "auto", "stop").requests
    assert made.arrival_s == pytest.approx([0.0, 2.5])  # dates hold 100 ns
    assert made.prompt.tolist() == [10, 30]
    assert made.output.tolist() == [20, 40]
    names = [made.classes[k] for k in made.klass]
    assert names == (["b", "a"] if form in ("requests", "burstgpt") else ["", ""])
    assert set(COLUMNS) == set(FILES)


def test_packed_and_parquet_are_read_as_well(tmp_path):
    packed, table = tmp_path / "r.csv.gz", tmp_path / "r.parquet"
    packed.write_bytes(gzip.compress(FILES["mooncake"].encode()))
    pq.write_table(pa.table({"arrival_s": [1.0, 0.0], "prompt_tokens": [2, 1],
                             "output_tokens": [4, 3]}), table)  # fmt: skip
    assert read(packed, "auto", "stop").requests.prompt.tolist() == [10, 30]
    assert read(table, "auto", "stop").requests.prompt.tolist() == [1, 2]  # in order of arrival


@pytest.mark.parametrize(
    ("text", "line", "column", "value"),
    [
        (OWN + "0,1,2,a\n1,x,2,a\n", 3, "prompt_tokens", "x"),
        (OWN + "0,1,2,a\n1,1,0,a\n", 3, "output_tokens", "0"),
        (OWN + "0,1,2,a\n-1,1,2,a\n", 3, "arrival_s", "-1"),
        (OWN + "0,1,2,a\n\n1,1.5,2,a\n", 4, "prompt_tokens", "1.5"),
        (OWN + "0,1,2,a\n9e6,1,2,a\n", 3, "arrival_s", "9"),
        (FILES["azure"].replace("49.18", "4x.18"), 3, "TIMESTAMP", "4x.18"),
        (FILES["burstgpt"].replace("40,70", "-40,70"), 4, "Response tokens", "-40"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_by_line_column_and_value(tmp_path, text, line, column, value):
    path = file(tmp_path, text)
    with pytest.raises(TraceError) as caught:
        read(path, "auto", "stop")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert value in caught.value.value
    kept = read(path, "auto", "skip")
    assert len(kept.faults) == 1
    assert len(kept.requests.prompt) == 1


def test_a_bad_line_of_json_is_named(tmp_path):
    with pytest.raises(TraceError, match=r"line 2: .*input_length"):
        read(file(tmp_path, FILES["mooncake"].replace("input_length", "x", 2).replace(
            '"x"', '"input_length"', 1)), "auto", "stop")  # fmt: skip


def test_a_file_without_the_columns_says_which_formats_there_are(tmp_path):
    with pytest.raises(TraceError, match=r"has a, b; must have .*ContextTokens"):
        read(file(tmp_path, "a,b\n1,2\n"), "auto", "stop")


def test_a_part_of_a_trace_faster_and_again(tmp_path):
    rows = "".join(f"{t},{t + 1},1,a\n" for t in range(10))
    path = file(tmp_path, OWN + rows)
    trace = RequestTrace(str(path), begin_s=2.0, duration_s=4.0, factor=2.0, repeat=2)
    assert trace.issues("services.requests") == []
    made = trace.requests(Streams(1), "llm")
    assert made.arrival_s.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert made.prompt.tolist() == [3, 4, 5, 6] * 2
    with pytest.raises(ScenarioError, match="begin_s"):
        RequestTrace(str(path), begin_s=50.0).requests(Streams(1), "llm")


def test_laws_give_the_rate_the_burstiness_and_the_tokens_they_say():
    tokens = LogNormalTokens(1000, 1.2, 200, 0.8, 1_000_000)
    law = DrawnRequests(50.0, 4000.0, Gamma(2.0), tokens)
    made = law.requests(Streams(3), "llm")
    n, gaps = len(made.arrival_s), np.diff(made.arrival_s)
    assert n == pytest.approx(200_000, abs=4 * 2.0 * 200_000**0.5)  # cv 2: four deviations
    assert gaps.std() / gaps.mean() == pytest.approx(2.0, rel=0.03)
    for values, mean, cv in ((made.prompt, 1000, 1.2), (made.output, 200, 0.8)):
        assert values.mean() == pytest.approx(mean, rel=4 * cv / n**0.5 + 1e-3)
        assert values.std() / values.mean() == pytest.approx(cv, rel=0.03)


def test_each_cause_of_chance_has_a_stream_of_its_own():
    """Other tokens shift no arrival, and two services do not ask in step."""
    one = DrawnRequests(5.0, 1000.0, Poisson(), FixedTokens(10, 10))
    other = DrawnRequests(5.0, 1000.0, Poisson(), LogNormalTokens(), {"a": 1, "b": 3})
    first, second = one.requests(Streams(7), "llm"), other.requests(Streams(7), "llm")
    assert first.arrival_s.tolist() == second.arrival_s.tolist()
    assert one.requests(Streams(7), "chat").arrival_s.tolist() != first.arrival_s.tolist()
    assert np.mean(second.klass) == pytest.approx(0.75, abs=4 * 0.43 / len(second.klass) ** 0.5)


def test_a_profile_moves_requests_to_the_day():
    law = DrawnRequests(2.0, 86400.0, Profile(daily=(0.0, 1.0)), FixedTokens())
    assert law.requests(Streams(1), "llm").arrival_s.min() >= 43200.0


def test_tokens_of_a_trace_come_in_its_pairs(tmp_path):
    path = file(tmp_path, OWN + "0,1,10,a\n1,2,20,a\n2,3,30,a\n")
    prompt, output = TokensOf(str(path)).draw(np.random.default_rng(1), 100)
    assert (output == 10 * prompt).all()
    assert set(prompt.tolist()) == {1, 2, 3}


def test_faults_of_parameters_are_told_at_once():
    law = DrawnRequests(-1.0, 0.0, Poisson(), LogNormalTokens(0, -1.0), {"a": 0})
    found = law.issues("services.requests")
    for name in ("rate_per_s", "duration_s", "tokens.prompt_mean", "tokens.prompt_cv", "classes"):
        assert any(text.startswith(f"services.requests.{name}:") for text in found), name
    found = RequestTrace("nowhere.csv", "odd", factor=0.0).issues("services.requests")
    assert [text.split(":")[0].rsplit(".", 1)[1] for text in found] == ["path", "format", "factor"]


def test_a_mean_of_tokens_need_not_be_whole():
    law = LogNormalTokens(prompt_mean=1.5, prompt_cv=0.0, output_mean=219.5, most_tokens=10**6)
    assert law.issues("tokens") == []
    _, output = law.draw(np.random.default_rng(1), 400_000)
    assert output.mean() == pytest.approx(219.5, abs=3 * 219.5 * 1.05 / 400_000**0.5)


def test_rows_set_aside_are_kept_with_the_reason(tmp_path):
    path = str(file(tmp_path, OWN + "0,1,10,a\n1,two,20,a\n2,3,30,a\n3,4,0,a\n"))
    part = RequestTrace(path, on_error="skip")
    mixed = MixedRequests({"one": part, "two": None, "drawn": DrawnRequests(1.0, 9.0)})
    for asked in (part, mixed):
        service = LlmService(requests=asked, replica=LlmReplica(gpus=1), max_replicas=1)
        made = simulate(Scenario(Homogeneous(nodes=1), NoJobs(), services=service))
        assert made.rejected.to_pydict() == {
            "file": [path] * 2, "line": [3, 5], "column": ["prompt_tokens", "output_tokens"],
            "value": ["two", "0"], "reason": ["must be a whole number from 1 to 10,000,000"] * 2,
        }  # fmt: skip
    good = RequestTrace(path, on_error="skip", duration_s=1.0)
    assert good.requests(Streams(1), "llm").rejected.num_rows == 2


def test_azure_conversations_as_published():
    """Counts and means of the trace as the facts tell them, read from the file as it is."""
    made = read(shared("traces", "llm", "azure2023_conv.csv"), "auto", "stop").requests
    assert len(made.prompt) == 19_366
    assert made.prompt.mean() == pytest.approx(1155, abs=0.5)
    assert made.output.mean() == pytest.approx(211, abs=0.5)


def test_mooncake_reads_alike_from_its_own_lines_and_as_a_table():
    lines = read(shared("traces", "llm", "mooncake_synthetic_trace.jsonl"), "auto", "stop")
    table = read(shared("traces", "llm", "mooncake_synthetic.csv"), "auto", "stop")
    assert lines.requests.arrival_s == pytest.approx(table.requests.arrival_s)
    assert (lines.requests.prompt == table.requests.prompt).all()


def test_mooncake_tells_who_begins_alike():
    """The groups of the file's own lines by their first two blocks."""
    path = shared("traces", "llm", "mooncake_conversation_trace.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows.sort(key=lambda row: row["timestamp"])
    wanted = [tuple(row["hash_ids"][:2]) for row in rows]
    made = read(path, "auto", "stop").requests
    pairs = set(zip(made.prefix.tolist(), wanted, strict=True))
    assert len(pairs) == len(set(wanted)) == len(np.unique(made.prefix))


def test_a_prefix_is_a_column_and_none_where_nothing_is_said(tmp_path):
    rows = "arrival_s,prompt_tokens,output_tokens,prefix\n0,1,1,b\n1,1,1,\n2,1,1,a\n3,1,1,b\n"
    made = read(file(tmp_path, rows), "auto", "stop").requests
    b, none, a, again = made.prefix.tolist()
    assert none == -1
    assert b == again != a
    assert read(file(tmp_path, FILES["requests"]), "auto", "stop").requests.prefix is None
    twice = RequestTrace(str(file(tmp_path, rows)), repeat=2).requests(Streams(1), "x")
    assert twice.prefix.tolist() == [b, none, a, again] * 2


def test_parts_of_a_mixture_share_no_prefix(tmp_path):
    rows = "arrival_s,prompt_tokens,output_tokens,prefix\n0,1,1,b\n1,1,1,\n2,1,1,a\n3,1,1,b\n"
    one = RequestTrace(str(file(tmp_path, rows)))
    law = DrawnRequests(1.0, 3.0, Gamma(0.0), FixedTokens())
    both = MixedRequests({"x": one, "y": one, "z": law}).requests(Streams(1), "s")
    known = {name: {int(p) for p, k in zip(both.prefix, both.klass, strict=True)
                    if both.classes[k] == name} for name in "xyz"}  # fmt: skip
    assert known["x"] & known["y"] == {-1}
    assert len(known["x"]) == len(known["y"]) == 3
    assert known["z"] == {-1}


def test_switched_arrivals_have_the_rate_and_the_dispersion_of_their_law():
    """Counts of intervals much longer than both stays; batches of them say how sure that is."""
    law, rate, window_s, n = Switched(Poisson(), 6.0, 40.0, 10.0), 5.0, 2000.0, 4000
    assert law.issues("x") == []
    at_s = law.times(np.random.default_rng(2), rate, None, n * window_s)
    counts = np.histogram(at_s, n, (0.0, n * window_s))[0]
    share = 10.0 / 50.0
    calm = rate / (1 - share + 6.0 * share)
    spread = 2 * (5.0 * calm) ** 2 * share * (1 - share) / (rate * (1 / 40.0 + 1 / 10.0))
    want = 1.0 + spread
    error = 4 * (want / (rate * window_s)) ** 0.5 / n**0.5
    assert counts.mean() / (rate * window_s) == pytest.approx(1.0, abs=error)
    short = 2 * 8.0 / window_s  # an interval of finite length falls short by some stays' worth
    assert counts.var() / counts.mean() == pytest.approx(want, rel=short + 4 * (2 / n) ** 0.5)


def test_switched_arrivals_are_the_same_however_many_are_asked_for():
    law = Switched(Gamma(2.0), 10.0, 100.0, 20.0)
    many = law.times(np.random.default_rng(3), 2.0, 50_000, np.inf)
    few = law.times(np.random.default_rng(3), 2.0, 500, np.inf)
    part = law.times(np.random.default_rng(3), 2.0, None, float(many[499]) + 1e-9)
    assert len(many) == 50_000
    assert few == pytest.approx(many[:500])
    assert part == pytest.approx(many[:500])


def test_what_is_drawn_in_blocks_is_what_is_drawn_at_once():
    """Byte for byte, beyond two blocks, over the end of a week and of the last block."""
    n = 2 * BLOCK + 77
    prompt, output = LogNormalTokens(900, 1.3, 150, 0.7, 3000).draw(np.random.default_rng(5), n)
    rng = np.random.default_rng(5)
    for made, mean, cv in ((prompt, 900, 1.3), (output, 150, 0.7)):
        square = math.log(1.0 + cv * cv)
        plain = rng.lognormal(math.log(mean) - square / 2.0, math.sqrt(square), n)
        assert made.tolist() == np.clip(np.rint(plain), 1, 3000).tolist()

    law = Profile(Gamma(2.0), (1.0, 3.0, 2.0), (1, 1, 1, 1, 1, 0.5, 0.2), begin_s=3.0 * DAY_S)
    until_s, rate = 6.5 * DAY_S, n / (6.5 * DAY_S)
    weight = np.outer(law.weekly, law.daily).ravel()
    edges, faster = np.linspace(0.0, WEEK_S, 22), np.concatenate([[0.0], np.cumsum(weight)])
    faster *= WEEK_S / faster[-1]
    begin = float(np.interp(law.begin_s, edges, faster))
    rng, drawn = np.random.default_rng(6), [np.zeros(1)]
    while drawn[-1][-1] < 2 * until_s:
        gaps = rng.standard_gamma(0.25, 2**15) / 0.25
        drawn.append(drawn[-1][-1] + np.cumsum(gaps / rate))
    weeks, rest = np.divmod(np.concatenate(drawn[1:]) + begin, WEEK_S)
    plain = weeks * WEEK_S + np.interp(rest, faster, edges) - law.begin_s
    made = law.times(np.random.default_rng(6), rate, None, until_s)
    assert made.tolist() == np.maximum(plain[plain < until_s], 0.0).tolist()
    assert made[-1] > WEEK_S - law.begin_s


def test_packed_requests_are_the_same_and_as_narrow_as_can_be():
    law = DrawnRequests(5.0, 1000.0, tokens=LogNormalTokens(most_tokens=60_000), classes={"a": 1.0})
    made = law.requests(Streams(1), "llm")
    packed = made.packed()
    assert packed.prompt.dtype == np.uint16
    for name in ("arrival_s", "prompt", "output", "klass"):
        assert getattr(packed, name).tolist() == getattr(made, name).tolist(), name
    wide = Requests(np.zeros(2), *(np.array([60_000, 9], np.uint16),) * 2, np.zeros(2, np.uint8))
    assert wide.longest() == 120_000  # more than the two bytes of each hold
