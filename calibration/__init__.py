"""Calibration of the virtual clinic from streaming observations.

The measures a clinic can report (`MEASURES`, by `STREAMS`), the observation table (`read_observations`,
`write_observations`, `validate`, `to_array`), simulated observations of which the truth is known (`observe`,
`ObservationPlan`), and the no-show curve of real appointments (`fit_no_show`).
"""

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
    "Measure",
    "NoShowFit",
    "ObservationError",
    "ObservationPlan",
    "Summary",
    "fit_no_show",
    "observe",
    "read_observations",
    "to_array",
    "validate",
    "write_observations",
]
