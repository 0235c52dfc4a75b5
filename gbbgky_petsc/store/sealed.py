"""Files that know whether they are whole: written in one go, with a digest of everything behind the contents.

HDF5 ignores what follows its own end, so that a sealed result is read by anything that reads HDF5. A program that edits
it takes the seal away, which is allowed; a file that was damaged has a seal that does not fit.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gbbgky_petsc.errors import InputError, StorageError

_MARK = b"\ngbbgky blake2b "
_DIGEST = 64
_LENGTH = len(_MARK) + _DIGEST + 1


def write(path: Path, contents: bytes) -> None:
    """Replace a file by sealed contents, or leave it as it was.

    Written under PATH.part (the caller holds the lock on PATH), flushed to the disk, then renamed.

    Raises
    ------
    StorageError
        If it cannot be written; nothing of the attempt is left.
    """
    part = path.with_name(path.name + ".part")
    seal = _MARK + hashlib.blake2b(contents, digest_size=_DIGEST // 2).hexdigest().encode() + b"\n"
    with writing(path), _removed_on_failure(part):
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(contents)
            file.write(seal)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system says against writing becomes a `StorageError` about ``path``."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"output {path}: cannot be written ({error.strerror})") from error


@contextmanager
def _removed_on_failure(part: Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def verify(path: Path) -> bool:
    """Whether a regular file has a seal that fits.

    Raises
    ------
    InputError
        If it is no regular file, cannot be read, or has a seal that does not fit.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is not a regular file")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _LENGTH:
                return False
            file.seek(size - _LENGTH)
            seal = file.read(_LENGTH)
            if not seal.startswith(_MARK):
                return False
            file.seek(0)
            digest, left = hashlib.blake2b(digest_size=_DIGEST // 2), size - _LENGTH
            while left and (chunk := file.read(min(left, 2**20))):
                digest.update(chunk)
                left -= len(chunk)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if seal[len(_MARK) : -1] != digest.hexdigest().encode():
        raise InputError(f"{path}: damaged, its contents are not those that were written")
    return True
