"""How good the streams in an event log are: coverage, latency, gaps, outliers, failing sensors, and schema drift.

`assess` looks at a whole log; `drift` compares two descriptions of a source, `drifts_since` says what the newest
ingests changed.
"""

from calibration.stream_quality.assess import Quality, assess
from calibration.stream_quality.drift import Drift, drift, drifts_since

__all__ = ["Drift", "Quality", "assess", "drift", "drifts_since"]
