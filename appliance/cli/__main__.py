"""``python -m appliance.cli VERB``: what ``bin/appliance`` becomes once the environment is there."""

import signal
import sys
from types import FrameType

from appliance.cli import exit_codes
from appliance.cli.app import application
from appliance.cli.screen import err
from appliance.local.environments import InstallError
from appliance.local.errors import BusyError, LocalError
from appliance.settings import SettingsError


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run a verb; what we foresee is one clear message and a documented exit code, never a traceback."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        application(prog_name="bin/appliance")
    except (SettingsError, InstallError) as error:
        return _explain(error, exit_codes.UNUSABLE)
    except BusyError as error:
        return _explain(error, exit_codes.BUSY)
    except LocalError as error:
        return _explain(error, exit_codes.PROBLEM)
    return 0


def _explain(error: Exception, code: int) -> int:
    err.print(str(error), markup=False)
    return code


if __name__ == "__main__":
    sys.exit(main())
