"""One model on several machines: whole lines of head and headless node, their environment, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from appliance.settings.model import Model
from inference.registry.choice import ModelWish, choose_model
from inference.registry.options import Nodes, Options
from inference.registry.spec import ModelSpec
from inference.registry.wish import build_options
from inference.serving.argv import build_engine_argv
from inference.serving.command import engine_command
from tests.unit.inference.test_choice import with_gpu

HEAD: dict[str, Any] = {
    "count": 2, "rank": 0, "head_address": "192.0.2.10", "address": "192.0.2.10", "interface": "ens5",
}  # fmt: skip
SECOND = {**HEAD, "rank": 1, "address": "192.0.2.11"}
SPEC = ModelSpec("m", "directory", "cuda", Path("/models/m"), tensor_parallel=4, pipeline_parallel=2)
FLAGS = (
    "--model /models/m --served-model-name m --load-format safetensors --max-model-len auto "
    "--gpu-memory-utilization 0.9 --tensor-parallel-size 4 --pipeline-parallel-size 2 "
    "--distributed-executor-backend mp --nnodes 2 --node-rank {rank} --master-addr 192.0.2.10 --master-port 29501 "
    "{headless}--max-num-seqs 128 --max-num-queued-reqs 1024 --enable-prefix-caching "
    "--disable-fastapi-docs --disable-uvicorn-access-log --no-enable-log-requests"
)


def build_model(nodes: dict[str, Any]) -> Model:
    return Model.model_validate({"tensor_parallel": 4, "pipeline_parallel": 2, "nodes": nodes})


def spec_of(nodes: dict[str, Any]) -> ModelSpec:
    return replace(SPEC, options=build_options(build_model(nodes)))


def line(nodes: dict[str, Any]) -> str:
    return " ".join(build_engine_argv(spec_of(nodes), python=Path("/py"), port=8410))


def test_head_serves_and_waits_for_the_others() -> None:
    server = "/py -m vllm.entrypoints.openai.api_server --host 127.0.0.1 --port 8410"
    assert line(HEAD) == f"{server} {FLAGS.format(rank=0, headless='')}"


def test_other_nodes_have_no_port() -> None:
    assert line(SECOND) == f"/py -m inference.serving.headless {FLAGS.format(rank=1, headless='--headless ')}"


def test_nodes_meet_in_their_own_network_and_one_machine_on_loopback() -> None:
    def env(spec: ModelSpec) -> dict[str, str]:
        command = engine_command(spec, python=Path("/py"), port=1, data_dir=Path("/d"), root=Path("/r"))
        return {name: value for name, value in command.env.items() if "IFNAME" in name or name == "VLLM_HOST_IP"}

    assert env(spec_of(SECOND)) == {
        "VLLM_HOST_IP": "192.0.2.11", "GLOO_SOCKET_IFNAME": "ens5", "TP_SOCKET_IFNAME": "ens5",
        "NCCL_SOCKET_IFNAME": "=ens5",
    }  # fmt: skip
    assert env(SPEC) == {"VLLM_HOST_IP": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rank": 2}, "of 2 nodes the last is 1"),
        ({"head_address": None}, "need head_address"),
        ({"address": None}, "this machine's own address"),
        ({"interface": None}, "interface"),
        ({"interface": "a b"}, "pattern"),
        ({"address": "192.0.2.12"}, "address of rank 0, and of no other node"),
        ({"rank": 1}, "address of rank 0, and of no other node"),
        ({"head_address": "gpu-1"}, "is no IPv4 or IPv6 address"),
        ({"count": 3}, "does not divide tensor_parallel times pipeline_parallel, 8"),
    ],
)
def test_nodes_that_could_not_meet_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        build_model({**HEAD, **changes})


def test_each_node_needs_its_share_of_the_gpus() -> None:
    machine, gpus = with_gpu(24), 1
    nodes = Options(nodes=Nodes(2, 1, "192.0.2.10", "192.0.2.11", "ens5"))
    fits = ModelWish(hub_id="owner/name", tensor_parallel=gpus, pipeline_parallel=2, options=nodes)
    assert choose_model(fits, machine).spec is not None
    alone = replace(fits, options=Options())
    assert choose_model(alone, machine).reason == (
        f"model.tensor_parallel is {gpus}, model.pipeline_parallel 2: on each of 1 machines {2 * gpus} GPUs; "
        f"the GPUs here are {gpus}."
    )
