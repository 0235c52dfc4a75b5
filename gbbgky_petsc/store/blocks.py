"""Large blocks of a state on disk: one raw file each, written and read by all ranks through MPI-IO.

A file holds float64, little endian, in the order of the whole array, and is the same for any number of ranks. MPI-IO
may swallow a full disk without a word, so the space is reserved before, and what was written is read back and compared.
Importing this starts no MPI.
"""

import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError, StorageError
from gbbgky_petsc.parallel import on_root, together

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

#: most entries in one call of MPI-IO, whose counts have 32 bits
ROUND = 2**26
#: entries that the checksum and the comparison take at once, to stay in the cache
CHUNK = 2**15


@dataclass(frozen=True)
class DistributedArray:
    """A block of numbers cut into consecutive pieces, one a rank.

    Attributes
    ----------
    comm
        Communicator of the ranks that hold it.
    local
        This rank's piece: float64, C-contiguous, any shape (also empty). `read` writes into it.
    start
        Where the piece begins in the whole block, in entries.
    total
        Entries of the whole block.
    """

    comm: "Intracomm"
    local: Array
    start: int
    total: int

    @property
    def flat(self) -> Array:
        """This rank's piece in one dimension, without a copy."""
        if self.local.dtype != np.dtype("<f8") or not self.local.flags.c_contiguous:
            raise TypeError("a distributed block is float64, little endian and C-contiguous")
        return self.local.reshape(-1)


def checksum(block: DistributedArray, *further: DistributedArray) -> str:
    """Sum over entries of a 64-bit hash of (place, bits), in hexadecimal; the same for any cut. Collective."""
    own = sum(_hash(part.flat, part.start) for part in (block, *further))
    return f"{sum(block.comm.allgather(own)) % 2**64:016x}"


def _hash(values: Array, start: int) -> int:
    """The part of `checksum` of consecutive entries from ``start`` on (splitmix64 of bits and place)."""
    total = 0
    for first in range(0, values.size, CHUNK):
        x = values[first : first + CHUNK].view("<u8").copy()
        place = np.arange(start + first + 1, start + first + 1 + x.size, dtype=np.uint64)
        x ^= place * np.uint64(0x9E3779B97F4A7C15)
        x ^= x >> np.uint64(30)
        x *= np.uint64(0xBF58476D1CE4E5B9)
        x ^= x >> np.uint64(27)
        x *= np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
        total += int(x.sum(dtype=np.uint64))
    return total


def write(path: Path, block: DistributedArray, *further: DistributedArray) -> str:
    """Write a block and return its checksum. Collective.

    The file is complete and on the disk afterwards; a file of that name that was there is replaced. Ranks may have
    ``further`` pieces of the same block, all the same number of them.

    Raises
    ------
    StorageError
        On all ranks, if the file is not what it should be; nothing is left of it.
    """
    from mpi4py import MPI

    try:
        on_root(block.comm, lambda: _reserve(path, 8 * block.total))
        for part in (block, *further):
            together(block.comm, partial(_transfer, path, part, MPI.MODE_WRONLY, MPI.File.Write_at_all))
            together(block.comm, partial(_compare, path, part))
    except StorageError:
        if block.comm.rank == 0:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise
    return checksum(block, *further)


def read(path: Path, block: DistributedArray, expected: str | None, *further: DistributedArray) -> None:
    """Fill the pieces of a block from its file, and hold them against its checksum if there is one. Collective.

    Raises
    ------
    InputError
        On all ranks, if the file is missing, of another size or damaged.
    """
    from mpi4py import MPI

    on_root(block.comm, lambda: check(path, block.total))
    for part in (block, *further):
        together(block.comm, partial(_transfer, path, part, MPI.MODE_RDONLY, MPI.File.Read_at_all))
    if expected is not None and checksum(block, *further) != expected:
        raise InputError(f"checkpoint {path}: damaged, its checksum is not the one stored with the result")


def load(path: Path, shape: tuple[int, ...]) -> tuple[Array, str]:
    """A whole block from its file, with its checksum, by one process that need not know MPI.

    Raises
    ------
    InputError
        If the file is missing or of another size.
    """
    check(path, math.prod(shape))
    values = np.fromfile(path, "<f8")
    return values.reshape(shape), f"{_hash(values, 0) % 2**64:016x}"


def remove(result: Path, ending: str, doomed: Callable[[int], bool]) -> None:
    """Delete the files beside a result whose names go on with a dot and ``ending``, where its number is ``doomed``.

    Parameters
    ----------
    ending
        A pattern whose first group is the number.
    """
    pattern = re.compile(rf"{re.escape(result.name)}\.{ending}")
    for path in result.parent.iterdir():
        match = pattern.fullmatch(path.name)
        if match and doomed(int(match[1])):
            with suppress(OSError):
                path.unlink()


def check(path: Path, total: int) -> None:
    """Refuse what cannot be the file of a block of that many entries; raises `InputError`."""
    if not path.is_file():
        raise InputError(f"checkpoint {path}: is missing")
    if path.stat().st_size != 8 * total:
        raise InputError(f"checkpoint {path}: has {path.stat().st_size} bytes; allowed: {8 * total}")


def _reserve(path: Path, size: int) -> None:
    """A new file whose space is really there: MPI-IO would let the tail of a file on a full disk be zeros."""
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            os.posix_fallocate(descriptor, 0, max(size, 1))
            os.ftruncate(descriptor, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(f"checkpoint {path}: cannot be written ({error.strerror})") from error


def _transfer(path: Path, block: DistributedArray, mode: int, how: Callable[..., None]) -> None:
    from mpi4py import MPI

    flat = block.flat
    rounds = block.comm.allreduce(-(-flat.size // ROUND), MPI.MAX)
    try:
        file = MPI.File.Open(block.comm, str(path), mode)
        for first in range(0, rounds * ROUND, ROUND):
            part = flat[first : first + ROUND]
            how(file, 8 * (block.start + min(first, flat.size)), [part, MPI.DOUBLE])
        if mode == MPI.MODE_WRONLY:
            file.Sync()
        file.Close()
    except MPI.Exception as error:
        raise StorageError(f"checkpoint {path}: {error}") from error


def _compare(path: Path, block: DistributedArray) -> None:
    """Hold the file against memory."""
    flat = block.flat
    try:
        with open(path, "rb", buffering=0) as file:
            for first in range(0, flat.size, CHUNK):
                part = flat[first : first + CHUNK]
                if os.pread(file.fileno(), part.nbytes, 8 * (block.start + first)) != part.tobytes():
                    raise StorageError(f"checkpoint {path}: what was written does not read back the same; disk full?")
    except OSError as error:
        raise StorageError(f"checkpoint {path}: cannot be read back ({error.strerror})") from error
