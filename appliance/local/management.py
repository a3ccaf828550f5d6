"""Run the web application's management commands, as the components' user and in their closed environment."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.programs import Installation, build_webapp_environment
from appliance.settings import Settings
from appliance.settings.files import open_kept

TAIL_LINES = 25


@dataclass(frozen=True)
class Management:
    """``python -m webapp.manage`` of one installation."""

    settings: Settings
    identity: Identity
    installation: Installation

    def build_command(self, *arguments: str) -> list[str]:
        return [*self.identity.prefix, str(self.installation.python), "-P", "-m", "webapp.manage", *arguments]

    def run(self, *arguments: str, see: Callable[[str], None] = lambda _line: None) -> str:
        """Run to its end; what it printed, each line of which is given to ``see`` when it comes.

        Raises :class:`LocalError` with the end of what it said on failure.
        """
        result = self._execute(arguments, see)
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

    def _execute(self, arguments: Sequence[str], see: Callable[[str], None]) -> "subprocess.CompletedProcess[str]":
        command, lines = self.build_command(*arguments), list[str]()
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
            with subprocess.Popen(
                command, env=build_webapp_environment(self.settings, self.installation), cwd=self.installation.root,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, text=True, errors="replace",
            ) as process:  # fmt: skip
                assert process.stdout is not None
                try:
                    for line in process.stdout:
                        lines.append(line)
                        see(line.strip())
                except BaseException:
                    process.kill()
                    raise
            complaints.seek(0)
            return subprocess.CompletedProcess(command, process.returncode, "".join(lines), complaints.read())

    def _keep(self, arguments: Sequence[str], result: "subprocess.CompletedProcess[str]") -> None:
        """Keep what went wrong for later; what a command prints may be a secret and is not kept."""
        with open_kept(self.settings.log_dir / "manage.log", "a", rights=0o600) as log:
            log.write(f"$ manage {' '.join(arguments)} -> {result.returncode}\n{result.stderr}")
