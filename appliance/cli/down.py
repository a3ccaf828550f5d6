"""``down``: stop everything; the data stays."""

from appliance.cli.screen import Screen, out
from appliance.local.instance import open_appliance
from appliance.local.taking_down import take_down


def down() -> None:
    """Stop everything and check that no process is left. The data stays."""
    local = open_appliance()
    if not local.settings.data_dir.exists():
        out.print("Nothing was running.")
        return
    with local.only_one_change():
        running = local.list_running()
        was_up = local.supervisor.find_pid() is not None
        with Screen().step("Stopping") as step:
            left = take_down(local)
            step.note = ", ".join(sorted(running))
        if left:
            out.print(f"  Also stopped {len(left)} processes that had lost their supervisor.")
        out.print("Everything is stopped; the data is in " + str(local.settings.data_dir) + "." if was_up or left
                  else "Nothing was running.", markup=False)  # fmt: skip
