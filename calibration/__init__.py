"""Calibration of the virtual clinic from streaming observations."""
