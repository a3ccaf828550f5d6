import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.registry.machine import (
    Gpu,
    can_compile,
    gather_machine_facts,
    is_hub_reachable,
    parse_nvidia_smi,
    read_cpu_flags,
)

MIB = 1024 * 1024


def test_nvidia_smi_lines_become_gpus() -> None:
    text = "NVIDIA L4, 23034, 8.9\nNVIDIA H200, 143771, 9.0\n"
    assert parse_nvidia_smi(text) == (
        Gpu("NVIDIA L4", 23034 * MIB, (8, 9)),
        Gpu("NVIDIA H200", 143771 * MIB, (9, 0)),
    )


def test_nvidia_smi_without_a_usable_gpu_is_none() -> None:
    assert parse_nvidia_smi("No devices were found\nNVIDIA X, [N/A], 8.0\n\n") == ()


def test_cpu_flags_are_read_from_the_first_processor(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512f\n\nprocessor\t: 1\nflags\t\t: none\n")
    assert read_cpu_flags(cpuinfo) == {"fpu", "avx2", "avx512f"}
    assert read_cpu_flags(tmp_path / "absent") == frozenset()


def test_this_machine_has_memory_and_an_architecture() -> None:
    facts = gather_machine_facts(hub_url="http://127.0.0.1:1")
    assert facts.memory_bytes > 2**28
    assert facts.architecture
    assert facts.hub_reachable is False
    assert gather_machine_facts(hub_url=None).hub_reachable is None


class Hub(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        if self.path == "/slow":
            time.sleep(2)
        self.send_response({"/down": 503, "/refused": 403, "/elsewhere": 302}.get(self.path, 200))
        if self.path == "/elsewhere":
            self.send_header("Location", "/")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    """Somebody else's service."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_hub_that_answers_is_reachable_and_one_that_fails_or_sleeps_is_not(hub: str) -> None:
    assert is_hub_reachable(f"{hub}/")
    for path in ("down", "refused", "elsewhere"):
        assert not is_hub_reachable(f"{hub}/{path}")
    assert not is_hub_reachable(f"{hub}/slow", seconds=0.2)


def test_compiling_needs_both_a_compiler_and_pythons_headers(tmp_path: Path) -> None:
    compiler = tmp_path / "bin" / "g++"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\n", encoding="utf-8")
    compiler.chmod(0o755)
    headers = tmp_path / "include"
    headers.mkdir()
    assert not can_compile(path=str(compiler.parent), headers=headers)
    (headers / "Python.h").touch()
    assert can_compile(path=str(compiler.parent), headers=headers)
    assert not can_compile(path=str(headers), headers=headers)
