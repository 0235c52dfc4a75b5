"""What the terms share: their fixed setting, the pair field they act on, and their interface."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gbbgky_petsc.discrete.kronecker import KroneckerFactor
from gbbgky_petsc.discrete.mesh import Array, Boundary, PhaseSpaceMesh
from gbbgky_petsc.fields import Fields
from gbbgky_petsc.physics.models import Background
from gbbgky_petsc.physics.potential import Potential


@dataclass(frozen=True)
class Setting:
    """Mesh and potential as the discrete equations see them.

    On a periodic mesh V is the image sum over the ring. V' is the z-stencil applied to V, which
    makes E_kin + E_int an exact invariant of the discrete equations.
    """

    mesh: PhaseSpaceMesh
    potential: Potential

    def _potential(self, z: Array) -> Array:
        if self.mesh.boundary is Boundary.PERIODIC:
            return self.potential.periodic(z, 2.0 * self.mesh.z_max)
        return self.potential(z)

    @cached_property
    def V(self) -> Array:
        """(Nz,) potential on the mesh."""
        return self._potential(self.mesh.z)

    @cached_property
    def force(self) -> Array:
        """(Nz,) V' on the mesh, the negative of the force."""
        if self.mesh.wraps:
            return self.mesh.stencil.differentiate(self.V, wraps=True)
        return self._beyond(self.mesh.z_points // 2 + 1)

    def _beyond(self, reach: int) -> Array:
        """V' at separations -reach+1 .. reach-1 in units of the spacing, from V beyond the mesh too."""
        w = self.mesh.stencil.width
        z = np.arange(-reach + 1 - w, reach + w) * self.mesh.z_spacing
        return self.mesh.stencil.differentiate(self._potential(z), wraps=False)[w:-w]

    @cached_property
    def force_kernel(self) -> Array:
        """V'(z - z') by difference of indices: (Nz,) cyclic, or (2 Nz - 1,) from -Nz+1 to Nz-1 without wrapping."""
        if self.mesh.wraps:
            return np.roll(self.force, -(self.mesh.z_points // 2))
        return self._beyond(self.mesh.z_points)


class PairField:
    """A slab of g with what terms ask of it, each computed once.

    Parameters
    ----------
    fields
        Layout of the vectors.
    pair : (planes, N, N) this rank's g
    haloed : (planes + 2w, N, N) work space that receives g and its halo
    """

    def __init__(self, fields: Fields, pair: Array, haloed: Array) -> None:
        self.fields = fields
        self.pair = pair
        self._haloed = haloed

    @cached_property
    def haloed(self) -> Array:
        """g with w further planes on either side. Collective."""
        self.fields.with_halo(self.pair, self._haloed)
        return self._haloed

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """m_theta(z) = int dtheta' g and its mirror int dtheta g, each (Nz, N) on every rank. Collective."""
        weight = self.fields.mesh.theta_weight
        local = np.stack([self.pair.sum(axis=2), self.pair.sum(axis=1)], axis=1) * weight
        both = self.fields.gather_planes(local)
        return both[:, 0], both[:, 1]


class Term(ABC):
    """A term of layer 2 that is linear in g at given rho.

    Terms with ``factors`` can be assembled; their `add` must agree with them to rounding.
    """

    name: str

    def __init__(self, setting: Setting, fields: Fields) -> None:
        self.setting = setting
        self.fields = fields
        self.mesh = setting.mesh

    def update(self, background: Background) -> None:  # noqa: B027 (most boundaries do not depend on rho)
        """Take over the operators at a new rho."""

    @abstractmethod
    def add(self, field: PairField, out: Array) -> None:
        """out += term(g), (planes, N, N). Collective."""

    @abstractmethod
    def factors(self) -> list[KroneckerFactor]:
        """The term as a sum of Kronecker products."""
