"""How much memory a thing will take, asked before it is made."""

from __future__ import annotations

from ..neurons import TooLarge

__all__ = ["BYTES_PER_SYNAPSE", "require"]

# while it is built a synapse is two int64 indices, a weight and a delay, and their sorted copies
BYTES_PER_SYNAPSE = 72


def require(what: str, size: float, fix: str) -> None:
    """Refuse `size` bytes if the machine does not have them free.

    Raises       TooLarge naming what needs how much, what is free, and the fix
    """
    import psutil

    free = psutil.virtual_memory().available
    if size > free:
        raise TooLarge(f"{what}: needs about {size / 2**30:.3g} GiB, {free / 2**30:.3g} GiB are free; {fix}")
