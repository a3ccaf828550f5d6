"""Run the web application's management commands, as the components' user and in their closed environment."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.local.programs import Installation, build_webapp_environment
from appliance.settings import Settings

TAIL_LINES = 25


@dataclass(frozen=True)
class Management:
    """``python -m webapp.manage`` of one installation."""

    settings: Settings
    identity: Identity
    installation: Installation

    def build_command(self, *arguments: str) -> list[str]:
        return [*self.identity.prefix, str(self.installation.python), "-P", "-m", "webapp.manage", *arguments]

    def run(self, *arguments: str) -> str:
        """Run to its end; what it printed. Raises :class:`LocalError` with the end of what it said on failure."""
        result = subprocess.run(
            self.build_command(*arguments), env=build_webapp_environment(self.settings, self.installation),
            cwd=self.installation.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self._keep(arguments, result)
        if result.returncode != 0:
            tail = "\n".join(f"  | {line}" for line in result.stderr.strip().splitlines()[-TAIL_LINES:])
            raise LocalError(
                f"`manage {' '.join(arguments)}` failed:\n{tail}\nAll of it is in {self.settings.log_dir}/manage.log."
            )
        return result.stdout

    def pass_through(self, *arguments: str) -> int:
        """Run with this terminal's own input and output; the exit code."""
        return subprocess.run(
            self.build_command(*arguments), env=build_webapp_environment(self.settings, self.installation),
            cwd=self.installation.root, check=False,
        ).returncode  # fmt: skip

    def _keep(self, arguments: Sequence[str], result: "subprocess.CompletedProcess[str]") -> None:
        """Keep what went wrong for later; what a command prints may be a secret and is not kept."""
        with (self.settings.log_dir / "manage.log").open("a", encoding="utf-8") as log:
            log.write(f"$ manage {' '.join(arguments)} -> {result.returncode}\n{result.stderr}")
