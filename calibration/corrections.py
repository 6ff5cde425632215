"""What the rounds leave out, put right at the end: traits that are uncertain, and chance that is not alike for all.

**Bias.** The joint maximum over parameters and traits takes every trait at its best value. Where outputs bend in an
uncertain trait, that is not the best parameters once the traits are integrated out. The Laplace approximation of the
integral adds half the logarithm of the traits' curvature to the loss; one Newton step along that term's gradient moves
the parameters to where the whole is least (Breslow & Lin 1995, Biometrika 82:81, for the same bias of penalised
quasi-likelihood). It needs how slopes change with a trait: differences of slopes.

**Spread.** The covariance of chance deviations is pooled over physicians; but a physician near saturation has other
chances than one with free slots. What exact runs show of the score's variance widens the posterior where the pooled
covariance makes it too narrow (the sandwich; it never narrows).
"""

from __future__ import annotations

import numpy as np

from calibration.rounds import Look, Point, Rounds
from calibration.slopes import output_curvature, slopes_of
from calibration.summaries import SEARCHED

UNCERTAIN = 0.1  # posterior variance of a trait, in prior variances, from which its bending matters
TRAIT_STEP = 0.5  # standard deviations between people by which a trait is moved to see slopes change


class Profile:
    """The slopes at a look, split into parameters' and own traits', and the traits given the parameters."""

    def __init__(self, rounds: Rounds, look: Look) -> None:
        count = len(rounds.plan.names)
        self.second = output_curvature(look.expected.outputs, look.target)  # [N, O, O]
        self.population = look.slopes[:, :, :count]  # [N, O, P]
        self.own = _own(look.slopes, count, rounds)  # [N, O, T]
        weighted = np.einsum("not,nou->ntu", self.own, self.second)
        curved = np.eye(len(SEARCHED)) + np.einsum("ntu,nuv->ntv", weighted, self.own)
        self.covariance = np.linalg.inv(curved)  # [N, T, T]: of a person's traits, given the parameters
        self.weighted = self.covariance @ weighted  # [N, T, O]: traits' answer to a residual
        self.answer = -self.weighted @ self.population  # [N, T, P]: traits' answer to a parameter
        self.total = self.population + self.own @ self.answer  # [N, O, P]: slopes, the traits following


def _own(slopes: np.ndarray, count: int, rounds: Rounds) -> np.ndarray:
    """Slopes [N, O, T] in everybody's own traits."""
    traits, pod = len(SEARCHED), rounds.problem.layout.pod_size
    own = slopes[:, :, count:].reshape(*slopes.shape[:2], pod, traits)
    return own[np.arange(len(own)), :, np.arange(len(own)) % pod]


def traits_integrated_out(rounds: Rounds, point: Point, look: Look, block: int) -> Point:
    """From the joint maximum to the best parameters with the traits integrated out, the traits following them."""
    profile = Profile(rounds, look)
    count = len(rounds.plan.names)
    gradient = np.zeros(count)
    uncertain = np.einsum("ntt->nt", profile.covariance).mean(axis=0)
    for trait in np.flatnonzero(uncertain > UNCERTAIN):
        bend = _bend(rounds, point, int(trait), block)  # [N, O, P + T]
        # of the term's gradient in what moves the slope of this trait: parameters, and traits following them
        along = np.einsum("no,nox->nx", profile.weighted[:, trait], bend)
        gradient += along[:, :count].sum(axis=0) + np.einsum("nt,ntp->p", along[:, count:], profile.answer)
    step = -np.linalg.inv(look.matrix)[:count, :count] @ gradient
    move = np.concatenate([step, (profile.answer @ step).ravel()])
    return Point(point.unknowns + move, point.intercepts)


def _bend(rounds: Rounds, point: Point, trait: int, block: int) -> np.ndarray:
    """Change [N, O, P + T] of slopes per unit of the own ``trait``."""
    count, layout = len(rounds.plan.names), rounds.problem.layout
    sign = np.where(np.arange(layout.physicians) % 2 == 0, 1.0, -1.0)
    moved = []
    for direction in (TRAIT_STEP, -TRAIT_STEP):
        unknowns = point.unknowns.copy()
        unknowns[count + trait :: len(SEARCHED)] += direction * sign
        moved.append(rounds.differences(Point(unknowns, point.intercepts), block))
    each = (moved[0] - moved[1]) / (2.0 * TRAIT_STEP) * sign[:, None]
    slopes = slopes_of(each, count, layout)
    return np.concatenate([slopes[:, :, :count], _own(slopes, count, rounds)], axis=2)


def widening(rounds: Rounds, outputs: np.ndarray, look: Look) -> np.ndarray:
    """Factors [P], 1 or more, of the posterior's standard deviations; ``outputs`` [R, N, O] are of exact runs."""
    profile = Profile(rounds, look)
    observed, count = rounds.observed, rounds.plan.size
    there = (observed.counts > 0).astype(float)
    deviation = (outputs - outputs.mean(axis=0))[:, :, :count] * there
    total = profile.total[:, :count]
    score = np.einsum("nst,ntp->nsp", np.asarray(look.target.precision, float), total)
    found = np.einsum("rns,nsp->rnp", deviation, score).var(axis=0, ddof=1).sum(axis=0)
    same = (observed.measure[:, None] == observed.measure) * np.sqrt(np.outer(observed.baseline, observed.baseline))
    noise = same * there[:, :, None] * there[:, None, :]
    noise[:, np.arange(count), np.arange(count)] += observed.noise * there
    found += np.einsum("nsp,nst,ntp->p", score, noise, score)
    assumed = np.einsum("nsp,nsp->p", score, total)
    answers = np.einsum("nop,nou,nup->p", profile.total[:, count:], profile.second[:, count:, count:],
                        profile.total[:, count:])  # fmt: skip
    return np.sqrt(np.maximum((found + answers) / np.maximum(assumed + answers, 1e-12), 1.0))
