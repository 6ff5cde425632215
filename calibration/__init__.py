"""Calibration of the virtual clinic from streaming observations.

The measures a clinic can report (`MEASURES`, by `STREAMS`), the observation table (`read_observations`,
`write_observations`, `validate`, `to_array`), simulated observations of which the truth is known (`observe`,
`ObservationPlan`), the no-show curve of real appointments (`fit_no_show`), and what a fit returns (`Fit`, `load_fit`,
`save_fit`). Fitting itself takes an import of its own, which loads the JAX engine: `calibration.fit.fit`, and
`calibration.simulated.simulate_observations` for clinics to try it on.
"""

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
from calibration.observe import ObservationPlan, observe

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
