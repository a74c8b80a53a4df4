"""Walking a tuple of elements of different types at compile time."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import overload, register_jitable

__all__ = ["for_each"]


def for_each(stage: Any) -> Any:
    """The function that calls `stage(item, *args)` for every item of a tuple, unrolled where the types differ."""
    stage = register_jitable(forceinline=True)(stage)

    def each(items: Any, *args: Any) -> None:
        for item in items:
            stage(item, *args)

    @overload(each, jit_options={"forceinline": True})
    def _each(items, *args):  # type: ignore[no-untyped-def]
        if len(items) == 0:
            return lambda items, *args: None
        if len(items) > 1 and isinstance(items, types.UniTuple):

            def loop(items, *args):  # type: ignore[no-untyped-def]
                for item in items:
                    stage(item, *args)

            return loop
        # written out, because walking by items[1:] would build, type and compile a tuple for every tail
        calls = "".join(f"    stage(items[{k}], *args)\n" for k in range(len(items)))
        names: dict[str, Any] = {"stage": stage}
        exec(f"def unrolled(items, *args):\n{calls}", names)
        return names["unrolled"]

    return each
