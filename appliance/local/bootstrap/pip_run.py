"""Run pip with progress on the screen and its own words in a log, and put its failures into ours."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from appliance.local.bootstrap import locks
from appliance.local.bootstrap.sources import Sources
from appliance.local.bootstrap.terminal import say

REPORT_SECONDS = 20
TAIL_LINES = 15
EXTRA_INDEX = "PIP_EXTRA_INDEX_URL"
PYTORCH_PAGE = "docs/how-to/install-pytorch-cpu.md"


def build_command(python: Path, lock: Path, options: tuple[str, ...], sources: Sources) -> list[str]:
    command = [
        str(python),
        "-P",
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
    ]
    command += [*options, "--require-hashes", "-r", str(lock)]
    if sources.wheelhouse:
        command += ["--find-links", str(sources.wheelhouse)]
        if locks.is_all_in(sources.wheelhouse, lock):
            command += ["--no-index"]  # which would be waited for, package by package, where there is none
    return command


def build_environment(sources: Sources, inherited: Mapping[str, str]) -> dict[str, str]:
    """The operator's own variables (proxies, certificates), and the further index, whose address may hold a password:
    a command line can be read by everybody on the machine."""
    urls = (inherited.get(EXTRA_INDEX), sources.extra_index_url)
    further = " ".join(url for url in urls if url)
    return {**inherited, EXTRA_INDEX: further} if further else dict(inherited)


def run(command: list[str], *, env: Mapping[str, str], label: str, packages: int, log: Path) -> str | None:
    """Install; ``None`` when it worked, else everything that pip said. Ctrl-C stops pip too and propagates."""
    progress = Progress(label, packages)
    pip = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    with log.open("w", encoding="utf-8") as output, pip:
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                output.write(line)
                progress.see(line)
        except BaseException:
            progress.stop()
            pip.terminate()
            raise
        code = pip.wait()
    progress.finish(ok=code == 0)
    return None if code == 0 else log.read_text(encoding="utf-8")


def explain(said: str, *, lock: Path, log: Path) -> str:
    """The reason of a failed installation with its fix; the end of pip's own words where we know none."""
    if re.search(r"No matching distribution found for torch(vision)?\b", said):
        return (
            "PyTorch's CPU build was not found: it is not on the public package index.\n"
            "Name one of these in appliance.yaml:\n"
            "  install:\n"
            "    wheelhouse: /path/to/folder-with-the-wheel        # works with no internet\n"
            "    extra_index_url: https://address-of-an-index      # PyTorch's own CPU index, or your mirror of it\n"
            f"{PYTORCH_PAGE} shows both, step by step. Then run the same command again."
        )
    if "No space left on device" in said:
        return "The disk is full. Free some space, then run the same command again: it goes on where it stopped."
    if re.search(
        r"(Temporary failure in name resolution|Connection refused|Network is unreachable|ConnectTimeout)", said
    ):
        why = "The package index cannot be reached. With no internet, name a folder of wheels as install.wheelhouse."
    elif "DO NOT MATCH THE HASHES" in said:
        why = f"A package is not the file that {lock.name} names, so it was refused. Check the index or wheelhouse."
    else:
        why = f"Installing {lock.name} failed."
    tail = "\n".join(f"  | {line}" for line in said.strip().splitlines()[-TAIL_LINES:])
    return f"{why}\n{tail}\nAll of it is in {log}. The same command tries again and keeps what is installed."


class Progress:
    """One line that counts packages: rewritten each second on a terminal, repeated now and then elsewhere."""

    def __init__(self, label: str, packages: int) -> None:
        self.label, self.packages, self.seen = label, packages, 0
        self.doing = "starting pip"
        self.started = time.monotonic()
        self.live = sys.stderr.isatty()
        self.over = threading.Event()
        say(f"  Installing the {label}: {packages} packages")
        self.ticking = threading.Thread(target=self._tick, daemon=True)
        self.ticking.start()

    def see(self, line: str) -> None:
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            self.seen += 1
            self.doing = line.split("==")[0].rsplit(" ", 1)[-1].strip()
        elif line.startswith("Installing collected packages"):
            self.doing = "unpacking"

    def stop(self) -> None:
        self.over.set()
        self.ticking.join()

    def finish(self, *, ok: bool) -> None:
        self.stop()
        self._write("done" if ok else "failed")
        if self.live:
            say("")

    def _tick(self) -> None:
        while not self.over.wait(1 if self.live else REPORT_SECONDS):
            self._write(f"{min(self.seen, self.packages)} of {self.packages}, {self.doing}")

    def _write(self, text: str) -> None:
        line = f"  {self.label}: {text} ({time.monotonic() - self.started:.0f} s)"
        say(f"\r{line:<100}" if self.live else line, end="" if self.live else "\n")
