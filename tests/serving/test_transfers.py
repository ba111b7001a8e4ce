"""KV memory that goes from pool to pool over the fabric: it shares links with jobs."""

import numpy as np
import pytest

from experiments.duty_cycle import InTurn
from sim.errors import ScenarioError
from sim.workload import SameForAll
from sim.workload.requests import FixedTokens, GivenRequests
from tests.conftest import columns
from tests.serving.test_pools_live import pools
from tests.serving.test_services import Plan, asked, frame, run
from topologies.designs import LeafSpine

pytestmark = pytest.mark.rare

KV, LINK_Bps = 2e5, 1e9
"""Bytes a token, and what one transfer has at most; replicas of 2 GPUs on a node of 2: two at once."""


def fabric(oversubscription, nodes_per_leaf=1, **knobs):
    """Return leaves whose nodes send 2 GB/s, what two transfers need."""
    return LeafSpine(nodes_per_leaf, 1, 2e9, oversubscription, **knobs)


def apart(until_s=200.0):
    """Return requests that never meet: one each 4 s, of 1,000 tokens and 11."""
    at = np.arange(1.0, until_s, 4.0)
    return GivenRequests({"arrival_s": at, "prompt_tokens": [1000] * len(at),
                          "output_tokens": [11] * len(at)})  # fmt: skip


def e2e(result):
    return frame(result.requests, "e2e_s")[0]


def test_where_there_is_room_all_is_as_over_a_link_apart():
    plan, made = Plan(((0.0, 2),)), []
    for shared, laid in ((False, None), (False, fabric(1.0)), (True, fabric(1.0))):
        more = {} if laid is None else {"fabric": laid}
        made.append(run(pools(link_shared=shared), plan, nodes=6, **more))
    assert made[0].requests.equals(made[1].requests)
    assert made[0].requests.equals(made[2].requests)


def test_a_narrow_fabric_makes_transfers_as_much_longer():
    """Of an uplink of half a transfer's speed two at once have a quarter each, from the first
    reading on after one was sent; none meets another, so only that is longer.
    """
    plan, requests = Plan(((0.0, 1),)), apart()
    slow = run(pools(link_shared=True, requests=requests), plan, fabric=fabric(4.0))
    fast = run(pools(requests=requests), plan)
    more = e2e(slow) - e2e(fast)
    assert more[0] == 0.0  # the first is sent before any reading
    assert more[2:] == pytest.approx(np.full(len(more) - 2, 3 * 1000 * KV / LINK_Bps), abs=2e-6)


def test_links_carry_the_bytes_that_were_sent():
    """Each interval carries what was sent in the one before, so all but what the last one sent."""
    made = run(pools(link_shared=True), Plan(((0.0, 2),)), nodes=6, fabric=fabric(1.0))
    prompt, output = frame(made.requests, "prompt_tokens", "output_tokens")
    bytes_ = KV * prompt[output > 1].sum()
    sent = {}
    for row in made.links.to_pylist():
        sent[row["link"]] = sent.get(row["link"], 0.0) + row["sent_bytes"]
        assert row["load_frac"] <= 1 + 1e-9
    first, second = sent["leaf 0 up"] + sent["leaf 1 up"], sent["leaf 2 up"] + sent["leaf 3 up"]
    assert first == pytest.approx(second, rel=1e-12)
    assert first == pytest.approx(bytes_, rel=0.02)


def test_jobs_and_transfers_slow_each_other():
    """Leaves of 2 nodes and one node's worth of uplinks: prompts on node 0, decoding on 2, a job
    that only sends on 1 and 3. While both send each has half, and the job all else of the time: so
    it stands still for as long as the bytes of the transfers take on an uplink.
    """
    plan, requests = Plan(((0.0, 1),)), asked(3.0, 100.0, FixedTokens(1000, 11))
    given = {"nodes": 4, "jobs": columns([(0.5, 4, 150.0)]), "fabric": fabric(2.0, 2),
             "comm": SameForAll(1.0), "placement": InTurn((0, 2, 1, 3))}  # fmt: skip
    alone = run(pools(requests=requests), plan, **given)
    both = run(pools(requests=requests, link_shared=True), plan, **given)
    (many,) = frame(alone.requests, "prompt_tokens")
    end_s = both.jobs.column("end_s").to_pylist()
    assert alone.jobs.column("end_s").to_pylist() == [150.5]
    assert end_s == pytest.approx([150.5 + many.sum() * KV / 2e9], rel=1e-9)  # looks, sums
    more = (e2e(both) - e2e(alone))[20:]
    assert more.mean() == pytest.approx(1000 * KV / LINK_Bps, rel=0.1)  # batches differ a little


def test_a_replica_that_goes_and_comes_takes_its_transfers_along():
    plan = Plan(((0.0, 1), (40.0, 3), (120.0, 1), (150.0, 2)))
    made = run(pools(link_shared=True), plan, nodes=6, fabric=fabric(3.0, 2))
    assert set(made.requests.column("fate").to_pylist()) == {"answered"}
    again = run(pools(link_shared=True), plan, nodes=6, fabric=fabric(3.0, 2))
    assert again.requests.equals(made.requests)


def test_faults_and_what_is_not_felt_are_told():
    with pytest.raises(ScenarioError, match=r"services: link_shared .*link_shared=false"):
        run(pools(link_shared=True), fabric=fabric(1.0, routing="ecmp"))
    notes = run(pools(link_shared=True, requests=apart(20.0))).manifest["notes"]
    assert any(note.startswith("services: link_shared, but there is no fabric") for note in notes)
