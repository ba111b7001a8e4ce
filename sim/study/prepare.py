"""A scenario becomes a State: policies asked once, jobs as columns, the cluster empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sim import kernel, table
from sim.errors import ScenarioError
from sim.policies.placement import AbstractPlacement
from sim.policies.placement.base import Asked, Preference
from sim.policies.queue import AbstractQueuePolicy, JobView
from sim.rng import Streams
from sim.state import Inventory, JobState, State, build
from sim.state.answers import Answers, Score, Yield
from sim.state.arrays import F8, I8
from sim.state.beyond import unable
from sim.state.build import Asks
from sim.state.columns import Elastic, Jobs, Kinds, Nodes
from sim.state.devices import NO_SCORE, score_of
from sim.state.elastic import elastic_of
from sim.state.fabric import Fabric, Writes, fabric_of
from sim.state.fair_share import FairShare, no_shares
from sim.state.jobs import OUTCOMES, jobs_of
from sim.state.joins import AbstractWays
from sim.state.kinds import dealt, fastest_first, kinds_of
from sim.state.qos_limits import by_qos, of_pair
from sim.state.quota import SHARES, Caps, Quota
from sim.state.sizes import Sizes, no_sizes
from sim.state.smaller import sizes_of
from sim.state.split import shared_out
from sim.state.topology import topology_of
from sim.state.tree import Tree, by_flavor, flavors_of, queue_of, quota_of, types_of
from sim.study.classes import Classes, classes_of, narrowed
from sim.study.scenario import Scenario
from sim.study.told import beside, named
from sim.workload.after import edges_of
from sim.workload.comm import talk_of


class Shares(NamedTuple):
    """A tree of quotas and its columns, and how fast each class is on each kind by flavor."""

    tree: Tree | None
    quota: tuple[Quota, Caps, FairShare, Sizes] | None
    speed: F8
    order: I8
    elastic: Elastic | None = None  # the least GPUs of each job, where it may have fewer


def giving(gives: Yield, queue: AbstractQueuePolicy, sized: bool) -> Yield:
    """Return preemption's rule with what the other policies say about when they are asked."""
    deals = queue.deals
    if deals and gives.round_s == 0.0:
        gives = gives._replace(rebuild=True, round_s=queue.round_s, hold=False)
    own = type(queue).turn_s is not AbstractQueuePolicy.turn_s
    turns = own and queue.refresh_s == gives.round_s == 0.0
    return gives._replace(turns=turns or deals or sized, deals=deals)


def numbers_of(jobs: pa.Table) -> dict[str, np.ndarray]:
    """Return the columns of a job_request that are numbers, and the outcome of each job."""
    numbers = {
        column.name: table.to_numpy(jobs, column.name)
        for column in table.JOB_REQUEST
        if column.dtype != "string" and column.name in jobs.column_names
    }
    state, words = table.codes(jobs, "state")
    outcome = np.array([OUTCOMES.get(word.lower(), JobState.COMPLETED) for word in words], np.int8)
    return numbers | {"outcome": outcome[state]}


def shares_of(
    scenario: Scenario,
    inventory: Inventory,
    jobs: pa.Table,
    columns: Jobs,
    classes: Classes,
    numbers: dict[str, np.ndarray],
) -> Shares:
    """Return the quotas of a scenario, each job in the queue of its tenant."""
    tree = scenario.quota.tree()
    if tree is None:
        return Shares(None, None, classes.speed, classes.order)
    if classes.slices.on:
        raise ScenarioError(
            ["quota: counts whole GPUs, and jobs ask for mig_profile: must be none"]
        )
    user = table.codes(jobs, "user" if "user" in jobs.column_names else "tenant")[0]
    tenant, tenants = table.codes(jobs, "tenant")
    queue, limits = queue_of(tree, tenants)[tenant], scenario.quota.by_qos()
    if tree.rule == SHARES:
        fair = (*shared_out(tree, queue, columns, len(classes.speed), inventory), no_sizes())
        return Shares(tree, fair, classes.speed, classes.order)
    elastic = smallest(tree, columns, numbers)
    flavor = types_of(tree, [gpu for gpu, _ in inventory.kinds])
    speed, masked, plain = by_flavor(classes.speed, flavor, len(flavors_of(tree)))
    if limits:
        many = len(tree.queues) // (1 + len(limits))
        queue = of_pair(queue, columns.qos, table.codes(jobs, "qos")[1], list(limits), many)
    alike = user if elastic is None else elastic.least  # no limit asks who the user is
    quota = quota_of(tree, queue, columns, masked, plain, alike)
    if limits:
        quota = by_qos(*quota, list(limits.values()))
    tables = (*quota, no_shares(), no_sizes())
    return Shares(tree, tables, speed, fastest_first(speed), elastic)


def smallest(tree: Tree, columns: Jobs, numbers: dict[str, np.ndarray]) -> Elastic | None:
    """Return the least GPUs of each job, None where none may have fewer than it asks for."""
    least = numbers.get("min_gpus")
    if not tree.partial or least is None or not (least < columns.gpus).any():
        return None
    told = {name: column for name, column in numbers.items() if name != "max_gpus"}
    return elastic_of(columns, told)


def allotted(
    shares: Shares, columns: Jobs, kinds: Kinds, nodes: Nodes, scatter: bool
) -> tuple[Quota, Caps, FairShare, Sizes] | None:
    """Return the quotas with smaller sizes of jobs; set aside jobs that could never have any."""
    if shares.quota is None:
        return None
    quota, caps, fair, sizes = shares.quota
    if shares.elastic is not None:
        quota, sizes = sizes_of(quota, columns, shares.elastic.least, kinds, nodes, scatter)
    unable(shares.tree, quota, sizes, columns, kinds, nodes, scatter)
    return quota, caps, fair, sizes


def scored(
    placement: AbstractPlacement, asked: Asked, nodes: Nodes, inventory: Inventory, fewer: bool
) -> Score:
    """Return the weights of a placement that scores nodes; its own draw goes before another.

    `fewer`: jobs may be admitted smaller than they are; their scores would be those of their size.
    """
    scoring = placement.scoring(asked)
    if scoring is None:
        return NO_SCORE
    if fewer:
        raise ScenarioError([
            f"placement: is {type(placement).__name__}, which scores nodes for jobs whose size "
            "stays, and some have min_gpus; must be one that does not, such as pack, or set "
            "quota.partial_admission=false"
        ])  # fmt: skip
    if scoring.draw is not None:
        asked.jobs.draw[:] = scoring.draw
    return score_of(scoring, nodes, inventory.kinds)


def asks_of(
    scenario: Scenario, liking: Preference, numbers: Mapping[str, np.ndarray], jobs: Jobs,
    inventory: Inventory, qoses: Sequence[str], parent: np.ndarray | None,
    ways: AbstractWays | None,
) -> Asks:  # fmt: skip
    """Return what jobs ask of leaves and blocks, and what is due to them by their QOS.

    `parent` is the tree of the fabric, if there is one, `ways` how paths are drawn, if they are.
    """
    topology = None
    if liking.topology is not None:
        topology = topology_of(liking.topology, numbers, jobs.enter_s, inventory, parent, ways)
    return Asks(topology=topology, qos=scenario.preemption.between(qoses))


def assembled(jobs: Jobs, nodes: Nodes, kinds: Kinds, answers: Answers, asks: Asks) -> State:
    """Return the State; jobs that no leaves or block could ever hold are set aside."""
    made = build.assemble(jobs, nodes, kinds, answers, asks)
    if asks.topology is None or not (odd := kernel.misplaced(made)).any():
        return made
    jobs.state[odd] = JobState.UNFIT
    return build.assemble(jobs, nodes, kinds, answers, asks)


def fabric_for(
    tree: tuple[np.ndarray, np.ndarray] | None, ways: AbstractWays | None, scenario: Scenario,
    nodes: Nodes, jobs: pa.Table,
) -> Fabric | None:  # fmt: skip
    """Return the links of a fabric and who sends how much; None without a fabric."""
    if tree is None:
        return None
    nic_Bps = tree[1][: len(nodes.gpus)] / np.maximum(nodes.gpus, 1)
    together = scenario.fabric.together(int(nodes.gpus.max()))
    talk = talk_of(jobs, scenario.comm, together, float(nic_Bps.min()))
    writes = scenario.storage.writes(jobs)
    shared = any(of.link_Bps > 0.0 for of, _ in scenario.services.listed())
    for wanted, path, instead in (
        (writes is not None, "storage: hangs above leaves and pods", "storage=none"),
        (shared, "services: link_shared sends over leaves and pods", "link_shared=false"),
    ):
        if wanted and ways is not None:
            raise ScenarioError(
                [f"{path}, but jobs find their ways over the fabric link by link: set "
                 f"fabric.routing=spraying on a fabric of leaves and pods, or {instead}"]
            )  # fmt: skip
    if writes is None and shared:
        writes = Writes(np.zeros(jobs.num_rows), np.inf, False, 1.0)  # nobody writes, others send
    last_s = min(float(table.to_numpy(jobs, "submit_s").max(initial=0.0)), scenario.horizon_s)
    return fabric_of(tree, nodes.gpus, talk, ways, writes, last_s)


def prepared(scenario: Scenario, inventory: Inventory, jobs: pa.Table, streams: Streams) -> State:
    """Return a State of the requested jobs on the empty cluster, policies asked once."""
    nodes, _ = build.nodes_of(inventory)
    tree, ways = scenario.fabric.laid(len(nodes.gpus), int(nodes.gpus.max())) or (None, None)
    levels = np.arange(float(nodes.gpus.max()) + 1.0)
    n, many, name = jobs.num_rows, len(inventory.kinds), named(jobs, scenario.workload)
    liking = scenario.placement.preference(levels, nodes, n, streams.stream("placement"))
    nodes = build.ranked(nodes, liking.node)
    share = scenario.sharing.rule()
    classes, numbers = classes_of(jobs, inventory, share.spares, name), numbers_of(jobs)
    tenant, tenants = table.codes(jobs, "tenant")
    partition, partitions = table.codes(jobs, "partition")
    qos, qoses = table.codes(jobs, "qos")
    columns = jobs_of(numbers, classes.klass, tenant, partition, qos,
                      np.full(n, -1.0) if liking.draw is None else liking.draw)  # fmt: skip
    with beside(classes.faults):
        asks = asks_of(scenario, liking, numbers, columns, inventory, qoses,
                       tree and tree[0], ways)  # fmt: skip
        shares = shares_of(scenario, inventory, jobs, columns, classes, numbers)
    kinds = kinds_of(inventory, nodes, shares.speed, shares.order)
    taste = build.taste_of(liking.level, liking.scatter, liking.runs, liking.first_alone)
    spans = narrowed(jobs, columns, kinds, nodes, inventory, taste.scatter, classes, name)
    notes = scenario.queue.remembers(many)
    if scenario.queue.deals:
        if classes.slices.on:
            raise ScenarioError(
                ["queue: deals kinds of node, and jobs ask for mig_profile: choose another queue"]
            )
        kinds = dealt(kinds)
        columns.klass[:] *= many + 2
    asked = Asked(columns, classes.texts, streams.stream("placement", 1))
    score = scored(scenario.placement, asked, nodes, inventory, shares.elastic is not None)
    sized = scenario.elastic.refresh_s < np.inf  # then a pass is due even if nobody waits
    gives = giving(scenario.preemption.rule(), scenario.queue, sized)
    quota = allotted(shares, columns, kinds, nodes, taste.scatter)
    answers = Answers(
        scenario.backfill.rule(), taste, gives, score, scenario.queue.half_life_s,
        sized or shares.elastic is not None, notes,
        quota, share, scenario.limits.rule(), edges_of(jobs),
        sum(process.windows for process in scenario.processes),
        fabric_for(tree, ways, scenario, nodes, jobs),
        any(process.hobbles for process in scenario.processes),
    )  # fmt: skip
    elastic = elastic_of(columns, numbers) if sized else shares.elastic
    asks = asks._replace(elastic=elastic, slices=classes.slices, spans=spans)
    made = assembled(columns, nodes, kinds, answers, asks)
    made.kind_names, made.ways = tuple(gpu for gpu, _ in inventory.kinds), ways
    made.tenant_names, made.partition_names, made.qos_names = map(
        tuple, (tenants, partitions, qoses)
    )
    everyone = JobView(made, slice(None), made.jobs.enter_s)
    made.jobs.key[:] = scenario.queue.key(everyone, made.jobs.enter_s)
    if np.isnan(made.jobs.key).any():
        raise ScenarioError([f"queue: {scenario.queue!r} gave nan as a key; keys must be numbers"])
    return made
