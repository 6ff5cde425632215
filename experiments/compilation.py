"""Where compiled programs are kept between processes."""

from __future__ import annotations

import os
from pathlib import Path


def use_compilation_cache() -> None:
    """Keep compiled programs in the user's cache folder (JAX_COMPILATION_CACHE_DIR overrides)."""
    import jax

    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(root / "clinictwin" / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
