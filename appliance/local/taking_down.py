"""Stop the appliance, and what a killed supervisor left of it. The data stays."""

from appliance.local.instance import LocalAppliance
from appliance.local.prepared import forget_prepared
from appliance.local.processes import find_marked, stop
from appliance.local.reporting import Report


def take_down(local: LocalAppliance) -> list[int]:
    """Stop everything; the pids of what the supervisor had lost and that was stopped by itself."""
    local.supervisor.shut_down()
    left = find_marked(local.settings)
    stop(left)
    if local.settings.run_dir.exists():
        forget_prepared(local.settings)
    return left


def stop_leftovers(local: LocalAppliance, report: Report) -> None:
    """Stop processes that run without the supervisor that started them: they would hold ports and data."""
    if local.supervisor.find_pid() is None and (left := find_marked(local.settings)):
        with report.step(f"Stopping {len(left)} processes that an earlier run left"):
            stop(left)
