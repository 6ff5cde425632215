"""What a calibration is worth, checked where the truth is known, and where it is not.

`study` fits many simulated clinics; `coverage` and `ranks` read it: do intervals hold the truth as often as they say,
are ranks uniform (simulation-based calibration)? `identifiability` and `stream_value` look at one fit: what could the
streams say, and which stream is worth its cost? `skill` scores forecasts of held-out weeks against simpler ones.
"""
