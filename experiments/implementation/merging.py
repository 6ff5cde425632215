"""Codes that may mean the same: text similarity proposes pairs, and a person decides in a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from experiments.implementation.frames import ImplementationError
from experiments.implementation.records import read_records

PROPOSED_FROM = 0.45  # cosine similarity of character n-grams from which a pair is proposed (assumed)
MOST_LABELS = 5000
COLUMNS = ("label", "into", "similarity", "decision")
YES, NO, OPEN = "merge", "keep apart", ""


def plain(label: str) -> str:
    """A label without differences of case and spacing: what makes two labels one challenge."""
    return " ".join(label.casefold().split())


def propose(labels: Sequence[str], least: float = PROPOSED_FROM) -> pd.DataFrame:
    """Pairs of labels alike by their characters, most alike first, with an empty column ``decision``.

    Similarity is the cosine of TF-IDF weights of 3 to 5 characters within words, 0-1. The label that stands first in
    ``labels`` is the one proposed to stay. Needs scikit-learn (the extra 'study').
    """
    different = list({plain(label): label for label in reversed(labels)}.values())[::-1]
    if len(different) > MOST_LABELS:
        raise ImplementationError(f"labels: met {len(different):,}, expected up to {MOST_LABELS:,}")
    if len(different) < 2:
        return pd.DataFrame(columns=list(COLUMNS))
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        raise ImplementationError("a merge list needs scikit-learn: pip install 'clinictwin[study]'") from None
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(different)
    alike = (weights @ weights.T).tocoo()
    rows = [
        (different[j], different[i], round(float(value), 3), OPEN)
        for i, j, value in zip(alike.row, alike.col, alike.data, strict=True)
        if i < j and value >= least
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values("similarity", ascending=False, ignore_index=True)


def read_decisions(path: Path) -> dict[str, str]:
    """Label -> label to use, from a merge list whose every row is decided. Chains are followed to their end.

    Raises ImplementationError on a row without decision, another word, a label merged twice, or a circle.
    """
    into: dict[str, str] = {}
    for record in read_records(path, required=("label", "into", "decision")):
        decision = " ".join(record["decision"].casefold().split())
        if decision not in (YES, NO):
            raise ImplementationError(
                f"{record.where}decision: met {record['decision']!r:.40}, expected {YES!r} or "
                f"{NO!r}: a person decides every pair"
            )
        if decision == NO:
            continue
        label = plain(record["label"])
        if not record["into"] or plain(record["into"]) == label:
            raise ImplementationError(f"{record.where}into: met {record['into']!r:.80}, expected another label")
        if label in into and plain(into[label]) != plain(record["into"]):
            raise ImplementationError(
                f"{record.where}label: met {record['label']!r:.80} merged into two labels, "
                f"{into[label]!r:.80} and {record['into']!r:.80}; keep one"
            )
        into[label] = record["into"]
    return {label: _end(label, into, path) for label in into}


def _end(label: str, into: dict[str, str], path: Path) -> str:
    seen = [label]
    while plain(into[seen[-1]]) in into:
        seen.append(plain(into[seen[-1]]))
        if seen[-1] in seen[:-1]:
            raise ImplementationError(f"{path}: met labels merged in a circle: {' -> '.join(seen)}")
    return into[seen[-1]]
