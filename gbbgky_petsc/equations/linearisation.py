"""The equations linearised at a state, and that as a PETSc matrix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.fields import Fields, Rate, State
from gbbgky_petsc.terms import Point, Setting, Term


@dataclass(frozen=True)
class Linearisation:
    """Derivative of the implicit terms at a state; immutable, made once per Jacobian.

    Exact in g. Of the dependence of layer 2 on rho it keeps forcing and collective, the terms with d_theta rho that
    act on rho like a diffusion and are stiff; the smooth change of A, D and K with rho is left out. Number, momentum
    and energy are linear invariants of every term by itself, hence of this derivative.

    Attributes
    ----------
    setting, fields
        Discrete equations and layout.
    terms
        The implicit ones.
    point
        The model at rho.
    state
        The state as far as tangents read it.
    """

    setting: Setting
    fields: Fields
    terms: Sequence[Term]
    point: Point
    state: State

    @classmethod
    def at(
        cls, setting: Setting, fields: Fields, terms: Sequence[Term], at: Callable[[Array], Point], x: PETSc.Vec
    ) -> "Linearisation":
        """Linearise at a state vector, of which no view is kept; ``at`` gives the point of a rho. Collective."""
        state = fields.read(x.array_r)
        slabs = {name for term in terms for name in term.tangent_reads}
        kept = state.detached(slabs)
        return cls(setting, fields, terms, at(kept.rho), kept)

    def add_tangent(self, change: State, out: Rate) -> None:
        """out += derivative along ``change``. Collective."""
        for term in self.terms:
            term.add_tangent(self.point, self.state, change, out)

    def column(self, name: str, entry: int) -> dict[str, Array]:
        """The derivative by one number of a whole block: this rank's part of every block. Collective."""
        x, f = np.zeros((2, sum(block.local_size for block in self.fields.blocks.values())))
        change = State(self.fields, x, {name: _unit(self.fields.blocks[name].total, entry)})
        rate = Rate(self.fields, f)
        self.add_tangent(change, rate)
        return {other: rate[other] for other in self.fields.blocks}


def _unit(size: int, entry: int) -> Array:
    vector = np.zeros(size)
    vector[entry] = 1.0
    return vector


class Jacobian:
    """shift - derivative of the implicit terms, the context of a PETSc matrix of type python.

    Attributes
    ----------
    linearisation, shift
        Replaced as a whole by every new Jacobian of TS.
    factor
        By which MatScale, called by ARKIMEX in newer PETSc, has multiplied the matrix.
    """

    linearisation: Linearisation
    shift = 0.0
    factor = 1.0

    def set(self, linearisation: Linearisation, shift: float) -> None:
        """Become shift - derivative."""
        self.linearisation, self.shift, self.factor = linearisation, shift, 1.0

    def scale(self, mat: PETSc.Mat, factor: float) -> None:
        self.factor *= factor

    def mult(self, mat: PETSc.Mat, x: PETSc.Vec, y: PETSc.Vec) -> None:
        fields = self.linearisation.fields
        rate = Rate(fields, y.array_w)
        self.linearisation.add_tangent(fields.read(x.array_r), rate)
        rate.close()
        y.axpby(self.factor * self.shift, -self.factor, x)
