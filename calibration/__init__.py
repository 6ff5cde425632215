"""Calibration of the virtual clinic from streaming observations.

The measures a clinic can report (`MEASURES`, by `STREAMS`), the observation table (`read_observations`,
`write_observations`, `validate`, `to_array`), simulated observations of which the truth is known (`observe`,
`ObservationPlan`), the no-show curve of real appointments (`fit_no_show`), and what a fit returns (`Fit`, `load_fit`,
`save_fit`). Fitting itself takes an import of its own, which loads the JAX engine: `calibration.fit.fit`, and
`calibration.simulated.simulate_observations` for clinics to try it on.

A name is imported when it is first used, so that what only reads streams (`calibration.sources`,
`calibration.event_log`) starts without the engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calibration.fit_result import Fit, FitError, load_fit, save_fit
    from calibration.measures import MEASURES, STREAMS, Measure
    from calibration.no_show_fit import NoShowFit, fit_no_show
    from calibration.observations import (
        ObservationError,
        Summary,
        read_observations,
        to_array,
        validate,
        write_observations,
    )
    from calibration.observing import ObservationPlan, observe

__all__ = [
    "MEASURES",
    "STREAMS",
    "Fit",
    "FitError",
    "Measure",
    "NoShowFit",
    "ObservationError",
    "ObservationPlan",
    "Summary",
    "fit_no_show",
    "load_fit",
    "observe",
    "read_observations",
    "save_fit",
    "to_array",
    "validate",
    "write_observations",
]
_HOMES = {
    "fit_result": ("Fit", "FitError", "load_fit", "save_fit"),
    "measures": ("MEASURES", "STREAMS", "Measure"),
    "no_show_fit": ("NoShowFit", "fit_no_show"),
    "observations": (
        "ObservationError", "Summary", "read_observations", "to_array", "validate", "write_observations",
    ),
    "observing": ("ObservationPlan", "observe"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
