"""The clinics that a sweep simulates: one for all, or draws from a fit's posterior."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from abm.layout import Layout
from abm.parameters import Parameters
from calibration.clinic import load_clinic
from calibration.fit_result import load_fit
from calibration.posterior_clinics import posterior_clinics


@dataclasses.dataclass(frozen=True)
class Clinics:
    """Parameters and physicians' traits by draw.

    Replicate r simulates draw r, beginning anew after the last, unless an experiment keeps draws apart from replicates.
    """

    layout: Layout
    parameters: tuple[Parameters, ...]  # one for each draw
    traits: np.ndarray | None = None  # float [draws, P, GENERATIONS, len(TRAITS)]; the layout's if None

    @property
    def differ(self) -> bool:
        """Whether replicates simulate different clinics."""
        return len(self.parameters) > 1

    def digest(self) -> str:
        """A short fingerprint of the draws; empty where there is one clinic for all."""
        if not self.differ:
            return ""
        text = json.dumps([[float(v) for v in p] for p in self.parameters])
        return hashlib.sha256(text.encode() + np.ascontiguousarray(self.traits).tobytes()).hexdigest()[:16]


def fitted_clinics(folder: str | Path, draws: int | None = None) -> tuple[Parameters, Clinics]:
    """(parameters at the best point, a clinic for each posterior draw) of a folder that `clinictwin fit` wrote.

    At most ``draws`` of them (all if None). Raises FitError on a folder that is none.
    """
    fit, clinic = load_fit(folder), load_clinic(folder)
    return fit.parameters, clinics_of(posterior_clinics(fit, draws), fit.layout(clinic.layout))


def clinics_of(drawn: Sequence[tuple[Parameters, np.ndarray]], layout: Layout) -> Clinics:
    """Clinics of drawn (parameters, traits)."""
    return Clinics(layout, tuple(p for p, _ in drawn), np.stack([traits for _, traits in drawn]))
