"""How far coders agree beyond chance: Cohen's and Fleiss' kappa and Krippendorff's alpha, by code and over all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.implementation.excerpts import Excerpt
from experiments.implementation.frames import ImplementationError

RESAMPLES, SEED, LEVEL = 500, 0, 0.90  # of the interval of alpha: bootstrap over excerpts
SUFFICIENT, TENTATIVE = 0.800, 0.667  # of alpha: Krippendorff 2004, Content Analysis, chapter 11
UNDEFINED = "undefined: all coders gave one and the same code"


class Agreement(NamedTuple):
    """``overall``: one row a coefficient; ``codes``: alpha of each code, given or not; ``pairs``: Cohen's kappa."""

    overall: pd.DataFrame
    codes: pd.DataFrame
    pairs: pd.DataFrame


Ratings = dict[str, dict[str, str]]  # excerpt -> coder -> label


def agreement(excerpts: Sequence[Excerpt]) -> Agreement | None:
    """Agreement on the codes of excerpts that two or more coders read; None with a single coder.

    A coder's codes of one excerpt are one label together (a set), so that a coder may give several. An excerpt that a
    coder did not code counts as not read by them; a coder who read one and found nothing gives the code 'none'.
    Raises ImplementationError on a coder of one excerpt, or if no excerpt was read by two. Needs nltk (extra 'study').
    """
    codes: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in excerpts:
        codes[one.excerpt][one.coder].add(one.code)
    coders = sorted({one.coder for one in excerpts})
    if len(coders) < 2:
        return None
    for number, coder in enumerate(coders, start=1):
        count = sum(coder in by_coder for by_coder in codes.values())
        if count < 2:
            raise ImplementationError(
                f"coder {number} of {len(coders)} ({coder!r:.40}): met one excerpt, expected at "
                "least two; agreement cannot be told from one"
            )
    shared = {excerpt: by_coder for excerpt, by_coder in codes.items() if len(by_coder) > 1}
    if len(shared) < 2:
        raise ImplementationError(
            f"coders: met {len(shared)} excerpts that two coders read, expected at least two; "
            "give passages the same id in every coder's file"
        )
    sets = {e: {c: " & ".join(sorted(given)) for c, given in by.items()} for e, by in shared.items()}
    pairs = [(a, b, *_cohen(sets, a, b)) for a, b in combinations(coders, 2)]
    rows = [_with_interval("Krippendorff's alpha", sets), _fleiss(sets, coders)]
    of_codes = []
    for code in sorted({one.code for one in excerpts}):
        given = {e: {c: "yes" if code in s else "no" for c, s in by.items()} for e, by in shared.items()}
        of_codes.append((code, sum("yes" in by.values() for by in given.values()), _alpha(given)))
    return Agreement(
        pd.DataFrame(rows, columns=["coefficient", "value", "low", "high", "excerpts", "reading"]),
        pd.DataFrame(of_codes, columns=["code", "excerpts", "alpha"]),
        pd.DataFrame(pairs, columns=["coder", "other coder", "excerpts", "Cohen's kappa"]),
    )


def _task(ratings: Ratings):
    try:
        from nltk.metrics.agreement import AnnotationTask
    except ImportError:
        raise ImplementationError("agreement of coders needs nltk: pip install 'clinictwin[study]'") from None
    return AnnotationTask([(coder, excerpt, label) for excerpt, by in ratings.items() for coder, label in by.items()])


def _labels(ratings: Ratings) -> set[str]:
    return {label for by in ratings.values() for label in by.values()}


def _alpha(ratings: Ratings) -> float:
    """Krippendorff's alpha for nominal labels; coders may be missing. NaN if there is but one label."""
    return float(_task(ratings).alpha()) if len(_labels(ratings)) > 1 else float("nan")


def _cohen(ratings: Ratings, a: str, b: str) -> tuple[int, float]:
    """(excerpts that both read, Cohen's kappa); NaN with fewer than two of them or with one label."""
    both = {e: {c: by[c] for c in (a, b)} for e, by in ratings.items() if a in by and b in by}
    if len(both) < 2 or len(_labels(both)) < 2:
        return len(both), float("nan")
    return len(both), float(_task(both).kappa_pairwise(a, b))


def _fleiss(ratings: Ratings, coders: Sequence[str]) -> tuple[str, float, float, float, int, str]:
    """Fleiss' kappa over the excerpts that all coders read (nltk's multi-coder pi)."""
    full = {e: by for e, by in ratings.items() if len(by) == len(coders)}
    nan = float("nan")
    if len(full) < 2:
        return "Fleiss' kappa", nan, nan, nan, len(full), "needs two excerpts that all coders read"
    if len(_labels(full)) < 2:
        return "Fleiss' kappa", nan, nan, nan, len(full), UNDEFINED
    return "Fleiss' kappa", float(_task(full).pi()), nan, nan, len(full), ""


def _with_interval(name: str, ratings: Ratings) -> tuple[str, float, float, float, int, str]:
    value = _alpha(ratings)
    if not np.isfinite(value):
        return name, value, value, value, len(ratings), UNDEFINED
    rng, everyone = np.random.default_rng(SEED), list(ratings.values())
    drawn = []
    for _ in range(RESAMPLES):
        again = {str(i): everyone[k] for i, k in enumerate(rng.integers(len(everyone), size=len(everyone)))}
        drawn.append(_alpha(again))
    low, high = np.nanpercentile(drawn, (50 - 50 * LEVEL, 50 + 50 * LEVEL))
    reading = "sufficient" if value >= SUFFICIENT else "tentative" if value >= TENTATIVE else "too low to rely on"
    return name, value, float(low), float(high), len(ratings), reading
