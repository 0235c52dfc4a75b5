"""Third-order response of a homogeneous fluid cell: how A, C and AC change with rho, and the third cumulant.

The covariance of two quasiparticles of one fluid cell is C = delta(theta - theta') rho f + C_reg. Here *kernels* are
plain functions of rapidities, a product of two is an integral and carries the spacing ``weight``; *operators* have it
inside, as in `Background`. A change along h (theory: delta X/delta rho . h) is taken for a whole batch (..., N) of
directions at once, at O(N^3) or less per direction.

Generic route: in normal modes u = R^t h the three tensors are sums of local products with T^dr alone,

    delta n = u/rho_s,    delta v = (1/rho_s) int L u,    L(theta, alpha) = T^dr(theta, alpha) (v_alpha - v_theta)
    R^t (delta A) (R^t)^-1 = delta(theta - alpha) delta v_theta + (u_theta/rho_s) L(theta, alpha)
    R^t (delta C) R = delta(theta - theta') delta(rho f) + (u_theta/rho_s) T^dr rho'f' + rho f T^dr u_theta'/rho_s'

and AC as C with v rho f in the place of rho f. `RodThirdOrder` has the closed forms of hard rods.
"""

from functools import cached_property, singledispatch

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.models.base import Background
from gbbgky_petsc.physics.models.hard_rods import RodBackground


def _transposed(kernel: Array) -> Array:
    return np.swapaxes(kernel, -1, -2)


def _with_transpose(kernel: Array) -> Array:
    return kernel + _transposed(kernel)


class ThirdOrder:
    """Changes of the operators of a `Background` with its density, by differentiating the dressing.

    Parameters
    ----------
    background
        State to differentiate at.
    """

    def __init__(self, background: Background) -> None:
        self.background = background
        statistics = background.model.statistics
        n, f = background.filling, background.statistical_factor
        self._weight = background.weight
        self._spread = background.rho * f  # rho f
        self._spread_filling = n * f  # rho f/rho_s
        self._slope = statistics.variance_slope(n)  # d(n f)/dn
        dressed = background.kernel_dressed
        self._dressed = dressed
        self._tail = n[:, None] * dressed  # (R^t)^-1 = 1 + tail
        v = background.velocity
        self._relative = dressed * (v[None, :] - v[:, None])  # L

    def _modes(self, direction: Array) -> Array:
        """u = R^t h, (..., N)."""
        return direction @ self.background.rotation.T

    def _back(self, diagonal: Array, kernel: Array | None) -> Array:
        """Regular part of (R^t)^-1 (diagonal delta + kernel) R^-1, for symmetric kernels (..., N, N)."""
        tail, back = self._tail, self.background.rotation_inverse
        left = tail * diagonal[..., None, :]
        regular = _with_transpose(left) + self._weight * left @ tail.T
        return regular if kernel is None else regular + back @ kernel @ back.T

    @cached_property
    def covariance_regular(self) -> Array:
        """(N, N) kernel C_reg."""
        return self._back(self._spread, None)

    @cached_property
    def flux_covariance_regular(self) -> Array:
        """(N, N) kernel (AC)_reg, the regular part of AC = CA^t (its delta part is v rho f)."""
        return self._back(self.background.velocity * self._spread, None)

    def velocity_change(self, direction: Array) -> Array:
        """delta v/delta rho . h, (..., N)."""
        return self._weight * (self._modes(direction) @ self._relative.T) / self.background.density_of_states

    def spread_change(self, direction: Array) -> Array:
        """delta(rho f)/delta rho . h, (..., N): the delta part of delta C/delta rho . h; for classical particles h.

        Not f h, as eq. (SA.3) has it, where f depends on the density: the filling of rapidity theta answers to all.
        """
        u = self._modes(direction)
        return self._spread_filling * (self._weight * u @ self._dressed) + self._slope * u

    def flux_jacobian_change(self, direction: Array) -> Array:
        """H . h = delta A/delta rho . h as an operator, (..., N, N), eq. (SA.8)."""
        b = self.background
        inner = self._weight * (self._modes(direction) / b.density_of_states)[..., :, None] * self._relative
        indices = np.arange(b.rho.size)
        inner[..., indices, indices] += self.velocity_change(direction)
        return np.asarray(b.rotation_inverse @ inner @ b.rotation)

    def covariance_change(self, direction: Array) -> Array:
        """K_2 . h = delta C_reg/delta rho . h as a kernel, (..., N, N)."""
        return self._kernel_change(direction, self._spread, self.spread_change(direction))

    def flux_covariance_change(self, direction: Array) -> Array:
        """delta (AC)_reg/delta rho . h as a kernel, (..., N, N)."""
        v = self.background.velocity
        diagonal = v * self.spread_change(direction) + self.velocity_change(direction) * self._spread
        return self._kernel_change(direction, v * self._spread, diagonal)

    def _kernel_change(self, direction: Array, diagonal: Array, change: Array) -> Array:
        """Change of the regular part of (R^t)^-1 diagonal R^-1 when ``diagonal`` changes by ``change``."""
        filling = self._modes(direction) / self.background.density_of_states  # delta n
        rotated = filling[..., :, None] * (self._dressed * diagonal)
        return self._back(change, _with_transpose(rotated))

    def pair_flux(self, direction: Array, covariance: Array) -> Array:
        """What a fluctuation h of rho makes the pairs of its cell carry away, (..., N, N), eq. (SA.7).

            1/2 [ (A_1 + A_2) delta(theta_1 - theta_2) delta(rho f)/delta rho . h + (H.h) C + C (H.h)^t ]_reg

        Parameters
        ----------
        direction : (..., N)
        covariance : (N, N)
            Regular part of C, in a GGE or not. With `covariance_regular`, pair_flux(h) and
            1/2 (A_1 + A_2) K_2 h add up to `flux_covariance_change`.
        """
        b, weight = self.background, self._weight
        change = self.flux_jacobian_change(direction)
        flux = change @ covariance
        flux += (b.flux_jacobian - np.diag(b.velocity)) / weight * self.spread_change(direction)[..., None, :]
        indices = np.arange(b.rho.size)
        change[..., indices, indices] -= self.velocity_change(direction)
        flux += change * (self._spread / weight)
        return 0.5 * _with_transpose(flux)

    @cached_property
    def pair_response(self) -> Array:
        """(N, N) Gamma = K_2 c: a fluid cell's pairs against its particle number (2 c2 + int c3 for classical ones)."""
        return self.covariance_change(self.background.charge)

    @cached_property
    def third_cumulant_regular(self) -> Array:
        """(N, N, N) regular part c3 of the third cumulant of one fluid cell in a GGE (where eq. (SA.21) starts from).

        (R^t)^-1 on each leg of delta_124 d(n f)/dn rho f + sum of three delta_12 n f T^dr_14 rho_4 f_4.
        """
        tail, w = self._tail, self._weight
        cubic = self._slope * self._spread
        modes = self._spread_filling[:, None] * self._dressed * self._spread  # coefficient (1, 4) of delta_12
        pair: Array = modes + w * modes.dot(tail.T)  # leg 4 back from normal modes

        def two_legs(coefficient: Array) -> Array:
            """Regular part (1, 2, 4) of (R^t)^-1 (R^t)^-1 on delta_12 coefficient_14."""
            near = tail[:, :, None] * coefficient[None, :, :]
            both = w * np.einsum("ag,bg,gc->abc", tail, tail, coefficient, optimize=True)
            return np.asarray(near + near.transpose(1, 0, 2) + both)

        spread_pair = two_legs(pair)
        result = spread_pair + spread_pair.transpose(0, 2, 1) + spread_pair.transpose(2, 0, 1)
        shared = tail[:, None, :] * tail[None, :, :] * cubic  # delta_124 with leg 4 left in place
        result += shared + shared.transpose(0, 2, 1) + shared.transpose(2, 0, 1)
        return result + w * np.einsum("ag,bg,cg,g->abc", tail, tail, tail, cubic, optimize=True)


class RodThirdOrder(ThirdOrder):
    """Closed forms for hard rods, O(N^2) per direction; h_n = int theta^n h, kappa = 1 - a rho_bar."""

    background: RodBackground

    def __init__(self, background: RodBackground) -> None:
        super().__init__(background)
        self._a = background.model.length
        self._density = background.weight * float(background.rho.sum())
        self._current = background.weight * float(background.theta @ background.rho)
        self._kappa = 1.0 - self._a * self._density

    def _moments(self, direction: Array) -> tuple[Array, Array]:
        """h_0 and h_1 with an axis for rapidity, (..., 1)."""
        w, theta = self._weight, self.background.theta
        return w * direction.sum(axis=-1, keepdims=True), w * (direction @ theta)[..., None]

    @cached_property
    def covariance_regular(self) -> Array:
        """- a (2 - a rho_bar) rho rho'."""
        rho = self.background.rho
        return -self._a * (2.0 - self._a * self._density) * np.multiply.outer(rho, rho)

    @cached_property
    def flux_covariance_regular(self) -> Array:
        """- a rho rho' (v + v' - aJ)."""
        rho, v = self.background.rho, self.background.velocity
        return -self._a * np.multiply.outer(rho, rho) * (v[:, None] + v - self._a * self._current)

    def velocity_change(self, direction: Array) -> Array:
        """(a/kappa) (v h_0 - h_1)."""
        h0, h1 = self._moments(direction)
        return (self._a / self._kappa) * (self.background.velocity * h0 - h1)

    def spread_change(self, direction: Array) -> Array:
        """h: rods are classical."""
        return direction

    def flux_jacobian_change(self, direction: Array) -> Array:
        """(a/kappa) h_theta (v - alpha) + (a^2 rho/kappa^2) [(2v - alpha) h_0 - h_1], and delta v on the diagonal."""
        b, ratio = self.background, self._a / self._kappa
        theta, v = b.theta, b.velocity
        h0, h1 = (moment[..., None] for moment in self._moments(direction))
        kernel = ratio * direction[..., :, None] * (v[:, None] - theta)
        kernel += ratio**2 * b.rho[:, None] * ((2.0 * v[:, None] - theta) * h0 - h1)
        kernel *= self._weight
        indices = np.arange(theta.size)
        kernel[..., indices, indices] += self.velocity_change(direction)
        return kernel

    def covariance_change(self, direction: Array) -> Array:
        """- a (2 - a rho_bar) (h rho' + rho h') + a^2 h_0 rho rho'."""
        a, rho = self._a, self.background.rho
        h0, _ = self._moments(direction)
        half = (-a * (2.0 - a * self._density)) * direction + (0.5 * a**2) * h0 * rho
        return _with_transpose(half[..., :, None] * rho)

    def flux_covariance_change(self, direction: Array) -> Array:
        """- a (h rho' + rho h') (v + v' - aJ) - a rho rho' [delta v + delta v' - a h_1]."""
        a, rho, v = self._a, self.background.rho, self.background.velocity
        _, h1 = self._moments(direction)
        speed = v[:, None] + v - a * self._current
        half = direction[..., :, None] * speed + ((self.velocity_change(direction) - 0.5 * a * h1) * rho)[..., :, None]
        return -a * _with_transpose(half * rho)

    @cached_property
    def third_cumulant_regular(self) -> Array:
        """a^2 (9 - 10 a rho_bar + 3 a^2 rho_bar^2) rho rho' rho''."""
        a, rho = self._a, self.background.rho
        filled = a * self._density
        factor = a**2 * (9.0 - 10.0 * filled + 3.0 * filled**2)
        return factor * np.multiply.outer(np.multiply.outer(rho, rho), rho)


@singledispatch
def third_order(background: Background) -> ThirdOrder:
    """Third-order response at ``background``; closed forms where its model has them."""
    return ThirdOrder(background)


@third_order.register
def _(background: RodBackground) -> RodThirdOrder:
    return RodThirdOrder(background)
