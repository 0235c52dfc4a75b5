"""The interface of terms, and the register of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import scipy.sparse as sp

from gbbgky_petsc.arrays import Array, ComplexArray
from gbbgky_petsc.discrete.kronecker import KroneckerProduct
from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.fields import ONE_BODY, PAIR, BlockSpec, Fields, Rate, State
from gbbgky_petsc.terms.setting import Point, Setting, Waves

T = TypeVar("T")


@dataclass(frozen=True)
class NormalForm:
    """A term on normal modes G = (R^t x R^t) g as far as it is diagonal there: first d/dz + second d^2/dz^2 - decay.

    Attributes
    ----------
    first, second : (N,) one side's coefficient c; that of the pair (i, j) is c_i - c_j, and c_i + c_j for ``second``
    decay : (Nz, N, N) or what broadcasts to it
    """

    first: Array | None = None
    second: Array | None = None
    decay: Array | None = None


class Term(ABC):
    """A labelled term of an equation: a contribution to the rate of some blocks, given the state.

    Subclasses state their equation, implement `add`, and what else they have: the derivative `add_tangent` for
    implicit integrators, Kronecker products, symbols and normal forms for matrices and preconditioners. A term has no
    state of its own; what depends on rho comes with the `Point`.

    Attributes
    ----------
    name
        The label.
    reads, writes
        Names of blocks.
    tangent_reads
        Slabs whose values at the point of linearisation the tangent needs; whole blocks and moments of g are there.
    conserves
        Whether number, momentum and energy (kinetic, interaction and absorbed) are invariants of the term by itself.
    recorded
        Further datasets of /snapshots, name -> (unit, meaning, axes of the mesh behind t); `record` has their values.
    """

    name: ClassVar[str] = ""
    reads: ClassVar[tuple[str, ...]] = (PAIR,)
    writes: ClassVar[tuple[str, ...]] = (PAIR,)
    tangent_reads: ClassVar[tuple[str, ...]] = ()
    conserves: ClassVar[bool] = True
    recorded: ClassVar[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {}

    def __init__(self, setting: Setting, fields: Fields) -> None:
        self.setting, self.fields, self.mesh = setting, fields, setting.mesh

    @classmethod
    def blocks(cls, mesh: PhaseSpaceMesh) -> tuple[BlockSpec, ...]:
        """Unknowns beyond rho and g that come with the term."""
        return ()

    def initial_blocks(self, point: Point) -> dict[str, Array]:
        """Values at t = 0 of the unknowns that come with the term, where they are not zero."""
        return {}

    def block_tolerances(self, point: Point, relative: float, pair: float) -> dict[str, float]:
        """Error per step allowed in the unknowns that come with the term; those not named take that of g.

        Parameters
        ----------
        relative
            What is allowed in rho, relative to its maximum.
        pair
            What is allowed in g.
        """
        return {}

    def record(self, point: Point, x: State) -> dict[str, Any]:
        """Values of `recorded`. Collective."""
        return {}

    @abstractmethod
    def add(self, point: Point, x: State, out: Rate) -> None:
        """out += term(x), rho of x being that of ``point``. Collective."""

    @abstractmethod
    def add_tangent(self, point: Point, x: State, change: State, out: Rate) -> None:
        """out += derivative of the term at x along ``change``. Collective."""

    def absorbed_power(self, point: Point, x: State) -> float:
        """Interaction energy per unit length and time that the term takes out at the ends of z. Collective."""
        return 0.0

    def summands(self, point: Point) -> list[KroneckerProduct]:
        """The term's action from g to g as a sum of Kronecker products, equal to `add` to rounding."""
        return []

    def absorbed_row(self, point: Point) -> Array | None:
        """`absorbed_power` as a linear form on g in the order (z, theta, theta'), (Nz N N,); None where it vanishes."""
        return None

    def one_body_rows(self, point: Point) -> sp.csr_matrix | None:
        """The action from g to rho, (N, Nz N N) sparse; None where it vanishes."""
        return None

    @staticmethod
    def symbol(point: Point, waves: Waves) -> ComplexArray | None:
        """S_k, (K, N, N), if the term acts as - (S_k G_k + G_k S_k^H) on the transform of g; else None."""
        return None

    def normal_form(self, point: Point) -> NormalForm | None:
        """The part of the term that is diagonal in normal modes; None: there is none."""
        return None

    def one_body_tangent(self, point: Point) -> Array | None:
        """d(rate of rho)/d rho at fixed g, (N, N); None where it vanishes."""
        return None

    def release(self) -> None:  # noqa: B027 (nothing by default)
        """Free PETSc objects, if any. Collective."""


class OneBodyTerm(Term):
    """A term of layer 1: a contribution to d rho/dt."""

    writes = (ONE_BODY,)

    @abstractmethod
    def rho_rate(self, point: Point, x: State) -> Array:
        """Its d rho/dt, (N,) on every rank. Collective."""

    def add(self, point: Point, x: State, out: Rate) -> None:
        out[ONE_BODY][:-1] += self.rho_rate(point, x)


class PairTerm(Term):
    """A term that is linear in g at given rho.

    Of its dependence on rho the tangent keeps what `add_response` gives, by default nothing.
    """

    def add_tangent(self, point: Point, x: State, change: State, out: Rate) -> None:
        self.add(point, change, out)
        rho = change.rho
        if rho.any():
            self.add_response(point, x, rho, out)

    def add_response(self, point: Point, x: State, change: Array, out: Rate) -> None:
        """out += derivative at fixed g along a change of rho, (N,)."""


def total_symbol(terms: Iterable[Term], point: Point, waves: Waves) -> ComplexArray:
    """M_k, (K, N, N): the sum of what terms have for a symbol."""
    n = point.slope.size
    total = np.zeros((waves.first.size, n, n), complex)
    for term in terms:
        part = term.symbol(point, waves)
        if part is not None:
            total += part
    return total


#: terms by label
TERMS: dict[str, type[Term]] = {}
#: terms that treat |z| = L, by kind of boundary
BOUNDARIES: dict[Boundary, type[Term]] = {}


def register(cls: type[T]) -> type[T]:
    """Class decorator: make a term known by its label.

    Raises
    ------
    ValueError
        For a term without a label, or with one that is taken.
    """
    assert issubclass(cls, Term)
    if not cls.name or cls.name in TERMS:
        raise ValueError(f"{cls.__name__}: a term needs a label of its own, not {cls.name!r}")
    TERMS[cls.name] = cls
    return cls


def register_boundary(kind: Boundary) -> Callable[[type[T]], type[T]]:
    """Class decorator: the term that a mesh with this kind of boundary brings."""

    def keep(cls: type[T]) -> type[T]:
        assert issubclass(cls, Term)
        BOUNDARIES[kind] = cls
        return cls

    return keep
