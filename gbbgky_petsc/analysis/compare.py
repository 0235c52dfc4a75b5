"""Two results side by side: differences in units of their size and of their error bars."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.store.reader import Result, axes_of, case_tables

#: columns that say how a run went, not what it found
OF_THE_RUN = ("t", "t_rescaled", "step", "energy_error", "energy_error_rms", "momentum_drift")
#: cells with fewer rods than this squared have no error bars to speak of
FEW = 5.0
#: columns below this share of the largest one (momentum at rest) differ by rounding alone: their size is taken as this
NOTHING = 1e-6


@dataclass(frozen=True)
class Difference:
    """How a quantity of two results differs, over the times that both have.

    Attributes
    ----------
    name
        Group and name of the dataset.
    rows
        Number of common times.
    largest, time
        Largest difference and its time.
    size
        Largest absolute value in either result.
    points
        Number of points at these times.
    errors
        Largest difference in standard errors, where at least one result has them; else None. Cells in which few
        rods were seen do not count; nan if there are no others.
    """

    name: str
    rows: int
    largest: float
    time: float
    size: float
    points: int
    errors: float | None

    def within(self, tolerance: float, sigmas: float) -> bool:
        """Whether both are the same quantity as far as can be told.

        The largest of several points may be as improbable as ``sigmas`` standard errors are for a single one. Without
        error bars at most ``tolerance`` of the quantity's size.
        """
        if self.errors is None:
            return self.largest <= tolerance * self.size
        return not self.errors > float(norm.isf(norm.sf(sigmas) / self.points))


def differences(first: Result, second: Result) -> list[Difference]:
    """Every quantity of /series and /snapshots that both results have on common times and meshes.

    Beside dynamics these are the quantities with error bars, and the density correlation of theory is low-passed like
    it.
    """
    found = [*_of_group(first, second, "series"), *_of_group(first, second, "snapshots")]
    floor = NOTHING * max((d.size for d in found if d.name.startswith("series")), default=0.0)
    return [replace(d, size=max(d.size, floor)) for d in found]


def common_times(first: Array, second: Array) -> tuple[np.ndarray, np.ndarray]:
    """Rows of either that belong to one time, up to rounding."""
    place = np.searchsorted(second, first * (1.0 - 1e-9) - 1e-12)
    inside = place < second.size
    rows = np.flatnonzero(inside)[np.isclose(second[place[inside]], first[inside], rtol=1e-9, atol=1e-12)]
    return rows, place[rows]


def other_keys(first: Result, second: Result) -> list[str]:
    """Keys of the case that differ, as 'table.key: A, B'."""
    one, other = (case_tables(r) for r in (first, second))
    words = []
    for table in sorted({*one, *other}):
        a, b = one.get(table) or {}, other.get(table) or {}
        words += [f"{table}.{key}: {a.get(key)}, {b.get(key)}" for key in sorted({*a, *b}) if a.get(key) != b.get(key)]
    return words


def _of_group(first: Result, second: Result, group: str) -> Iterator[Difference]:
    one, other = getattr(first, group), getattr(second, group)
    rows, others = common_times(one["t"], other["t"])
    if not rows.size:
        return
    random = {name.removesuffix("_stderr") for group in (one, other) for name in group if name.endswith("_stderr")}
    for name in one:
        if random and name not in random:
            continue
        if name not in other or name in OF_THE_RUN or name.endswith("_stderr") or not _same_axes(first, second, name):
            continue
        a, b = _values(first, second, group, name)[rows], _values(second, first, group, name)[others]
        difference = np.abs(a - b)
        seen = np.isfinite(difference)
        if not seen.any():
            continue
        squares = [g[f"{name}_stderr"][i] ** 2 for g, i in ((one, rows), (other, others)) if f"{name}_stderr" in g]
        errors = None
        if squares:
            variance = sum(squares)
            held = seen & (variance > 0.0) & _filled(one, name)[rows] & _filled(other, name)[others]
            errors = float(np.sqrt((difference[held] ** 2 / variance[held]).max())) if held.any() else np.nan
        largest = np.unravel_index(np.nanargmax(difference), difference.shape)
        size = max(float(np.abs(x[seen]).max()) for x in (a, b))
        time = float(one["t"][rows[largest[0]]])
        yield Difference(f"{group}/{name}", rows.size, float(difference[largest]), time, size, difference.size, errors)


def _filled(group: dict[str, Array], name: str) -> np.ndarray:
    """Where a profile of dynamics rests on more than `FEW`^2 rods, by rho itself or by the density; broadcasts."""
    by = "rho" if name == "rho" else "density" if group[name].ndim > 1 else ""
    if f"{by}_stderr" not in group:
        return np.ones(group[name].shape, bool)
    filled: np.ndarray = group[by] > FEW * group[f"{by}_stderr"]
    return filled


def _same_axes(first: Result, second: Result, name: str) -> bool:
    """Whether a dataset of snapshots lies on the same mesh in both."""
    if name not in first.snapshots or name not in second.snapshots:
        return True
    along, others = (axes_of(r.mesh).get(name, ()) for r in (first, second))
    here, there = ([r.mesh.get(axis, ()) for axis in along] for r in (first, second))
    same = along == others and all(np.array_equal(a, b) for a, b in zip(here, there, strict=True))
    return same and first.snapshots[name].shape[1:] == second.snapshots[name].shape[1:]


def _values(result: Result, beside: Result, group: str, name: str) -> Array:
    values: Array = getattr(result, group)[name]
    dynamics = beside.attributes
    if name == "density_correlation" and "low_pass_length" in dynamics and "low_pass_length" not in result.attributes:
        return low_pass(result.mesh["z"], values, float(dynamics["low_pass_length"]), float(dynamics["circumference"]))
    return values


def low_pass(z: Array, values: Array, length: float, ring: float | None = None) -> Array:
    """Values on an even mesh of z, times exp(-(k length)^2/2) in Fourier space.

    Parameters
    ----------
    z : (Nz,) equidistant
    values : (..., Nz), taken as zero outside
    length
        The dynamics' ``low_pass_length``.
    ring
        Circumference of a ring on which the sum over all z is kept at zero: the mean that this takes is added.

    Returns
    -------
    (..., Nz)
    """
    spacing = float(z[1] - z[0])
    kernel = np.exp(-0.5 * ((z[:, None] - z) / length) ** 2)
    kernel *= spacing / (np.sqrt(2.0 * np.pi) * length)
    smooth = values @ kernel
    return smooth if ring is None else smooth - spacing * values.sum(axis=-1, keepdims=True) / ring
