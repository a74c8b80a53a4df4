"""Where compiled code is kept on disk: a file for each function and argument types, written at one stroke.

Numba's own cache files entries in an index that processes starting at once overwrite for one another, matches classes by
identity, so that what a script defines is never found again, and falls back to the folder of the source where its own
cannot be written. Here the file's name is a hash of everything that compiled code depends on; a file that cannot be read
or written costs a compilation, never a result.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

from numba.core import serialize, types, typing
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult

__all__ = ["DiskCache", "cache_root"]


class DiskCache(NullCache):  # type: ignore[misc]
    """What a Numba dispatcher asks for code it has not compiled in this process.

    Parameters   folder     made when something is saved
                 function   its name
                 depends    a hash of whatever the code depends on besides the types of its arguments
    """

    def __init__(self, folder: Path, function: str, depends: str) -> None:
        self._folder, self._function, self._depends = folder, function, depends

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function for these argument types, or None."""
        target_context.refresh()
        try:
            kept = pickle.loads(self._file(sig, target_context.codegen()).read_bytes())
            found = CompileResult._rebuild(target_context, *kept)
        except Exception:  # missing, cut short, of another version: compiled anew and replaced
            return None
        # classes that a script defined were written by value and come back as other classes of the same fields
        return found._replace(signature=typing.signature(found.signature.return_type, *_arguments(sig)))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function; a disk that is full or read-only is no error."""
        if data.library.has_dynamic_globals or data.lifted:
            return
        path = self._file(sig, data.codegen if hasattr(data, "codegen") else data.library.codegen)
        image = serialize.dumps(data._reduce())
        partial = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".partial", delete=False) as file:
                partial = Path(file.name)
                file.write(image)
            os.replace(partial, path)
        except OSError:  # slower starts, same results
            if partial is not None:
                partial.unlink(missing_ok=True)

    def _file(self, sig: Any, codegen: Any) -> Path:
        text = "\n".join([self._depends, repr(codegen.magic_tuple()), *(_described(kind) for kind in _arguments(sig))])
        return self._folder / f"{self._function}-{hashlib.sha256(text.encode()).hexdigest()[:32]}.bin"


def _arguments(sig: Any) -> tuple[Any, ...]:
    return tuple(sig.args) if isinstance(sig, typing.Signature) else tuple(sig)


def _described(kind: Any) -> str:
    """A type in full: Numba's own names of tuples leave out which class they are of."""
    if isinstance(kind, types.BaseNamedTuple):
        cls = kind.instance_class
        return f"{cls.__module__}.{cls.__qualname__}({','.join(_described(field) for field in kind)})"
    if isinstance(kind, types.BaseTuple):
        return f"({','.join(_described(field) for field in kind)})"
    return str(kind)


def cache_root() -> Path:
    """$SYNFIRE_CACHE, or the user's cache folder, or a temporary one where that cannot be made."""
    if os.environ.get("SYNFIRE_CACHE"):
        return Path(os.environ["SYNFIRE_CACHE"])
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "synfire"
        home.mkdir(parents=True, exist_ok=True)
        if os.access(home, os.R_OK):
            return home  # one that can only be read may have been filled when an image was built
    except (OSError, RuntimeError):
        pass
    folder = Path(tempfile.gettempdir()) / f"synfire-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():  # another user's: what lies there is not ours to run
            return Path(tempfile.mkdtemp(prefix="synfire-"))
    except OSError:
        pass
    return folder
