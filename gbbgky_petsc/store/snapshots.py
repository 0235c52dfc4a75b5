"""Fields kept whole at the snapshots of a result: raw files beside it, RESULT.snapshot.ROW.NAME.

ROW counts the rows of /snapshots from 0. The result file holds of each the upper bits of its checksum, as the snapshot
NAME_checksum; a file is complete before the result names it. Importing this starts no MPI.
"""

from collections.abc import Collection
from pathlib import Path

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.store import blocks
from gbbgky_petsc.store.blocks import DistributedArray


def path_of(result: Path, row: int, name: str) -> Path:
    """File with a field at a row of /snapshots."""
    return result.with_name(f"{result.name}.snapshot.{row}.{name}")


def column(name: str) -> str:
    """Snapshot with the checksums of a field."""
    return f"{name}_checksum"


def schema(names: Collection[str]) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """What keeping these fields adds to /snapshots, see `gbbgky_petsc.store.writer.Schema.with_snapshots`."""
    meaning = "upper 53 bits of the checksum of the file RESULT.snapshot.ROW.{}; nan where it was not kept"
    return {column(name): ("1", meaning.format(name), ()) for name in names}


def write(result: Path, row: int, name: str, field: DistributedArray, *further: DistributedArray) -> float:
    """Keep a field, of which ranks may hold ``further`` pieces, and return what `column` is to hold of it. Collective.

    Raises
    ------
    StorageError
        On all ranks, if it cannot be written; nothing is left of it.
    """
    return _upper_bits(blocks.write(path_of(result, row, name), field, *further))


def read(result: Path, row: int, name: str, shape: tuple[int, ...], expected: float) -> Array:
    """A field that was kept, by one process; ``expected`` is what `column` holds of it.

    Raises
    ------
    InputError
        If it was not kept, or its file is missing, of another size or damaged.
    """
    path = path_of(result, row, name)
    values, checksum = blocks.load(path, shape)
    if _upper_bits(checksum) != expected:
        raise InputError(f"snapshot {path}: damaged, its checksum is not the one stored with the result")
    return values


def remove_from(result: Path, row: int) -> None:
    """Delete the fields of a row and of all later ones."""
    blocks.remove(result, r"snapshot\.(\d+)\.[A-Za-z]\w*", lambda found: found >= row)


def _upper_bits(checksum: str) -> float:
    """What a float64 holds exactly of 64 bits in hexadecimal."""
    return float(int(checksum, 16) >> 11)
