"""How XLA is told what to compute once, apart or side by side, so that its loops stay fit for vector instructions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def once[Values](values: Values) -> Values:
    """The same arrays (any PyTree), computed before and apart from what reads them.

    XLA repeats a cheap-looking value in each place that reads it, and for each slot of each physician if it is
    broadcast over slots.
    """
    return jax.lax.optimization_barrier(values)


def look_up(table: Any, index: Any) -> Any:
    """``table[index]`` as a loop of its own: a look-up keeps the arithmetic in its loop from being vectorised."""
    return once(table[once(index)])


def replicates_side_by_side[Result](function: Callable[..., Result]) -> Callable[..., Result]:
    """``function`` of arrays, for which `jax.vmap` lengthens the leading axes instead of adding one.

    For a function that treats the entries of its arguments' leading axes alike and apart, as a session does the pods
    of a clinic: many replicates are then one large clinic, and short loops become long ones. All arguments and results
    are arrays (or PyTrees of them) with a leading axis; results have the derivatives of ``function``.
    """

    @jax.custom_batching.custom_vmap
    def folded(*arguments: Any) -> Result:
        return function(*arguments)

    @folded.def_vmap
    def fold(replicates: int, batched: Any, *arguments: Any) -> tuple[Result, Any]:
        def lengthen(value: Any, is_batched: bool) -> Any:
            every = value if is_batched else jnp.broadcast_to(value, (replicates, *value.shape))
            return every.reshape((-1, *every.shape[2:]))

        result = folded(*jax.tree.map(lengthen, arguments, tuple(batched)))
        separate = jax.tree.map(lambda v: v.reshape((replicates, -1, *v.shape[1:])), result)
        return separate, jax.tree.map(lambda _: True, result)

    # custom_vmap has no reverse mode of its own
    differentiable = jax.custom_jvp(folded)
    differentiable.defjvp(lambda values, tangents: jax.jvp(function, values, tangents))
    return differentiable
