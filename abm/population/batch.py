"""Many replicates at once: in groups whose arrays fit a core's cache, one group a core at a time."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from abm import interventions as iv
from abm.layout import Layout
from abm.parameters import Parameters
from abm.population.simulate import Run, default_layout, simulate
from abm.rules import Rules

# Per core, 16 clinics of 50 physicians side by side run faster than fewer (short loops) and no slower than more.
PHYSICIANS_AT_ONCE = 800


def simulate_batch(
    parameters: Parameters,
    days: int,
    seeds: Iterable[int] | Any,
    interventions: Iterable[iv.Intervention] | iv.InterventionSet | None = None,
    *,
    layout: Layout | None = None,
    mode: str = "exact",
    period_days: int = 1,
    rules: Rules | None = None,
    replicates_at_once: int | None = None,
) -> Run:
    """`simulate` for each of R seeds, on all cores; the same results as one by one, up to rounding.

    Args:
        parameters: of all replicates; a parameter may also be an array [R], one value a replicate.
        seeds: R integers (0 <= seed < 2**64), an array of R JAX keys, or of R pairs of raw words (uint32 [R, 2]).
        replicates_at_once: replicates side by side in a core, chosen by the size of the clinic if None.
        days, interventions, layout, mode, period_days, rules: as for `simulate`.

    Returns:
        A Run of NumPy arrays with a leading axis of R replicates.

    Raises:
        ValueError: no seeds, a seed out of range, a parameter of another length than R, or as `simulate` does.
    """
    layout = layout or default_layout()
    words = _raw_words(seeds)
    count = len(words)
    if not count:
        raise ValueError("seeds: met none, expected one for each replicate")
    dtype = jnp.zeros(()).dtype
    parameters = jax.tree.map(lambda v: np.asarray(v, dtype), parameters)
    for name, value in vars(parameters).items():
        if value.shape not in ((), (count,)):
            raise ValueError(f"{name}: met an array of shape {value.shape}, expected one number or one for each of "
                             f"{count} seeds")  # fmt: skip
    changes = iv.as_set(interventions, layout)
    groups = math.ceil(count / (replicates_at_once or max(PHYSICIANS_AT_ONCE // layout.physicians, 1)))
    size = math.ceil(count / groups)
    x64 = bool(jax.config.jax_enable_x64)

    def run(first: int) -> Run:
        # groups are of one size, so that one program runs them all: the last one repeats some replicates
        chosen = np.arange(first, first + size) % count
        some = jax.tree.map(lambda v: v[chosen] if v.ndim else v, parameters)
        with jax.enable_x64(x64):  # a setting of each thread
            group = _group(some, words[chosen], changes, layout, days, mode, period_days, rules or Rules())
            return jax.tree.map(np.asarray, group)

    with ThreadPoolExecutor(min(groups, core_count())) as pool:
        runs = list(pool.map(run, range(0, count, size)))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *runs)


@functools.partial(jax.jit, static_argnums=(4, 5, 6, 7))
def _group(parameters: Parameters, words: Any, changes: iv.InterventionSet, layout: Layout, days: int, mode: str,
           period_days: int, rules: Rules) -> Run:  # fmt: skip
    def one(parameters: Parameters, words: Any) -> Run:
        return simulate(parameters, days, words, changes, layout=layout, mode=mode, period_days=period_days,
                        rules=rules)  # fmt: skip

    axes = jax.tree.map(lambda v: 0 if v.ndim else None, parameters)
    return jax.vmap(one, in_axes=(axes, 0))(parameters, words)


def _raw_words(seeds: Any) -> np.ndarray:
    """uint32 [R, 2], as `draws.seed_words` takes them."""
    if hasattr(seeds, "dtype") and jax.dtypes.issubdtype(seeds.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(seeds))[..., -2:].reshape(-1, 2)
    if hasattr(seeds, "dtype") and seeds.dtype == np.uint32 and seeds.ndim == 2:
        return np.asarray(seeds)
    numbers = [int(seed) for seed in seeds]
    for seed in numbers:
        if not 0 <= seed < 1 << 64:
            raise ValueError(f"seeds: met {seed}, expected 0 <= seed < 2**64")
    return np.array([(seed & 0xFFFFFFFF, seed >> 32) for seed in numbers], np.uint32).reshape(-1, 2)


def core_count() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
