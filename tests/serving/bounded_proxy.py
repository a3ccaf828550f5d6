"""The proxy with other bounds than its own, so that tests reach them: runs in the inference environment."""

import argparse
import json
from dataclasses import replace

import uvloop

from inference.engine_proxy import logs
from inference.engine_proxy.__main__ import serve
from inference.engine_proxy.bounds import Bounds
from inference.metrics.nvml import NvmlSource
from inference.metrics.nvml_port import PynvmlPort


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--engine-url", required=True)
    parser.add_argument("--bounds", type=json.loads, required=True)
    given = parser.parse_args()
    logs.set_up()
    bounds = replace(Bounds(), **given.bounds)
    gpus, upstreams = NvmlSource(PynvmlPort()), {"engine": given.engine_url}
    uvloop.run(serve("127.0.0.1", given.port, upstreams=upstreams, files=None, gpus=gpus, bounds=bounds))


if __name__ == "__main__":
    main()
