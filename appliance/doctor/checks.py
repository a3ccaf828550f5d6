"""Every check: what was observed, how bad it is, and what to do. Pure: a check sees :class:`Facts` and nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from appliance.doctor.facts import Facts

GIB = 2**30
PYTHONS = ((3, 11), (3, 13))
CPU_LOCK_PYTHON = (3, 11)
MEMORY_ERROR_BYTES = 2 * GIB
MEMORY_WARNING_BYTES = 4 * GIB
MEMORY_WITH_MODEL_BYTES = 8 * GIB
DISK_SPARE_BYTES = 2 * GIB
SOCKET_PATH_LIMIT = 107


@dataclass(frozen=True)
class Check:
    """One finding. ``id`` never changes between releases; ``fix`` is empty when all is well."""

    id: str
    severity: Literal["ok", "warning", "error"]
    observed: str
    fix: str = ""


def run_checks(facts: Facts) -> list[Check]:
    """Every check's findings, in a fixed order; nothing stops at the first problem."""
    return [finding for check in CHECKS for finding in check(facts)]


def check_system(facts: Facts) -> Iterator[Check]:
    observed = f"{facts.system} on {facts.architecture}"
    if facts.system != "Linux":
        yield Check("system", "error", observed, "Use a Linux machine or virtual machine, for example Debian 12.")
    elif facts.architecture != "x86_64":
        yield Check("system", "warning", observed, "Only x86_64 is tested; some packages may have no build for this.")
    else:
        yield Check("system", "ok", observed)


def check_python(facts: Facts) -> Iterator[Check]:
    observed = f"Python {facts.python[0]}.{facts.python[1]}"
    if not PYTHONS[0] <= facts.python <= PYTHONS[1]:
        yield Check("python", "error", observed, "Install Python 3.11: apt install python3 python3-venv (Debian 12).")
    elif not facts.has_venv:
        yield Check("python", "error", f"{observed} without venv", "Install it: apt install python3-venv")
    elif facts.wants_cpu_model and facts.python != CPU_LOCK_PYTHON and facts.environments["inference"] != "finished":
        fix = (
            "PyTorch's CPU build is locked for Python 3.11: remove .venv and put python3.11 on PATH, or resolve the "
            "lock for this one as docs/how-to/install-pytorch-cpu.md says."
        )
        yield Check("python", "warning", observed, fix)
    else:
        yield Check("python", "ok", observed)


def check_redis(facts: Facts) -> Iterator[Check]:
    """The packaged one has no build for Python 3.13."""
    if facts.has_redis:
        yield Check("redis", "ok", "redis-server found")
    else:
        fix = "Install it: apt install redis-server (or valkey-server); or use Python 3.11 or 3.12, which need none."
        yield Check("redis", "error", "there is no redis-server or valkey-server", fix)


def check_memory(facts: Facts) -> Iterator[Check]:
    total, available = facts.memory_bytes / GIB, facts.memory_available_bytes / GIB
    observed = f"{total:.1f} GiB, {available:.1f} GiB of it available"
    if facts.running:
        yield Check("memory", "ok", observed)
    elif facts.memory_available_bytes < MEMORY_ERROR_BYTES:
        fix = "The appliance without a model needs 2 GiB. Stop other programs, or give the machine more memory."
        yield Check("memory", "error", observed, fix)
    elif facts.memory_available_bytes < MEMORY_WARNING_BYTES:
        yield Check("memory", "warning", observed, "Enough without a model; 4 GiB available is comfortable.")
    elif facts.wants_cpu_model and facts.memory_available_bytes < MEMORY_WITH_MODEL_BYTES:
        yield Check("memory", "warning", observed, "A model on the CPU needs about 8 GiB. Choose a small one.")
    else:
        yield Check("memory", "ok", observed)


def check_disk(facts: Facts) -> Iterator[Check]:
    free, needed = facts.disk_free_bytes / GIB, facts.disk_needed_bytes / GIB
    observed = f"{free:.1f} GiB free; about {needed:.0f} GiB still to be installed"
    if facts.disk_free_bytes < max(facts.disk_needed_bytes, GIB // 2):
        fix = f"Free some space, or name a data_dir on another disk in appliance.yaml (now {facts.data_dir})."
        yield Check("disk", "error", observed, fix)
    elif facts.disk_free_bytes < facts.disk_needed_bytes + DISK_SPARE_BYTES:
        yield Check("disk", "warning", observed, "Little is left for documents and models.")
    else:
        yield Check("disk", "ok", observed)


def check_cpu(facts: Facts) -> Iterator[Check]:
    """Only a model on the CPU cares."""
    if facts.architecture != "x86_64":
        return
    observed = (
        ", ".join(sorted(flag for flag in facts.cpu_flags if flag in {"avx2", "avx512f", "amx_bf16"})) or "no AVX2"
    )
    if facts.wants_cpu_model and "avx2" not in facts.cpu_flags:
        fix = (
            "vLLM cannot run on this CPU, so answers will be quoted passages. In a virtual machine, choose the host's "
            "CPU type (`host`) to pass AVX2 on; otherwise use a newer CPU or an NVIDIA GPU."
        )
        yield Check("cpu", "warning", observed, fix)
    elif facts.wants_cpu_model and "avx512f" not in facts.cpu_flags:
        yield Check("cpu", "ok", f"{observed} (without AVX-512 a model is slower)")
    else:
        yield Check("cpu", "ok", observed)


def check_libnuma(facts: Facts) -> Iterator[Check]:
    """Only a model on the CPU cares."""
    if facts.wants_cpu_model and not facts.has_libnuma:
        fix = "Without it no model runs on this CPU, and answers will be quoted passages. Run: apt install libnuma1"
        yield Check("libnuma", "warning", "libnuma.so.1 is not installed", fix)


def check_data_dir(facts: Facts) -> Iterator[Check]:
    if facts.data_dir_problem:
        fix = "Correct its owner and mode, or name another folder as data_dir in appliance.yaml."
        yield Check("data-dir", "error", f"{facts.data_dir}: {facts.data_dir_problem}", fix)
    else:
        yield Check("data-dir", "ok", str(facts.data_dir))
    length = len(str(facts.socket_path))
    if length > SOCKET_PATH_LIMIT:
        fix = "A unix socket's path may have 107 characters. Name a shorter data_dir in appliance.yaml."
        yield Check("socket-path", "error", f"{facts.socket_path} has {length} characters", fix)


SETTING_OF = {"engine": "model.port", "embedder": "embeddings.port", "engine-proxy": "engine_proxy.port"}


def check_ports(facts: Facts) -> Iterator[Check]:
    taken = {name: port for name, port in facts.wanted_ports.items() if port in facts.listeners}
    for name, port in taken.items():
        who = facts.listeners[port].process or "a process of another user"
        key = SETTING_OF.get(name) or _name_setting(name)
        fix = f"Stop it, or choose another port as {key} in appliance.yaml."
        yield Check("ports", "error", f"port {port}, which {name} needs, is in use by {who}", fix)
    if not taken:
        ports = ", ".join(str(port) for port in sorted(facts.wanted_ports.values()))
        yield Check("ports", "ok", f"{ports} free" if ports else "held by the running appliance")


def _name_setting(component: str) -> str:
    further = component.removeprefix("engine-")
    return f"further_models.{further}.port" if further != component else f"{component}.port"


def check_environments(facts: Facts) -> Iterator[Check]:
    for name, state in facts.environments.items():
        if state == "unfinished":
            fix = "An earlier installation did not finish, or the lock changed: `bin/appliance up` finishes it."
            yield Check("installation", "warning", f"the {name} environment is unfinished", fix)
        else:
            yield Check("installation", "ok", f"the {name} environment is {state}")


CHECKS: tuple[Callable[[Facts], Iterator[Check]], ...] = (
    check_system, check_python, check_redis, check_memory, check_disk, check_cpu, check_libnuma, check_data_dir,
    check_ports, check_environments,
)  # fmt: skip
