"""Implementation science: CFIR 2.0 and other frames, the paper's challenges, studies of one's own, simulated impact."""

from experiments.implementation.catalogue import challenges
from experiments.implementation.frames import FRAME_KEYS, ImplementationError, load_frame

__all__ = ["FRAME_KEYS", "ImplementationError", "challenges", "load_frame"]
