"""The JAX engine: the clinic day for arrays, under `jax.lax.scan`, `vmap` and `grad`."""

from abm.population.batch import simulate_batch
from abm.population.simulate import Run, default_layout, simulate
from abm.population.state import ClinicState, initial_state

__all__ = ["ClinicState", "Run", "default_layout", "initial_state", "simulate", "simulate_batch"]
