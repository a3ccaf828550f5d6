"""The name of this room's durable work, and its limits."""

KIND = "run"
TASK = "agents.execute_run"
MAX_ATTEMPTS = 5
LEASE_SECONDS = 10.0
