"""The errors that users meet: each names the field, what was found, what is legal and what to do."""

from __future__ import annotations

__all__ = ["InvalidValue", "SynfireError", "TooLarge", "UnknownName", "UnreadableFile"]


class SynfireError(Exception):
    """Base of every error that Synfire raises on purpose; the command line prints it and exits with code 2."""


class InvalidValue(SynfireError, ValueError):
    """A field holds a value outside its legal range.

    Parameters   field   where, as the user wrote it ("LIF.tau_m", "connect: delay")
                 value   what was found
                 legal   the legal range, with its unit
                 fix     what to do about it; "" if the range says it all
    """

    def __init__(self, field: str, value: object, legal: str, fix: str = "") -> None:
        self.field, self.value, self.legal, self.fix = field, value, legal, fix
        super().__init__(f"{field}: must be {legal}, got {_short(value)}" + (f"; {fix}" if fix else ""))

    def __reduce__(self) -> tuple[object, ...]:  # so that a worker process can send it home
        return (type(self), (self.field, self.value, self.legal, self.fix))


class UnknownName(InvalidValue):
    """A name (experiment, preset, state variable, data set…) that does not exist; the message lists those that do."""

    def __init__(self, field: str, value: object, known: object, fix: str = "") -> None:
        self.known = [str(name) for name in known]  # type: ignore[attr-defined]
        super().__init__(field, value, "one of " + ", ".join(sorted(self.known)), fix)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.field, self.value, self.known, self.fix))


class TooLarge(SynfireError, MemoryError):
    """The network would not fit into memory; raised from an estimate, before anything is allocated."""


class UnreadableFile(SynfireError, OSError):
    """A file is missing, truncated, foreign or of another version."""


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
