"""What collisions of three quasiparticles need of a background beside its own properties."""

from functools import cached_property

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import Background


class Dressed:
    """A homogeneous state in terms of fillings, with their slopes and responses.

    Parameters
    ----------
    background
        The model linearised around the state.
    derivative : (N, N)
        d/dtheta on densities.

    Raises
    ------
    InputError
        Where the effective velocity does not grow with theta: quasiparticles of equal velocity and different theta have
        no finite amplitude.
    """

    def __init__(self, background: Background, derivative: Array) -> None:
        self.background = b = background
        self.velocity, self.unit, self.states = b.velocity, b.unit_dressed, b.density_of_states
        self.filling_slope = derivative @ b.filling
        self.occupation = b.filling * b.statistical_factor
        if np.diff(b.velocity).min() <= 0.0:
            at = b.theta[int(np.diff(b.velocity).argmin())]
            raise InputError(
                f"state: effective velocity falls with theta at {at:.3g}; encounters of three: allowed where it grows"
            )

    @cached_property
    def kernel(self) -> Array:
        """(N, N) T^dr, a symmetric function."""
        kernel = self.background.kernel_dressed
        return 0.5 * (kernel + kernel.T)

    @cached_property
    def velocity_slope(self) -> Array:
        """(N,) dv/dtheta: T depends on differences, so that (h^dr)' = (h')^dr + T^dr n' h^dr."""
        b = self.background
        bend = b.rotation_inverse.T @ np.gradient(b.model.energy_derivative(b.theta), b.weight)
        return (bend + self._response_of_dressed(self.filling_slope)) / self.unit

    def _response_of_dressed(self, change: Array) -> Array:
        """delta (e')^dr - v delta 1^dr for delta n = ``change``: delta h^dr = T^dr h^dr delta n."""
        flow, v = self.unit * self.velocity, self.velocity
        weighted = self.background.weight * self.kernel
        return np.asarray(weighted @ (change * flow) - v * (weighted @ (change * self.unit)))

    @cached_property
    def filling_response(self) -> Array:
        """(N, N) dn/drho."""
        return self.background.rotation / self.states[:, None]

    @cached_property
    def occupation_response(self) -> Array:
        """(N, N) d(n f)/drho."""
        slope = self.background.model.statistics.variance_slope(self.background.filling)
        return np.asarray(slope[:, None] * self.filling_response)

    @cached_property
    def unit_response(self) -> Array:
        """(N, N) d1^dr/drho = 2 pi T."""
        b = self.background
        return 2.0 * np.pi * b.weight * b.model.scattering_kernel(b.theta[:, None] - b.theta[None, :])

    @cached_property
    def velocity_response(self) -> Array:
        """(N, N) dv/drho."""
        flow = (self.unit * self.velocity)[:, None] * self.filling_response
        weighted = self.background.weight * self.kernel
        change = weighted @ flow - self.velocity[:, None] * (weighted @ (self.unit[:, None] * self.filling_response))
        return np.asarray(change / self.unit[:, None])
