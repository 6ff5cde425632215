"""Named random draws both engines share: a hash of (seed, stream, agent, day, index) gives four 32-bit words.

Because a draw is addressed and not taken in sequence, both engines can be fed the same draws, two interventions meet
the
same patients (common random numbers), and nothing depends on batch size, order or number of processes.

The hash is ``pcg4d`` of Jarzynski & Olano 2020 (J Comput Graph Tech 9:20), a permuted congruential generator in four
dimensions: about 20 integer operations for 128 bits in NumPy and JAX alike. ``jax.random`` (Threefry) took eight times
as long per bit on a CPU, where random bits dominate a simple clinic day, and has no NumPy twin for the Mesa engine.
"""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

Words = tuple[Any, Any, Any, Any]


class Stream(enum.IntEnum):
    """What a draw is for; each stream has addresses of its own."""

    VISITS = 1
    MESSAGES = 2
    REQUEST = 3
    SLOT = 4
    PERSON = 5
    TAKE_UP = 6
    OBSERVATION = 7


NORMAL_LEVELS = 1 << 16
# Standard normal at the midpoints of 65,536 equally likely cells: one gather a draw, the same bits in both engines.
NORMAL_TABLE: np.ndarray = ndtri((np.arange(NORMAL_LEVELS) + 0.5) / NORMAL_LEVELS)


def seed_words(seed: Any) -> Any:
    """Two uint32 words from an int (0 <= seed < 2**64), a JAX PRNG key, or two raw words (uint32 [..., 2]).

    They are hashed once, so that neighbouring seeds share no address: the seed's words are later added to an agent's
    number, where seed 1 of agent 0 would else be seed 0 of agent 1. Raises ValueError on an int out of range.
    """
    xp: Any = np
    if isinstance(seed, int | np.integer):
        if not 0 <= int(seed) < 1 << 64:
            raise ValueError(f"seed: met {seed}, expected 0 <= seed < 2**64")
        seed = np.array([int(seed) & 0xFFFFFFFF, int(seed) >> 32], dtype=np.uint32)
    elif not isinstance(seed, np.ndarray):
        import jax
        import jax.numpy as xp

        if jax.dtypes.issubdtype(seed.dtype, jax.dtypes.prng_key):
            seed = jax.random.key_data(seed)
    low, high = (xp.atleast_1d(seed[..., k]).astype(xp.uint32) for k in (-2, -1))
    none = xp.zeros_like(low)
    mixed = xp.stack(_pcg4d(low, high, none, none, xp)[:2], axis=-1)
    return mixed.reshape((*seed.shape[:-1], 2))


def words(seed: Any, stream: Stream, agent: Any, day: Any, index: Any, xp: Any) -> Words:
    """Four independent uint32 words for every address; ``seed`` is two of `seed_words`, other arguments broadcast."""
    u32 = xp.uint32
    # at least one axis: NumPy warns of the intended overflow for scalars alone
    as_u32 = lambda v: xp.atleast_1d(xp.asarray(v)).astype(u32)  # noqa: E731
    x = as_u32(index) ^ u32((int(stream) * 0x9E3779B9) & 0xFFFFFFFF)
    return _pcg4d(x, as_u32(agent) + as_u32(seed[1]), as_u32(day), as_u32(seed[0]), xp)


def _pcg4d(x: Any, y: Any, z: Any, w: Any, xp: Any) -> Words:
    """The hash of Jarzynski & Olano on uint32 arrays that broadcast."""
    u32 = xp.uint32
    factor, add = u32(1664525), u32(1013904223)
    x, y, z, w = x * factor + add, y * factor + add, z * factor + add, w * factor + add
    for last in (False, True):
        x = x + y * w
        y = y + z * x
        z = z + x * y
        w = w + y * z
        if not last:
            x, y, z, w = x ^ (x >> u32(16)), y ^ (y >> u32(16)), z ^ (z >> u32(16)), w ^ (w >> u32(16))
    return x, y, z, w


def uniform(word: Any, dtype: Any, xp: Any) -> Any:
    """Uniform on (0, 1), never 0 or 1; 32 bits in float64, 23 in float32."""
    if np.dtype(dtype) == np.float64:
        return (word.astype(dtype) + 0.5) * 2.0**-32
    return ((word >> xp.uint32(9)).astype(dtype) + 0.5) * xp.asarray(2.0**-23, dtype)


def normal(word: Any, dtype: Any, xp: Any) -> Any:
    """Standard normal from the upper 16 bits of a word."""
    return xp.asarray(NORMAL_TABLE, dtype)[normal_cell(word, xp)]


def normal_cell(word: Any, xp: Any) -> Any:
    """Cell of NORMAL_TABLE that a word falls into."""
    return (word >> xp.uint32(16)).astype(xp.int32)


def normal_of_uniform(u: Any, dtype: Any, xp: Any) -> Any:
    """The standard normal with the same rank as a uniform (to 16 bits)."""
    return xp.asarray(NORMAL_TABLE, dtype)[(u * NORMAL_LEVELS).astype(xp.int32)]


def middle_cell(rank: Any, size: Any, xp: Any = np) -> Any:
    """Cell of NORMAL_TABLE at the middle of ``rank`` among ``size`` equally likely ranks.

    In float32 it may be the cell beside.
    """
    # the quarter keeps clear of rounding: without it the quotient is a whole number or at least 1 / size away from one
    return xp.floor(((rank + 0.5) * NORMAL_LEVELS + 0.25) / size).astype(xp.int32)


class DayDraws(NamedTuple):
    """All draws of one day but the identities of those who ask; N physicians, P people, K slots, C changes."""

    visits: Any  # uniform [3, N]: how many want a visit today, join the waiting list, find the wait too long
    rounding: Any  # uniform [N]: rounds the template to whole slots
    same_day_rounding: Any  # uniform [N]: rounds the slots kept for the same day
    messages: Any  # uniform [N, 4]: patients, results, colleagues, system
    no_show: Any  # uniform [N, K]
    rooming: Any  # standard normal [N, K]
    visit: Any  # standard normal [N, K]
    employment: Any  # uniform [P]: leaving or hiring
    absence: Any  # uniform [P]
    sleep: Any  # standard normal [P]
    take_up: Any  # uniform [P, C]


def day_draws(
    seed: Any, day: Any, physicians: int, people: int, slots: int, changes: int, dtype: Any, xp: Any
) -> DayDraws:
    """The draws of a calendar day (0 = first Monday)."""
    physician = xp.arange(physicians, dtype=xp.uint32)
    person = xp.arange(people, dtype=xp.uint32)
    u = lambda word: uniform(word, dtype, xp)  # noqa: E731
    visits = words(seed, Stream.VISITS, physician, day, 0, xp)
    messages = words(seed, Stream.MESSAGES, physician, day, 0, xp)
    slot = words(seed, Stream.SLOT, physician[:, None], day, xp.arange(slots, dtype=xp.uint32), xp)
    own = words(seed, Stream.PERSON, person, day, 0, xp)
    take_up = words(seed, Stream.TAKE_UP, person[:, None], day, xp.arange(max(changes, 1), dtype=xp.uint32), xp)
    return DayDraws(
        xp.stack([u(v) for v in visits[:3]]), u(visits[3]), u(own[3])[:physicians],
        xp.stack([u(m) for m in messages], axis=-1),
        u(slot[0]), normal(slot[1], dtype, xp), normal(slot[2], dtype, xp),
        u(own[0]), u(own[1]), normal(own[2], dtype, xp),
        u(take_up[0])[:, :changes],
    )  # fmt: skip


SAME_DAY_INDEX = 64  # request indices from here on are same-day requests
STAND_IN_INDEX = 128  # and from here on the relaxed mode's stand-ins, one a slot


def request_words(seed: Any, physician: Any, weekday_number: Any, index: Any, xp: Any) -> Words:
    """Words that say who the ``index``-th request of a physician's panel on a weekday comes from."""
    return words(seed, Stream.REQUEST, physician, weekday_number, index, xp)


MAX_COUNT = 96  # Poisson counts are truncated here: below 1e-5 of the mass at a rate of 60 a day


TERMS_AT_ONCE = 8  # terms of the series between two looks at whether all counts are found


def poisson_quantile(u: Any, rate: Any, xp: Any) -> Any:
    """Smallest count whose Poisson distribution function reaches ``u``; arrays, by adding up the series.

    No gradient in JAX: counts are steps.
    """
    # in float32 the series sums up to one only within some rounding errors
    u = xp.minimum(u, 1.0 - 64.0 * xp.finfo(rate.dtype).eps)

    def unfinished(carry: tuple[Any, ...]) -> Any:
        first, _, _, cumulative = carry
        return (first < MAX_COUNT) & xp.any(u > cumulative)

    def add_terms(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        first, count, probability, cumulative = carry
        for k in range(1, TERMS_AT_ONCE + 1):
            count = count + (u > cumulative)
            probability = probability * rate / (first + k)
            cumulative = cumulative + probability
        return first + TERMS_AT_ONCE, count, probability, cumulative

    at_zero = xp.exp(-rate)
    carry = (xp.zeros((), rate.dtype), xp.zeros_like(at_zero), at_zero, at_zero)
    if xp is not np:
        import jax

        return jax.lax.while_loop(unfinished, add_terms, carry)[1]
    while unfinished(carry):
        carry = add_terms(carry)
    return carry[1]


def poisson_quantile_scalar(u: float, rate: float) -> float:
    """:func:`poisson_quantile` for one float, stopping early."""
    from math import exp

    probability = exp(-rate)
    cumulative = probability
    count = 0
    while u > cumulative and count < MAX_COUNT:
        count += 1
        probability = probability * rate / count
        cumulative = cumulative + probability
    return float(count)
