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
    seal = _MARK + hashlib.blake2b(contents, digest_size=_DIGEST // 2).hexdigest().encode() + b"\n"
    with replacing(path) as part, part.open("wb") as file:
        file.write(contents)
        file.write(seal)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path, ending: str = "") -> Iterator[Path]:
    """A new file beside ``path``, of that ending, which takes its place if all goes well and is removed if not.

    Raises
    ------
    StorageError
        For what the system says against writing.
    """
    part = path.with_name(f"{path.name}.part{ending}")
    with writing(path):
        try:
            part.unlink(missing_ok=True)
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            yield part
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system says against writing becomes a `StorageError` about ``path``."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"output {path}: cannot be written ({error.strerror})") from error


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
