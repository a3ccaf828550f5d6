"""The engine's processes as one group that ends as a whole, also when the keeper is killed.

In the group is a witness: a process that does nothing but notice the keeper's end, and then kills the group. What loses
its parent becomes the keeper's child, so that nothing is left behind as a zombie.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from inference.serving.explaining import explain_line

PR_SET_CHILD_SUBREAPER = 36
TAIL_LINES = 40
DEAF_TO = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGABRT)
DUMP_SECONDS = 3.0
REAP_SECONDS = 20.0
POLL_SECONDS = 0.05


class EngineGroup:
    """Starts ``argv`` at once, from a process that has no other children. Its output goes to ours; the last lines are
    kept, and whether ``mark`` was in any."""

    def __init__(self, argv: Sequence[str], *, mark: str) -> None:
        _become_subreaper()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core holds what callers wrote
        self._lifeline = os.pipe()
        self.id = self._fork_witness()
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=self.id
        )
        self._mark, self.has_marked = mark, False
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._explanation: str | None = None
        self._reader = threading.Thread(target=self._pass_on, name="output", daemon=True)
        self._reader.start()

    @property
    def tail(self) -> list[str]:
        """The last lines that the engine wrote."""
        return list(self._tail)

    @property
    def explanation(self) -> str:
        """Why it ended, where it said so in words that are known."""
        return self._explanation or ""

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs. Collects what other children left."""
        if self.process.poll() is None:
            self._reap_orphans()
        return self.process.returncode

    def tell(self, number: signal.Signals) -> None:
        """To the server alone: its workers would end at once."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Whether the server ended within ``seconds``."""
        deadline = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def dump(self) -> None:
        """Every process writes where each of its threads stands (faulthandler, without any values) and ends."""
        with suppress(ProcessLookupError):
            os.killpg(self.id, signal.SIGABRT)
            os.killpg(self.id, signal.SIGCONT)  # one that was stopped has to run to do so
        self.wait(DUMP_SECONDS)

    def end(self) -> bool:
        """Kill what is left; whether all of it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.id, signal.SIGKILL)
        self.wait(REAP_SECONDS)
        deadline = time.monotonic() + REAP_SECONDS
        while self._reap_orphans():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        self._reader.join(1)
        os.close(self._lifeline[1])
        return True

    def _reap_orphans(self) -> bool:
        """Whether there are children that still run. The server's own end is left for Popen."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            if found is None or found.si_pid == self.process.pid:
                return True
            with suppress(ChildProcessError):
                os.waitpid(found.si_pid, os.WNOHANG)

    def _fork_witness(self) -> int:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self._witness()
        os.setpgid(pid, pid)
        os.close(self._lifeline[0])
        return pid

    def _witness(self) -> NoReturn:
        try:
            os.setpgid(0, 0)
            for number in DEAF_TO:
                signal.signal(number, signal.SIG_IGN)
            os.close(self._lifeline[1])
            os.read(self._lifeline[0], 1)  # ends with the keeper, whatever ended it
            os.killpg(0, signal.SIGKILL)
        finally:
            os._exit(1)

    def _pass_on(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            text = line.decode(errors="replace").rstrip()
            self._tail.append(text)
            self.has_marked = self.has_marked or self._mark in text
            if self._explanation is None:
                self._explanation = explain_line(text)
            with suppress(OSError, ValueError):  # who reads our output may be gone: no reason to block the engine
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()


def _become_subreaper() -> None:
    """Where the kernel refuses it, orphans are init's business, as they always were."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
