"""The compiled event loop, kept on disk so that only the first run of a network's type pays for compilation.

What is kept is named by a hash of Synfire's sources and of all that the user's classes in the network read when they are
compiled (`fingerprint`), so an edited equation never runs stale.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ..neurons import SynfireError, fingerprint
from ..neurons.kernel import compiled
from .program import Program

__all__ = ["compiled_run"]

_compiled_as: dict[type, str] = {}  # what a user's class depended on when it was first compiled in this process


def compiled_run(program: Program) -> Any:
    """`loop.run` compiled for programs of this type.

    Raises       SynfireError if what a user's class reads has changed since it was compiled in this process
    """
    classes = set(fingerprint.foreign_classes(program))
    digests = {kind: fingerprint.of_class(kind) for kind in classes}
    for kind, digest in digests.items():
        if _compiled_as.setdefault(kind, digest) != digest:
            raise SynfireError(
                f"{kind.__module__}.{kind.__qualname__}: a value that its methods read was changed after they were compiled, "
                "which compiled code does not see; make it a parameter of the model or rule, or start a new process"
            )
    return _compiled(tuple(sorted(digests.values())))


@cache
def _compiled(foreign: tuple[str, ...]) -> Any:
    from .loop import run

    return compiled(run, "".join(foreign), _nrt=False, error_model="numpy")
