"""Experiments with the virtual clinic: demo, sweeps, reports, and the `clinictwin` command."""
