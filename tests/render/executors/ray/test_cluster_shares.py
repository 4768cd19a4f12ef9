"""How a cluster is shared out."""

from __future__ import annotations

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.render.executors.local.machine_shares import MOST_WORKERS, WORKER_BYTES, WORKERS_A_GPU
from scanstage.render.executors.ray.cluster_shares import PYTHON_BYTES, Node, share_cluster
from scanstage.scenes.config.sections.run_config import RunConfig

GB = 1_000_000_000


def node(cpus: float, gpus: float = 0, memory: float = 64 * GB) -> Node:
    return Node(f"n{cpus}", cpus, gpus, memory)


def config(**sections) -> RunConfig:
    return RunConfig.model_validate({"assets": {"source": "samples"}, **sections})


def test_a_worker_for_two_cores_where_memory_allows() -> None:
    shares = share_cluster(config(), [node(4), node(8)], 1000)
    assert (shares.actors, shares.cpus, shares.gpus, shares.memory) == (6, 2, 0, 0)
    single = share_cluster(config(), [node(1), node(8)], 1000)
    assert (single.actors, single.cpus) == (9, 1), "a core by itself isn't left idle"
    assert shares.why == "as many as there is room for"
    small = share_cluster(config(), [node(8, memory=8 * GB)], 1000)
    assert small.cpus > 1
    assert small.bound >= WORKER_BYTES
    assert small.actors * (small.bound + PYTHON_BYTES) <= 8 * GB


def test_few_pictures_get_few_workers_with_more_threads() -> None:
    shares = share_cluster(config(), [node(8)], 4)
    assert (shares.actors, shares.cpus) == (2, 4)
    assert shares.why == "as there is no more to do"


def test_no_more_than_one_planner_keeps_busy() -> None:
    shares = share_cluster(config(), [node(64, memory=512 * GB)] * 4, 100_000)
    assert shares.actors == MOST_WORKERS
    assert shares.cpus == 8


def test_a_number_that_is_asked_for_is_kept_even_beyond_what_there_is_room_for() -> None:
    shares = share_cluster(config(workers={"count": 2}), [node(8)], 1000)
    assert (shares.actors, shares.cpus) == (2, 4)
    shares = share_cluster(config(workers={"count": 9}), [node(2), node(2)], 1000)
    assert (shares.actors, shares.cpus) == (9, 1)
    assert "room for 4 now" in shares.why


def test_gpus_are_shared_and_nodes_without_stay_out() -> None:
    nodes = [node(16, gpus=2), node(64)]
    shares = share_cluster(config(), nodes, 1000)
    assert shares.actors == 2 * WORKERS_A_GPU
    assert shares.gpus == 1 / WORKERS_A_GPU
    assert shares.cpus == 4
    assert share_cluster(config(render={"device": "cpu"}), nodes, 1000).gpus == 0


def test_what_no_node_has_is_said() -> None:
    with pytest.raises(InputError, match=r"no node of the cluster has 8 CPUs.*1 node with 2 CPUs"):
        share_cluster(config(render={"threads": 8}), [node(2)], 10)
    with pytest.raises(InputError, match=r"GB of memory, which a worker asks for"):
        share_cluster(config(workers={"memory_gb": 100}), [node(2)], 10)
    with pytest.raises(InputError, match="0 nodes"):
        share_cluster(config(), [], 10)


def test_memory_that_is_asked_for_is_reserved() -> None:
    shares = share_cluster(config(workers={"memory_gb": 10}), [node(8, memory=24 * GB)], 1000)
    assert shares.bound == 10 * GB
    assert shares.memory > shares.bound
    assert shares.actors == 2
