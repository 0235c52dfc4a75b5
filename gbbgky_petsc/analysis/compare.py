"""Theory and molecular dynamics brought to what both resolve."""

import numpy as np

from gbbgky_petsc.arrays import Array


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
