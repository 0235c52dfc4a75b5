"""What the preconditioners share: an approximate inverse of the Jacobian, kept while rho hardly moves."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

from gbbgky_petsc.physics.models import Background

if TYPE_CHECKING:
    from gbbgky_petsc.equations.hierarchy import Jacobian

Array = NDArray[np.float64]


class FrozenInverse(ABC):
    """An approximate inverse of J at some rho; methods are collective.

    Attributes
    ----------
    rho : (N,) where `decompose` was last called; None before
    """

    rho: Array | None = None

    @abstractmethod
    def decompose(self, background: Background) -> None:
        """Do the work that depends on rho alone."""

    @abstractmethod
    def set_shift(self, shift: float) -> None:
        """Do the work that depends on the shift."""

    @abstractmethod
    def solve(self, one_body: Array, pair: Array) -> tuple[Array, Array]:
        """(one-body, g) with J (one-body, g) = right-hand side, approximately.

        Parameters
        ----------
        one_body : (N + 1,) whole right-hand side of rho and of the absorbed energy
        pair : (planes, N, N) this rank's right-hand side of g

        Returns
        -------
        (N + 1,), (planes, N, N)
        """

    @abstractmethod
    def describe(self) -> str:
        """One line for -ts_view."""


class FrozenPC(ABC):
    """A PETSc preconditioner of type python around a `FrozenInverse`.

    The operator's matrix must be a `gbbgky_petsc.equations.hierarchy.Jacobian`. Option, NAME being the class's `name`:

    -pc_NAME_refresh : decompose anew once rho has changed by this fraction of its maximum (default 0.02)
    """

    name: ClassVar[str]

    def create(self, pc: PETSc.PC) -> None:
        self.inverse: FrozenInverse | None = None
        self.decompositions = 0

    @abstractmethod
    def build(self, pc: PETSc.PC, jacobian: "Jacobian") -> FrozenInverse:
        """The inverse, not decomposed yet."""

    def setFromOptions(self, pc: PETSc.PC) -> None:
        self._refresh = PETSc.Options(pc.getOptionsPrefix()).getReal(f"pc_{self.name}_refresh", 0.02)

    def setUp(self, pc: PETSc.PC) -> None:
        jacobian = pc.getOperators()[1].getPythonContext()
        background = jacobian.background
        if self.inverse is None:
            self._fields = jacobian.hierarchy.fields
            self.inverse = self.build(pc, jacobian)
            if jacobian.preconditioner_rho is not None:  # a resumed run goes on with the preconditioner it had
                self.inverse.decompose(jacobian.hierarchy.background(jacobian.preconditioner_rho))
        old = self.inverse.rho
        if old is None or np.abs(background.rho - old).max() > self._refresh * np.abs(old).max():
            self.inverse.decompose(background)
            self.decompositions += 1
        jacobian.preconditioner_rho = self.inverse.rho
        self.inverse.set_shift(jacobian.shift)
        self._factor = jacobian.factor

    def apply(self, pc: PETSc.PC, x: PETSc.Vec, y: PETSc.Vec) -> None:
        assert self.inverse is not None
        fields = self._fields
        source = x.array_r
        one_body, pair = self.inverse.solve(fields.gather_one_body(source), fields.pair(source))
        result = y.array_w
        fields.one_body(result)[:] = one_body[fields.one_body_range]
        fields.pair(result)[:] = pair
        if self._factor != 1.0:
            result /= self._factor

    def view(self, pc: PETSc.PC, viewer: PETSc.Viewer | None = None) -> None:
        if viewer is not None and self.inverse is not None:
            viewer.printfASCII(
                f"  {self.inverse.describe()}, {self.decompositions} decompositions so far, "
                f"refresh at {self._refresh:g}\n"
            )
