"""What the preconditioners share: an approximate inverse of the Jacobian, kept while rho hardly moves."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.equations.linearisation import Linearisation
from gbbgky_petsc.fields import ONE_BODY, PAIR, Fields
from gbbgky_petsc.terms import Point

#: dotted names of the preconditioners of type python by their short ones
PRECONDITIONERS: dict[str, str] = {}
#: inverses of unknowns beyond rho and g, by block
BLOCK_INVERSES: dict[str, type["BlockInverse"]] = {}


class FrozenInverse(ABC):
    """An approximate inverse of J on (rho, g) at some rho; methods are collective.

    Attributes
    ----------
    rho : (N,) where `decompose` was last called; None before
    """

    rho: Array | None = None

    @abstractmethod
    def decompose(self, point: Point) -> None:
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

    def view(self, viewer: PETSc.Viewer) -> None:  # noqa: B027 (nothing by default)
        """More for -ts_view."""

    def destroy(self) -> None:  # noqa: B027 (nothing by default)
        """Free PETSc objects. Collective."""


class BlockInverse(ABC):
    """An approximate inverse of J on one further block; methods are collective.

    Parameters
    ----------
    at
        Some linearisation of the equations.
    """

    def __init__(self, at: Linearisation) -> None:
        self.at = at

    @abstractmethod
    def decompose(self, point: Point) -> None:
        """Do the work that depends on rho alone."""

    @abstractmethod
    def set_shift(self, shift: float) -> None:
        """Do the work that depends on the shift."""

    @abstractmethod
    def solve(self, source: Array) -> Array:
        """Solution for a right-hand side, in the block's shape."""


class ShiftInverse(BlockInverse):
    """1/shift: of a block for which nothing better is registered."""

    def decompose(self, point: Point) -> None:
        pass

    def set_shift(self, shift: float) -> None:
        self._shift = shift

    def solve(self, source: Array) -> Array:
        return source / self._shift


class FrozenPC(ABC):
    """A PETSc preconditioner of type python around a `FrozenInverse`, further blocks by `BLOCK_INVERSES`.

    The operator's matrix must have a `gbbgky_petsc.equations.linearisation.Jacobian` as its context. Option, NAME
    being the class's `name`:

    -pc_NAME_refresh : decompose anew once rho has changed by this fraction of its maximum (default 0.02)
    """

    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        PRECONDITIONERS[cls.name] = f"{cls.__module__}.{cls.__qualname__}"

    def create(self, pc: PETSc.PC) -> None:
        self.inverse: FrozenInverse | None = None
        self._further: dict[str, BlockInverse] = {}
        self._start: Array | None = None
        self.decompositions = 0

    def destroy(self, pc: PETSc.PC) -> None:
        if self.inverse is not None:
            self.inverse.destroy()
            self.inverse = None

    @property
    def rho(self) -> Array | None:
        """(N,) at which the inverse was built, None where it was not."""
        return None if self.inverse is None else self.inverse.rho

    def start_from(self, rho: Array) -> None:
        """Build the inverse at this rho first: a resumed run goes on with the preconditioner it had."""
        self._start = rho.copy()

    @abstractmethod
    def build(self, pc: PETSc.PC, at: Linearisation) -> FrozenInverse:
        """The inverse, not decomposed yet."""

    def setFromOptions(self, pc: PETSc.PC) -> None:
        self._refresh = PETSc.Options(pc.getOptionsPrefix()).getReal(f"pc_{self.name}_refresh", 0.02)

    def setUp(self, pc: PETSc.PC) -> None:
        jacobian = pc.getOperators()[1].getPythonContext()
        at: Linearisation = jacobian.linearisation
        if self.inverse is None:
            self._fields: Fields = at.fields
            self.inverse = self.build(pc, at)
            further = [name for name in at.fields.blocks if name not in (ONE_BODY, PAIR)]
            self._further = {name: BLOCK_INVERSES.get(name, ShiftInverse)(at) for name in further}
            if self._start is not None:
                self._decompose(at.setting.at(self._start))
        old = self.inverse.rho
        if old is None or np.abs(at.point.rho - old).max() > self._refresh * np.abs(old).max():
            self._decompose(at.point)
            self.decompositions += 1
        self.inverse.set_shift(jacobian.shift)
        for inverse in self._further.values():
            inverse.set_shift(jacobian.shift)
        self._factor = jacobian.factor

    def _decompose(self, point: Point) -> None:
        assert self.inverse is not None
        self.inverse.decompose(point)
        for inverse in self._further.values():
            inverse.decompose(point)

    def apply(self, pc: PETSc.PC, x: PETSc.Vec, y: PETSc.Vec) -> None:
        assert self.inverse is not None
        source, result = self._fields.read(x.array_r), y.array_w
        one_body, pair = self.inverse.solve(source[ONE_BODY], source[PAIR])
        further = {name: inverse.solve(source[name]) for name, inverse in self._further.items()}
        self._fields.store(result, {ONE_BODY: one_body, PAIR: pair} | further)
        if self._factor != 1.0:
            result /= self._factor

    def view(self, pc: PETSc.PC, viewer: PETSc.Viewer | None = None) -> None:
        if viewer is not None and self.inverse is not None:
            viewer.printfASCII(
                f"  {self.inverse.describe()}, {self.decompositions} decompositions so far, "
                f"refresh at {self._refresh:g}\n"
            )
            self.inverse.view(viewer)
