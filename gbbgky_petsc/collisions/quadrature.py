"""Adaptive Gauss-Kronrod rule on [0, infinity) for vector-valued integrands: panels in octaves, halved where needed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.special

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import SolverError

#: positive abscissae of the 15-point Kronrod rule on [-1, 1], its weights, and those of the 7-point Gauss rule in it
_NODES = (0.991455371120812639206854697526329, 0.949107912342758524526189684047851, 0.864864423359769072789712788640926,
          0.741531185599394439863864773280788, 0.586087235467691130294144691693017, 0.405845151377397166906606412076961,
          0.207784955007898467600689403773245)  # fmt: skip
_KRONROD = (0.022935322010529224963732008058970, 0.063092092629978553290700663189204,
            0.104790010322250183839876322541518, 0.140653259715525918745189590510238,
            0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
            0.204432940075298892414161999234649, 0.209482141084727828012999174891714)  # fmt: skip
_GAUSS = (0.129484966168869693270611432679082, 0.279705391489276667901467771423780,
          0.381830050505118944950369775488975, 0.417959183673469387755102040816327)  # fmt: skip

NODES = np.array([-x for x in _NODES] + [0.0] + list(reversed(_NODES)))
KRONROD = np.array([*_KRONROD[:-1], _KRONROD[-1], *reversed(_KRONROD[:-1])])
GAUSS = np.zeros(15)
GAUSS[1::2] = [*_GAUSS[:-1], _GAUSS[-1], *reversed(_GAUSS[:-1])]

#: sizes of the Gauss-Legendre rules tried in the place of converged panels
LEAN = (12, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96)
#: panels beyond which the integrand counts as not integrable
MOST_PANELS = 200


@dataclass(frozen=True)
class Integral:
    """A converged integral.

    Attributes
    ----------
    value : (m,)
    error : estimate relative to the largest entry of each group of columns
    edges : (p + 1,) of its panels, each with as many nodes
    nodes, weights : (n,) of the rule
    samples : (n, m) integrand at the nodes
    """

    value: Array
    error: float
    edges: Array
    nodes: Array
    weights: Array
    samples: Array

    def cosine(self, values: Array, z: Array) -> Array:
        """int f(k) cos(kz) dk for z (Nz,) of any size, from f at the nodes (n,).

        f is expanded in Legendre polynomials on each panel, int P_l(x) exp(i w x) dx = 2 i^l j_l(w).
        """
        a, b = self.edges[:-1], self.edges[1:]
        middle, half = 0.5 * (a + b), 0.5 * (b - a)
        f = values.reshape(a.size, -1)
        order = np.arange(f.shape[1])
        x = (self.nodes[: order.size] - middle[0]) / half[0]
        coefficients = np.linalg.solve(scipy.special.eval_legendre(order[None, :], x[:, None]), f.T)  # (l, panel)
        bessel = scipy.special.spherical_jn(order[:, None, None], half[:, None] * np.abs(z))  # (l, panel, z)
        series = np.einsum("lp,lpz->pz", coefficients * 2.0 * (1j**order)[:, None], bessel)
        return np.asarray((half[:, None] * np.exp(1j * middle[:, None] * np.abs(z)) * series).real.sum(axis=0))


class OctaveRule:
    """int_0^infinity f(k) dk with error control.

    Panels [0, 8 u], [8 u, 16 u], [16 u, 32 u], ... with u = ``unit`` are added until the last one carries less than
    the tolerance, and halved where the difference d of the 15-point Kronrod and the 7-point Gauss rule asks for it: the
    error of the former is taken as (200 d)^(3/2) relative to the integral, which an analytic integrand stays
    well below. Panels are kept from call to call and change only when an integrand asks for it.

    After that `lean` uses the smallest Gauss-Legendre rule that gave the same integral within the tolerance: a third
    of the nodes, for integrands that differ little from the last one checked.

    Parameters
    ----------
    unit
        Scale of k.
    tolerance
        Relative error allowed.
    groups
        Column slices of the integrand, each with a scale of its own.
    """

    def __init__(self, unit: float, tolerance: float, groups: tuple[slice, ...]) -> None:
        self._tolerance, self._groups = tolerance, groups
        self._edges = [0.0, 8.0 * unit, 16.0 * unit]
        self._lean: tuple[Array, Array] | None = None

    def integrate(self, integrand: Callable[[Array], Array], floors: tuple[float, ...]) -> Integral:
        """Integrate f: (n,) -> (n, m); a group's scale is at least its entry of ``floors``.

        Raises
        ------
        SolverError
            If the tolerance is not reached with `MOST_PANELS` panels.
        """
        known: dict[tuple[float, float], tuple[Array, Array]] = {}
        while True:
            panels = list(zip(self._edges[:-1], self._edges[1:], strict=True))
            new = [p for p in panels if p not in known]
            nodes = np.concatenate([0.5 * (a + b) + 0.5 * (b - a) * NODES for a, b in new])
            values = integrand(nodes).reshape(len(new), 15, -1)
            for panel, k, f in zip(new, nodes.reshape(-1, 15), values, strict=True):
                known[panel] = (k, f)
            errors, sizes, result = self._assess(panels, known, floors)
            total = float(errors.sum())
            open_end = float(sizes[-1])
            if total <= self._tolerance and open_end <= self._tolerance:
                self._choose_lean(integrand, result, floors)
                return result
            split = errors > max(self._tolerance / len(panels), 0.1 * errors.max())
            if total <= self._tolerance:
                split[:] = False
            middles = [0.5 * (a + b) for (a, b), halve in zip(panels, split, strict=True) if halve]
            if open_end > self._tolerance:
                middles.append(2.0 * self._edges[-1])
            self._edges = sorted([*self._edges, *middles])
            if len(self._edges) > MOST_PANELS:
                raise SolverError(
                    f"wavenumber quadrature: error {total:.1e}, last octave {open_end:.1e} with {MOST_PANELS} panels; "
                    f"asked for {self._tolerance:.1e} (kinetic.tolerance)"
                )

    @property
    def settled(self) -> bool:
        """Whether an integral has converged."""
        return self._lean is not None

    def points(self) -> tuple[Array, Array]:
        """Nodes and weights (n,) of the rule for integrands like the last one checked."""
        assert self._lean is not None
        return self._lean

    def lean(self, integrand: Callable[[Array], Array], error: float) -> Integral:
        """Integrate by the rule of `points`; ``error`` is that of the last check."""
        nodes, weights = self.points()
        samples = integrand(nodes)
        edges = np.array([0.0, self._edges[-2]]) if nodes.size in LEAN else np.array(self._edges)
        return Integral(weights @ samples, error, edges, nodes, weights, samples)

    def _choose_lean(self, integrand: Callable[[Array], Array], checked: Integral, floors: tuple[float, ...]) -> None:
        """Find the smallest Gauss-Legendre rule that agrees; the last octave carries less than the tolerance."""
        top = self._edges[-2]
        first = 0
        if self._lean is not None and self._lean[0].size in LEAN:
            first = max(0, LEAN.index(self._lean[0].size) - 1)
        for n in LEAN[first:]:
            if n >= checked.nodes.size:
                break
            x, w = scipy.special.roots_legendre(n)
            nodes, weights = 0.5 * top * (1.0 + x), 0.5 * top * w
            wrong = np.abs(weights @ integrand(nodes) - checked.value)
            scales = [max(float(np.abs(checked.value[g]).max()), f) for g, f in zip(self._groups, floors, strict=True)]
            if all(wrong[g].max() <= self._tolerance * s for g, s in zip(self._groups, scales, strict=True)):
                self._lean = (nodes, weights)
                return
        self._lean = (checked.nodes, checked.weights)

    def _assess(
        self, panels: list[tuple[float, float]], known: dict[tuple[float, float], tuple[Array, Array]],
        floors: tuple[float, ...],
    ) -> tuple[Array, Array, Integral]:  # fmt: skip
        """Relative error and size of each panel, and the integral."""
        half = np.array([0.5 * (b - a) for a, b in panels])
        samples = np.stack([known[p][1] for p in panels])  # (panels, 15, m)
        fine = half[:, None] * np.einsum("i,pim->pm", KRONROD, samples)
        difference = np.abs(fine - half[:, None] * np.einsum("i,pim->pm", GAUSS, samples))
        value = fine.sum(axis=0)
        errors, sizes = np.zeros((2, len(panels)))
        for group, floor in zip(self._groups, floors, strict=True):
            scale = max(float(np.abs(value[group]).max()), floor)
            d = difference[:, group].max(axis=1) / scale
            errors = np.maximum(errors, np.minimum(d, (200.0 * d) ** 1.5))
            sizes = np.maximum(sizes, np.abs(fine[:, group]).max(axis=1) / scale)
        weights = (half[:, None] * KRONROD).ravel()
        nodes = np.concatenate([known[p][0] for p in panels])
        return (
            errors,
            sizes,
            Integral(
                value, float(errors.sum()), np.array(self._edges), nodes, weights, samples.reshape(nodes.size, -1)
            ),
        )
