"""``python -m appliance.cli VERB``: what ``bin/appliance`` becomes once the environment is there."""

import signal
import sys
from types import FrameType

from appliance.cli import exit_codes
from appliance.local.bootstrap.terminal import complain
from appliance.local.bootstrap.trouble import explain_os_error

try:
    from appliance.cli.app import application
    from appliance.cli.usage import UsageError
    from appliance.local.acknowledgements import NameMissingError
    from appliance.local.environments import InstallError
    from appliance.local.errors import BusyError, LocalError
    from appliance.settings import SettingsError
except ModuleNotFoundError as missing:
    # What runs was started from the environment as it was before, and goes on running.
    complain(
        f"The environment is incomplete ({missing}): an installation was interrupted, so this command cannot look at "
        "the appliance. `bin/appliance up` finishes the installation."
    )
    sys.exit(exit_codes.UNUSABLE)


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
    except (UsageError, NameMissingError) as error:
        return _explain(error, exit_codes.USAGE)
    except LocalError as error:
        return _explain(error, exit_codes.PROBLEM)
    except OSError as error:
        if (explained := explain_os_error(error)) is None:
            raise
        complain(explained)
        return exit_codes.UNUSABLE
    return 0


def _explain(error: Exception, code: int) -> int:
    complain(str(error))
    return code


if __name__ == "__main__":
    sys.exit(main())
