"""``python -m appliance.topology``: this installation's topology as JSON."""

import dataclasses
import json
import sys

from appliance.settings import load
from appliance.topology import build_topology

if __name__ == "__main__":
    document = {"schema_version": 1, **dataclasses.asdict(build_topology(load()))}
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
