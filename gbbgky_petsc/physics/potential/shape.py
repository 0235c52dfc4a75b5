"""What a profile phi(x) is: even, with a value, a slope and a Fourier transform."""

from abc import ABC, abstractmethod
from itertools import pairwise

import numpy as np
from scipy.integrate import quad

from gbbgky_petsc.arrays import Array


class Shape(ABC):
    """Even dimensionless profile phi(x); subclasses are written for x >= 0 and q >= 0."""

    #: profile vanishes beyond this x (infinite unless tabulated)
    support: float = np.inf

    @abstractmethod
    def value(self, x: Array) -> Array:
        """phi at x >= 0."""

    @abstractmethod
    def slope(self, x: Array) -> Array:
        """phi' at x >= 0; where it jumps at the origin, 0 is returned there."""

    def transform(self, q: Array) -> Array:
        """phi~(q) = int dx exp(-iqx) phi(x) for a flat array of q >= 0; by quadrature unless a closed form is given."""
        return np.array([cosine_transform(self, float(one)) for one in q])


def cosine_transform(shape: Shape, q: float) -> float:
    """2 int_0^inf cos(qx) phi(x) dx by adaptive quadrature, to 1e-9 of phi~(0) for every q >= 0.

    Panels double in length from 1 up to three periods (at least to 64), so that neither the core of phi nor a period is
    stepped over; in each the rule for an oscillating weight needs to resolve phi alone. Whole periods follow, whose
    sum is extrapolated.
    """

    def phi(x: float) -> float:
        return float(shape.value(np.asarray(x)))

    far = max(64.0, 6.0 * np.pi / q) if q > 0.0 else 64.0
    edges = np.minimum(np.concatenate([[0.0], 2.0 ** np.arange(np.ceil(np.log2(far)) + 1)]), shape.support)
    total = 0.0
    for low, high in pairwise(edges):
        if high > low:
            total += quad(phi, low, high, weight="cos", wvar=q, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
    last = float(edges[-1])
    if last < shape.support:
        wave = {"weight": "cos", "wvar": q, "limlst": 500} if q > 0.0 else {}
        total += quad(phi, last, np.inf, epsabs=1e-12, limit=500, **wave)[0]
    return 2.0 * total
