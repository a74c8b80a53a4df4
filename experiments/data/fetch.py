"""Where a published file lies, and whether it is the published one.

Files are looked for in the folder that the environment variable SYNFIRE_DATA names, as `$SYNFIRE_DATA/<set>/<file>`;
without the variable they are downloaded once and kept. Either way their checksum is compared before anything is parsed,
so that nothing of a damaged or foreign file is ever interpreted.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from ...neurons import UnreadableFile

__all__ = ["FIX", "locate", "open_published"]

MISSING = "put the file there, or unset SYNFIRE_DATA to download it"
FIX = "delete it and get it anew (unset SYNFIRE_DATA to download it)"


def locate(folder: str, file: str, source: str, checksum: str) -> Path:
    """The path of one file of a data set, downloaded if SYNFIRE_DATA is not set.

    Parameters   folder     of the set within SYNFIRE_DATA
                 source     address of the folder that the publisher keeps the file in, with its last /
                 checksum   "sha256:..." or "md5:..."
    Raises       UnreadableFile if it cannot be downloaded
    """
    given = os.environ.get("SYNFIRE_DATA")
    if given:
        return Path(given) / folder / file
    import pooch

    try:
        return Path(
            pooch.retrieve(source + file, known_hash=checksum, fname=file, path=pooch.os_cache("synfire") / folder)
        )
    except Exception as error:  # no network, a proxy, a wrong checksum, a full disk: many kinds, one meaning
        raise UnreadableFile(
            f"{source}{file}: cannot be downloaded ({error}); put the files of the set into a folder {folder} "
            "and set SYNFIRE_DATA to the folder that holds it"
        ) from error


def open_published(path: Path, checksum: str, *, missing: str = MISSING, foreign: str = FIX) -> BinaryIO:
    """The file, opened at its beginning, after its checksum was compared.

    Parameters   missing, foreign   what to do if it is not there, or another one
    Raises       UnreadableFile if it is missing, cannot be read, or is not the published one
    """
    kind, _, wanted = checksum.partition(":")
    try:
        opened = path.open("rb")
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}; {missing}") from error
    try:
        found = hashlib.file_digest(opened, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
        size = opened.tell()
        if found != wanted:
            raise UnreadableFile(
                f"{path}: {size} bytes, truncated or not the published file (its {kind} differs from {wanted[:12]}...); {foreign}"
            )
        opened.seek(0)
    except UnreadableFile:
        opened.close()
        raise
    except OSError as error:
        opened.close()
        raise UnreadableFile(f"{path}: cannot be read ({error}); {foreign}") from error
    return opened
