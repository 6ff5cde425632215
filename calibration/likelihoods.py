"""Observation models: the log-probability of one reported value given what the model expects of that person and day.

Pure JAX functions of arrays that broadcast. Reported values are rounded, so each is the probability of the interval
that rounds to it, not a density: a probability is comparable between measures, is never above one, and is right for
minutes near zero and for scores at the ends of their scale, where a density is not. Expected values differ from what
the model says of a day by chance as well as by noise; ``spread`` and ``scale`` hold both.

Values of doubtful quality: mix their probability with that of a value that says nothing (:func:`clean_probability`),
which is how `calibration.quality` weighs them.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln, log_ndtr

SMALLEST_LOG_PROBABILITY = -80.0  # below exp(-80) a value is impossible for every purpose; float32 holds it with ease


def _log_interval(low: Any, high: Any) -> Any:
    """log(Phi(high) - Phi(low)) of standard normal limits, accurate in both tails, never below the smallest."""
    # by symmetry both limits are moved to the left tail, where log_ndtr keeps its digits
    flip = low + high > 0
    a, b = jnp.where(flip, -high, low), jnp.where(flip, -low, high)
    upper, lower = log_ndtr(b), log_ndtr(a)
    ratio = jnp.minimum(lower - upper, -1e-6)  # of an interval too thin for the digits at hand
    return jnp.maximum(upper + jnp.log(-jnp.expm1(ratio)), SMALLEST_LOG_PROBABILITY)


def lognormal_log_prob(value: Any, median: Any, spread: Any, step: Any = 1.0) -> Any:
    """Minutes reported in steps of ``step``: log-normal around ``median``, ``spread`` the log-standard deviation.

    A reported 0 has the probability of everything that rounds to it.
    """
    log_median = jnp.log(jnp.maximum(median, 1e-3))
    below = value - 0.5 * step
    low = jnp.where(below > 0, (jnp.log(jnp.maximum(below, 1e-6)) - log_median) / spread, -40.0)
    high = (jnp.log(value + 0.5 * step) - log_median) / spread
    return _log_interval(jnp.clip(low, -40.0, 40.0), jnp.clip(high, -40.0, 40.0))


def normal_log_prob(
    value: Any, mean: Any, spread: Any, step: Any = 1.0, low: Any = -jnp.inf, high: Any = jnp.inf
) -> Any:
    """A score reported in steps of ``step``: normal around ``mean``; ``low`` and ``high`` collect what lies beyond
    them."""
    lower = jnp.where(value - 0.25 * step > low, (value - 0.5 * step - mean) / spread, -40.0)
    upper = jnp.where(value + 0.25 * step < high, (value + 0.5 * step - mean) / spread, 40.0)
    return _log_interval(jnp.clip(lower, -40.0, 40.0), jnp.clip(upper, -40.0, 40.0))


def negative_binomial_log_prob(count: Any, mean: Any, size: Any) -> Any:
    """A count of the given mean and variance ``mean + mean**2 / size``; near Poisson at the largest ``size``, 1,000.

    Beyond it float32 would lose the digits of gammaln(count + size) - gammaln(size).
    """
    mean, size = jnp.maximum(mean, 1e-6), jnp.minimum(size, 1e3)
    return (
        gammaln(count + size) - gammaln(size) - gammaln(count + 1.0)
        - size * jnp.log1p(mean / size) - count * jnp.log1p(size / mean)
    )  # fmt: skip


def ordinal_log_prob(level: Any, latent: Any, thresholds: Any, scale: Any) -> Any:
    """log-probability of an answer ``level`` (1, 2, ...): ``P(level > k) = logistic((latent - thresholds[k-1]) /
    scale)``, an ordered logit of scale ``scale`` > 0 with rising ``thresholds`` [levels - 1].
    """
    far = jnp.asarray(30.0, jnp.asarray(latent).dtype)  # the end levels have one threshold
    padded = jnp.concatenate([far[None], thresholds, far[None]])
    place = jnp.asarray(level).astype(jnp.int32)
    a = jnp.where(place > 1, latent - padded[place - 1], far) / scale
    b = jnp.where(place <= thresholds.shape[0], padded[place] - latent, far) / scale
    width = jnp.maximum(a + b, 1e-4)  # thresholds in order keep it positive
    # 1 / (1 + exp(-a)) - 1 / (1 + exp(b)), written so that it keeps its digits however far the thresholds are
    log_prob = jnp.log(-jnp.expm1(-width)) + jax.nn.log_sigmoid(a) + jax.nn.log_sigmoid(b)
    return jnp.maximum(log_prob, SMALLEST_LOG_PROBABILITY)


def clean_probability(log_prob: Any, outlier_log_prob: Any, prior: Any) -> Any:
    """Chance (0-1) that a value stems from a working source, by Bayes' rule.

    ``log_prob`` is the value's under the observation model, ``outlier_log_prob`` its when the source is broken, and
    ``prior`` the share of values of that quality whose source works.
    """
    return jax.nn.sigmoid(jnp.log(prior) - jnp.log1p(-prior) + log_prob - outlier_log_prob)
