"""Checkpoints: from where a run goes on after it was killed or reached its end.

A state is a set of named blocks. Small ones are whole arrays, datasets of the group /checkpoint of the result file, so
that one rename makes rows and state change together. Large ones, cut over ranks, are raw files beside it
(`gbbgky_petsc.store.blocks`): RESULT.checkpoint.STEP for the block "pair", RESULT.checkpoint.STEP.NAME for any other.
They are complete before the result file names them, with their checksums, and older ones are removed only after that.
Importing this starts neither MPI nor PETSc.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import GbbgkyError, InputError
from gbbgky_petsc.store import blocks as block_files
from gbbgky_petsc.store.blocks import DistributedArray

#: of /checkpoint; 1 had no checksums and no blocks but "pair", and before `HALVED` g was held for all z
VERSION = HALVED = 3
#: block whose file has no name at its end
PLAIN = "pair"
#: how the names of blocks of earlier states begin, before their number; multistep methods go on from them
PAST = "past"
#: array with the times of these states, latest first; missing where there are none
PAST_TIMES = "past_times"
#: most entries of a whole array
LARGEST_ARRAY = 2**24
_NAME = re.compile(r"[A-Za-z]\w*")
#: how names of block files go on behind that of the result
_ENDING = r"checkpoint\.(\d+)(\.[A-Za-z]\w*)?"
_PAST_NAME = re.compile(rf"{PAST}\d+_\w+")


@dataclass(frozen=True)
class Checkpoint:
    """Where an integration stands, but for the blocks that are cut over ranks: the group /checkpoint.

    Numbers are attributes, ``arrays`` datasets.

    Attributes
    ----------
    t, number
        Time and number of accepted steps.
    step, longest_step
        Step that comes next, and the one that the next stop may have cut short.
    arrays
        Whole arrays by name: the small blocks of the state, and what else the integration wants back, such as the
        rho at which its preconditioner was built. Any shape, float64.
    series_rows, snapshot_rows
        How much of the result file is older than this.
    wall_seconds
        Spent so far.
    blocks
        Checksum of each block that is cut over ranks; None where version 1 has none.
    version
        That it was written with.
    """

    t: float
    number: int
    step: float
    longest_step: float
    arrays: Mapping[str, Array]
    series_rows: int
    snapshot_rows: int
    wall_seconds: float
    blocks: Mapping[str, str | None] = field(default_factory=dict)
    version: int = VERSION

    def write(self, file: h5py.File) -> None:
        """Add /checkpoint to a result file."""
        group = file.create_group("checkpoint")
        group.attrs["version"] = VERSION
        for name in (*_REALS, *_COUNTS):
            group.attrs[name] = getattr(self, name)
        group.attrs["blocks"] = json.dumps(dict(self.blocks))
        for name, values in self.arrays.items():
            group.create_dataset(name, data=np.asarray(values, dtype=float))

    def array(self, result: Path, name: str, shape: tuple[int, ...]) -> Array:
        """A whole array of that shape; raises `InputError` where there is none."""
        values = self.arrays.get(name)
        if values is None or values.shape != shape:
            found = "missing" if values is None else f"of shape {values.shape}"
            raise InputError(f"output {result}: /checkpoint/{name} is {found}; allowed: shape {shape}")
        return values

    @property
    def is_unfolded(self) -> bool:
        """Whether its blocks are on all of the z-mesh, whatever symmetry they have."""
        return self.version < HALVED

    def past_times(self, result: Path) -> list[float]:
        """`PAST_TIMES`; raises `InputError` where they are no times that go back from ``t``."""
        times = self.arrays.get(PAST_TIMES, np.empty(0))
        if times.ndim != 1 or not np.all(np.diff(times, prepend=self.t) < 0.0):
            raise InputError(
                f"output {result}: /checkpoint/{PAST_TIMES} does not go back from t = {self.t:g}; it is damaged"
            )
        return [float(t) for t in times]


_REALS = ("t", "step", "longest_step", "wall_seconds")
_COUNTS = ("number", "series_rows", "snapshot_rows")


def parse(result: Path, group: h5py.Group) -> Checkpoint:
    """The checkpoint of a group /checkpoint, of this version or an older one.

    Raises
    ------
    InputError
        If it is of a newer version, or anything in it is missing or not what it should be.
    """
    version = group.attrs.get("version", 1)
    if version not in range(1, VERSION + 1):
        raise InputError(f"output {result}: its checkpoint is of version {version!s:.20}; allowed: 1 to {VERSION}")
    numbers: dict[str, float | int] = {}
    for name in (*_REALS, *_COUNTS):
        value = group.attrs.get(name)
        if not isinstance(value, int | float | np.number) or not np.isfinite(value) or value < 0:
            raise InputError(f"output {result}: /checkpoint has no number {name}; it is damaged")
        if name in _COUNTS and value != int(value):
            raise InputError(f"output {result}: {name} of /checkpoint is {value}; allowed: whole numbers")
        numbers[name] = int(value) if name in _COUNTS else float(value)
    arrays = {}
    for name, dataset in group.items():
        if not isinstance(dataset, h5py.Dataset) or dataset.dtype != np.float64 or dataset.size > LARGEST_ARRAY:
            raise InputError(f"output {result}: /checkpoint/{name} is no array of up to {LARGEST_ARRAY} numbers")
        arrays[name] = dataset[()]
    blocks = {PLAIN: None} if version == 1 else _parse_blocks(result, group.attrs.get("blocks"))
    return Checkpoint(**numbers, arrays=arrays, blocks=blocks, version=int(version))  # type: ignore[arg-type]


def _parse_blocks(result: Path, text: object) -> dict[str, str | None]:
    try:
        blocks = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        blocks = None
    if not isinstance(blocks, dict) or not all(_NAME.fullmatch(k) and isinstance(v, str) for k, v in blocks.items()):
        raise InputError(f"output {result}: blocks of /checkpoint are not named as they should be; it is damaged")
    return dict(blocks)


def block_path(result: Path, number: int, name: str = PLAIN) -> Path:
    """File with a block after step ``number`` of a result file."""
    ending = "" if name == PLAIN else f".{name}"
    return result.with_name(f"{result.name}.checkpoint.{number}{ending}")


def write_blocks(result: Path, number: int, blocks: Mapping[str, DistributedArray]) -> dict[str, str]:
    """Write the blocks of a state that are cut over ranks, before the result file names them. Collective.

    Parameters
    ----------
    result, number
        Result file and step that the state belongs to.
    blocks
        By name: letters, digits and underscores; the same on every rank.

    Returns
    -------
    Checksums for `Checkpoint.blocks`.

    Raises
    ------
    StorageError
        On all ranks, if one cannot be written; nothing of this step is left, older ones are as they were.
    """
    checksums: dict[str, str] = {}
    try:
        for name, block in blocks.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a block")
            checksums[name] = block_files.write(block_path(result, number, name), block)
    except GbbgkyError:
        if any(block.comm.rank == 0 for block in blocks.values()):
            remove(result, number)
        raise
    return checksums


def read_blocks(result: Path, checkpoint: Checkpoint, blocks: Mapping[str, Sequence[DistributedArray]]) -> None:
    """Fill this rank's pieces of ``blocks``, cut over any number of ranks, and check them. Collective.

    Raises
    ------
    InputError
        On all ranks, if a file is missing, of another size or damaged.
    """
    for name, (block, *further) in blocks.items():
        expected = checkpoint.blocks.get(name)
        block_files.read(block_path(result, checkpoint.number, name), block, expected, *further)


def check_blocks(result: Path, checkpoint: Checkpoint, totals: Mapping[str, tuple[int, int]]) -> None:
    """Refuse a checkpoint without these blocks, by the sizes of their files; raises `InputError`.

    ``totals`` are their entries as they are held and on all of the z-mesh.
    """
    present = {name for name in checkpoint.blocks if not _PAST_NAME.fullmatch(name)}
    if present != set(totals):
        held, wanted = (", ".join(sorted(names)) or "none" for names in (present, totals))
        raise InputError(f"output {result}: its checkpoint has the blocks {held}; allowed: {wanted}")
    for name, (total, unfolded) in totals.items():
        block_files.check(block_path(result, checkpoint.number, name), unfolded if checkpoint.is_unfolded else total)


def remove(result: Path, number: int) -> None:
    """Delete the blocks of one step."""
    block_files.remove(result, _ENDING, lambda found: found == number)


def remove_others(result: Path, number: int | None) -> None:
    """Delete every block beside a result file but those of step ``number``."""
    block_files.remove(result, _ENDING, lambda found: found != number)
