"""Files of known sizes out of a published tar archive, into memory; nothing is extracted to disk."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from ...neurons import UnreadableFile
from .fetch import FIX, open_published

__all__ = ["read_members"]


def read_members(path: Path, checksum: str, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """The contents of some members of a .tar.gz.

    Parameters   checksum   of the archive, "sha256:..." or "md5:..."
                 sizes      bytes of each member that is wanted, by its name; compared before it is read
    Raises       UnreadableFile if the archive is missing or another one, or a member is missing or of another size
    """
    found: dict[str, bytes] = {}
    try:
        with open_published(path, checksum) as opened, tarfile.open(fileobj=opened, mode="r|gz") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name not in sizes:
                    continue
                if not member.isreg():  # a link could lead anywhere
                    raise UnreadableFile(f"{path}: {name} is no plain file; {FIX}")
                if member.size != sizes[name]:
                    raise UnreadableFile(f"{path}: {name} has {member.size} bytes, wanted {sizes[name]}; {FIX}")
                packed = archive.extractfile(member)
                found[name] = packed.read() if packed is not None else b""
                if len(found) == len(sizes):  # what follows may be gigabytes
                    return found
    except UnreadableFile:
        raise
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise UnreadableFile(f"{path}: truncated, or not a tar.gz ({error}); {FIX}") from error
    raise UnreadableFile(f"{path}: lacks {min(set(sizes) - set(found))}; {FIX}")
