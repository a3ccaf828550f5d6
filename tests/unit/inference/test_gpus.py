import pytest
import yaml
from pydantic import ValidationError

from inference.planning.errors import GpuUnknownError
from inference.planning.gpus import SOURCE, GpuCatalogue, GpuModel, get_gpu, has_bf16, has_fp8, load_gpus
from inference.planning.sizing import GB


def test_gpus_go_from_sixteen_gigabytes_to_the_largest() -> None:
    sizes = [gpu.memory_bytes for gpu in load_gpus().gpus]
    assert sizes == sorted(sizes)
    assert sizes[0] < 17 * GB
    assert sizes[-1] > 180 * GB
    known = {gpu.id for gpu in load_gpus().gpus}
    assert {"t4", "a16", "l4", "a10", "l40s", "a100", "h100", "h100-nvl", "h200", "b200", "b300"} <= known


@pytest.mark.parametrize(
    ("name", "bf16", "fp8"),
    [("t4", False, False), ("a100", True, False), ("a10", True, False), ("l4", True, True), ("h100", True, True),
     ("b200", True, True)],
)  # fmt: skip
def test_abilities_follow_from_the_compute_capability(name: str, bf16: bool, fp8: bool) -> None:
    capability = get_gpu(name).capability
    assert (has_bf16(capability), has_fp8(capability)) == (bf16, fp8)


def test_gpu_is_found_by_id_or_name_in_any_case() -> None:
    assert get_gpu("L40S") == get_gpu("NVIDIA L40s") == get_gpu(" l40s ")


def test_unknown_gpu_is_refused_with_the_known_ones() -> None:
    with pytest.raises(GpuUnknownError, match=r"no GPU 'voodoo' in the catalogue: a16, t4, rtx-5080, "):
        get_gpu("voodoo")


@pytest.mark.parametrize("sizes", [{}, {"memory_mib": 1, "memory_gb": 1}])
def test_gpu_has_exactly_one_size(sizes: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="has either memory_mib or memory_gb"):
        GpuModel(id="x", name="X", memory_source="y", compute_capability="8.0", **sizes)


def test_source_that_nothing_cites_is_refused() -> None:
    raw = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    raw["sources"]["idle"] = {"title": "x", "address": "https://example.com"}
    raw["gpus"] = tuple(raw["gpus"])
    with pytest.raises(ValidationError, match=r"sources and what cites them differ: \['idle'\]"):
        GpuCatalogue.model_validate(raw, strict=False)
