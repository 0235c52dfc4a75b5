"""What terms are given: the fixed setting, the point at which the model is linearised, wavenumbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from gbbgky_petsc.arrays import Array, ComplexArray
from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.fields import State
from gbbgky_petsc.physics.models import Background, IntegrableModel
from gbbgky_petsc.physics.potential import Potential

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """Model, potential and mesh as the discrete equations see them.

    On a periodic mesh V is the image sum over the ring. V' is the z-stencil applied to V, which
    makes E_kin + E_int an exact invariant of the discrete equations.

    Attributes
    ----------
    closure
        Contact closure, ``fluctuation`` or ``printed``, see `gbbgky_petsc.terms.contact`.
    collision_options
        Options of a collision operator that is one of the terms, as in a case's table [kinetic].
    """

    mesh: PhaseSpaceMesh
    model: IntegrableModel
    potential: Potential
    closure: str = "fluctuation"
    collision_options: Mapping[str, Any] = field(default_factory=dict)

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

    @cached_property
    def energy_weights(self) -> Array:
        """(Nz,) weights of the interaction energy per unit length: sum_z weights int int g."""
        return 0.5 * self.mesh.z_spacing * self.mesh.theta_weight * self.V

    def interaction_energy(self, x: State) -> float:
        """1/2 int dz V int int g per unit length. Collective."""
        return float(self.energy_weights @ x.moments[0].sum(axis=1))

    def at(self, rho: Array) -> "Point":
        """The model linearised at rho, (N,); rho is copied."""
        mesh, rho = self.mesh, rho.copy()
        background = self.model.background(mesh.theta, mesh.theta_weight, rho)
        return Point(background, mesh.theta_derivative @ rho)


@dataclass(frozen=True)
class Point:
    """A density rho with what terms need there; immutable.

    Attributes
    ----------
    background
        The integrable model linearised at rho.
    slope : (N,) rho' = d rho/d theta
    """

    background: Background
    slope: Array
    _known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def rho(self) -> Array:
        """(N,)"""
        return self.background.rho

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """The value of ``compute``, which is called the first time only."""
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]


@dataclass(frozen=True)
class Waves:
    """Wavenumbers in z as symbols see them: of a stencil on a mesh, or of the continuous line.

    Attributes
    ----------
    first : (K,) s1 with d/dz -> i s1
    second : (K,) s2 with d^2/dz^2 -> - s2
    mean_force : (K,) i s1 V_k, the transform of V'
    """

    first: Array
    second: Array
    mean_force: ComplexArray

    @classmethod
    def of_mesh(cls, setting: Setting, numbers: slice) -> "Waves":
        """Wavenumbers 2 pi j/(Nz dz) of a mesh, j in ``numbers``.

        On a mesh that does not wrap the cyclic convolution stands in for the open one.
        """
        mesh = setting.mesh
        phase = 2.0 * np.pi * np.arange(numbers.start, numbers.stop) / mesh.z_points
        first = mesh.stencil.first_symbol(phase)
        at_origin = np.roll(setting.force, -int(np.argmin(np.abs(mesh.z))))
        mean_force = np.where(first == 0.0, 0.0, mesh.z_spacing * np.fft.rfft(at_origin)[numbers])
        return cls(first, mesh.stencil.second_symbol(phase), mean_force)

    @classmethod
    def of_line(cls, k: Array, transform: Array) -> "Waves":
        """Wavenumbers k (K,) of the infinite line, ``transform`` (K,) being V_k."""
        return cls(k, k**2, 1j * k * transform)
