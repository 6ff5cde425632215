"""How good the streams in an event log are: coverage, latency, gaps, outliers, failing sensors, and schema drift."""
