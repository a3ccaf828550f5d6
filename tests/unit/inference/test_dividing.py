"""One GPU's memory between several engines: by figures computed by hand, and refused with them where it is short."""

import pytest

from inference.planning.dividing import DoNotFitError, Sharer, divide_gpu, divide_machine
from inference.planning.sizing import GIB, GPU_WORKING_BYTES

KIB = 1024
LLAMA = Sharer("model", 16 * GIB, 128 * KIB)
CODER = Sharer("coder", 8 * GIB, 64 * KIB)
EMBEDS = Sharer("embeds", 1 * GIB, 0)


def test_one_engine_alone_gets_what_it_always_got() -> None:
    (portion,) = divide_gpu([LLAMA], 48 * GIB)
    assert portion.fraction == 0.9
    assert portion.kv_cache_bytes == int(48 * GIB * 0.9) - 16 * GIB - GPU_WORKING_BYTES


def test_what_the_weights_leave_is_shared_equally() -> None:
    """80 GiB x 0.9 = 72; less 16 + 2 and 8 + 2 leaves 44: 22 for each cache."""
    main, coder = divide_gpu([LLAMA, CODER], 80 * GIB)
    assert (main.fraction, coder.fraction) == (0.5, 0.4)
    assert main.kv_cache_bytes == pytest.approx(22 * GIB, abs=0.1 * GIB)
    assert coder.kv_tokens == coder.kv_cache_bytes // (64 * KIB)


def test_memory_share_moves_it() -> None:
    """Of 44 GiB, 3 parts to 1: 33 and 11."""
    main, coder = divide_gpu([LLAMA, Sharer("coder", 8 * GIB, 64 * KIB, share=3.0)], 80 * GIB)
    assert main.fraction == pytest.approx((16 + 2 + 11) / 80, abs=0.001)
    assert coder.fraction == pytest.approx((8 + 2 + 33) / 80, abs=0.001)


def test_engine_without_a_cache_takes_no_part_of_it() -> None:
    main, embeds = divide_gpu([LLAMA, EMBEDS], 80 * GIB)
    assert embeds.fraction == pytest.approx(3 / 80, abs=0.001)
    assert (embeds.kv_cache_bytes, embeds.kv_tokens) == (0, None)
    assert main.fraction == pytest.approx(69 / 80, abs=0.001)


def test_all_together_never_want_more_than_there_is() -> None:
    for size in (24, 40, 48, 80, 141):
        portions = divide_gpu([Sharer(f"m{n}", n * GIB, 1 * KIB, share=n) for n in (1, 2, 3)], size * GIB)
        assert sum(portion.fraction or 0 for portion in portions) <= 0.9


def test_explicit_fraction_wins_and_the_rest_is_divided() -> None:
    main, coder = divide_gpu([Sharer("model", 16 * GIB, 128 * KIB, fraction=0.6), CODER], 80 * GIB)
    assert (main.fraction, coder.fraction) == (0.6, 0.3)
    assert main.kv_cache_bytes == int(80 * GIB * 0.6) - 18 * GIB


def test_explicit_fractions_beyond_the_most_are_refused_with_their_sum() -> None:
    both = [Sharer("model", GIB, KIB, fraction=0.6), Sharer("coder", GIB, KIB, fraction=0.4)]
    with pytest.raises(DoNotFitError, match=r"memory_fraction of model and coder are 1\.00 .* 0\.95 is the most"):
        divide_gpu(both, 80 * GIB)


def test_models_that_do_not_fit_together_are_refused_with_the_figures_and_a_next_step() -> None:
    with pytest.raises(DoNotFitError) as refused:
        divide_gpu([LLAMA, CODER], 24 * GIB)
    said = str(refused.value)
    assert "24.0 GiB of memory, of which 21.6 GiB are used" in said
    assert "model 16.0 GiB of weights, 2.0 GiB to work" in said
    assert "Choose smaller or quantised models" in said


def test_part_too_small_for_the_context_asked_for_is_refused() -> None:
    wants = Sharer("coder", 8 * GIB, 64 * KIB, context_tokens=131072, share=0.1)
    with pytest.raises(DoNotFitError, match=r"131,072 tokens need 8\.0 GiB\. Raise its memory_share"):
        divide_gpu([LLAMA, wants], 80 * GIB)


def test_cache_that_no_formula_describes_gets_its_part_without_a_count() -> None:
    _main, odd = divide_gpu([LLAMA, Sharer("odd", 8 * GIB, None)], 80 * GIB)
    assert odd.kv_cache_bytes > 20 * GIB
    assert odd.kv_tokens is None


def test_on_a_cpu_the_sum_is_held_against_the_machine() -> None:
    engines = [Sharer(name, GIB, 16 * KIB, kv_cache_bytes=GIB) for name in ("model", "coder")]
    main, _coder = divide_machine(engines, 8 * GIB)
    assert (main.fraction, main.kv_tokens) == (None, 65536)
    with pytest.raises(DoNotFitError, match=r"need 8\.0 GiB of memory together, and this machine has 7\.0 GiB"):
        divide_machine(engines, 7 * GIB)
