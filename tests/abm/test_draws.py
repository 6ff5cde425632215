"""The shared draws: uniform, independent between addresses, the same bits in both engines, and right as counts.

False alarms: every statistical check is one of at most ``CHECKS`` per test, each at level ``LEVEL``; with fixed seeds a
test passes or fails for good, and the chance that correct draws would have failed it is below 1e-4.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from abm import draws
from abm.draws import Stream

CHECKS = 200
LEVEL = 1e-4 / CHECKS
AGENTS, DAYS, INDICES = 128, 256, 32  # 2**20 addresses


def words_of(seed=7, stream=Stream.SLOT, first_agent=0, first_day=0, first_index=0):
    """All four words of a block of neighbouring addresses, uint32 [4, AGENTS, DAYS, INDICES]."""
    agent = first_agent + np.arange(AGENTS, dtype=np.uint32)[:, None, None]
    day = first_day + np.arange(DAYS, dtype=np.uint32)[:, None]
    index = first_index + np.arange(INDICES, dtype=np.uint32)
    seeds = draws.seed_words(seed)
    return np.stack(np.broadcast_arrays(*draws.words(seeds, stream, agent, day, index, np)))


def uniforms_of(**address):
    return draws.uniform(words_of(**address), np.float64, np)


def even(counts):
    """p-value of the chi-square test that all cells are equally likely."""
    return stats.chisquare(np.asarray(counts).ravel()).pvalue


@pytest.mark.parametrize("stream", list(Stream))
def test_every_word_is_uniform_down_to_the_low_tail(stream):
    for word, bits in zip(uniforms_of(stream=stream), words_of(stream=stream), strict=True):
        assert even(np.histogram(word, bins=1024, range=(0, 1))[0]) > LEVEL
        # rare events (leaving, absence) live in the low tail: about 210 draws below 2e-4, evenly spread
        tail = word[word < 2e-4]
        assert stats.binomtest(tail.size, word.size, 2e-4).pvalue > LEVEL
        assert stats.kstest(tail / 2e-4, "uniform").pvalue > LEVEL
        for byte in range(1, 4):  # the upper 24 bits carry float32 uniforms (23 bits) and normals (16 bits)
            assert even(np.bincount(((bits >> (8 * byte)) & 255).ravel(), minlength=256)) > LEVEL


def independent(a, b):
    """p-values: linear correlation of normal scores, and evenness of the joint distribution on 16 x 16 cells."""
    x, y = (stats.norm.ppf(v).ravel() for v in (a, b))
    z = (x * y).mean() * np.sqrt(x.size)
    joint = np.bincount((np.floor(a * 16) * 16 + np.floor(b * 16)).astype(int).ravel(), minlength=256)
    return min(2 * stats.norm.sf(abs(z)), even(joint))


NEIGHBOURS = {
    "agent": dict(first_agent=1),
    "far agent": dict(first_agent=AGENTS),
    "day": dict(first_day=1),
    "week": dict(first_day=7),
    "year": dict(first_day=364),
    "index": dict(first_index=1),
    "same-day index": dict(first_index=draws.SAME_DAY_INDEX),
    "stream": dict(stream=Stream.PERSON),
    "seed": dict(seed=8),
    "seed's upper word": dict(seed=7 + (1 << 32)),
    "agent and seed": dict(first_agent=1, seed=6),
    "agent and seed's upper word": dict(first_agent=1, seed=7 + (0xFFFFFFFF << 32)),
}


@pytest.mark.parametrize("neighbour", list(NEIGHBOURS))
def test_neighbouring_addresses_are_independent(neighbour):
    here, there = uniforms_of(), uniforms_of(**NEIGHBOURS[neighbour])
    for a, b in itertools.product(here, there):
        assert independent(a, b) > LEVEL


def test_words_of_one_address_are_independent():
    for a, b in itertools.combinations(uniforms_of(), 2):
        assert independent(a, b) > LEVEL


@pytest.mark.parametrize("make", [jax.random.key, jax.random.PRNGKey])
def test_jax_keys_of_neighbouring_seeds_do_not_share_draws(make):
    agent = np.arange(200, dtype=np.uint32)
    drawn = [np.asarray(draws.words(draws.seed_words(make(s)), Stream.PERSON, agent, 3, 0, jnp)[0]) for s in range(20)]
    distinct = np.unique(np.concatenate(drawn)).size
    assert distinct >= 4000 - 3  # 4,000 32-bit words: more than three chance collisions have a chance of 1e-13


def test_numpy_and_jax_draw_the_same_bits():
    agent, index = np.arange(40, dtype=np.uint32)[:, None], np.arange(30, dtype=np.uint32)
    for seed, stream, day in itertools.product((0, 3, (1 << 64) - 1), Stream, (0, 363, 100_000)):
        seeds = draws.seed_words(seed)
        ours = draws.words(seeds, stream, agent, day, index, np)
        theirs = draws.words(jnp.asarray(seeds), stream, agent, day, index, jnp)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, np.asarray(b))


def test_a_day_of_draws_is_the_same_in_both_engines():
    seeds = draws.seed_words(20260503)
    with jax.enable_x64(True):
        theirs = draws.day_draws(jnp.asarray(seeds), 17, 20, 60, 24, 3, jnp.float64, jnp)
        ours = draws.day_draws(seeds, 17, 20, 60, 24, 3, np.float64, np)
        for name, a, b in zip(ours._fields, ours, theirs, strict=True):
            np.testing.assert_array_equal(a, np.asarray(b), err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniforms_are_never_zero_or_one_and_normals_are_normal(dtype):
    ends = np.array([0, 1, 0xFFFFFFFE, 0xFFFFFFFF], dtype=np.uint32)
    u = draws.uniform(ends, dtype, np)
    assert u.dtype == dtype and (u > 0).all() and (u < 1).all()
    z = draws.normal(words_of()[0], np.float64, np).ravel()
    cells = np.histogram(z, bins=stats.norm.ppf(np.arange(1, 128) / 128))[0]
    assert even(cells) > LEVEL
    assert abs(draws.NORMAL_TABLE.mean()) < 1e-12
    assert draws.NORMAL_TABLE.var() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("seed", [-1, 1 << 64])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(ValueError, match=r"seed: met .*expected 0 <= seed < 2\*\*64"):
        draws.seed_words(seed)


@given(st.floats(0.0, 60.0), st.integers(0, 2**32 - 1))
def test_poisson_counts_are_the_quantile_of_scipy(rate, word):
    u = draws.uniform(np.array([word], dtype=np.uint32), np.float64, np)
    count = draws.poisson_quantile(u, np.array([rate]), np)[0]
    assert count == draws.poisson_quantile_scalar(float(u[0]), rate)
    expected = stats.poisson.ppf(u[0], rate)
    if expected <= draws.MAX_COUNT:
        # the sum of the series is right to 1e-13: at a closer tie either neighbour is the quantile
        tie = min(abs(stats.poisson.cdf(count, rate) - u[0]), abs(stats.poisson.cdf(count - 1, rate) - u[0])) < 1e-13
        assert count == expected or tie
    else:
        assert count == draws.MAX_COUNT


def test_truncation_of_counts_is_as_small_as_stated():
    assert stats.poisson.sf(draws.MAX_COUNT, 60.0) < 1e-5
