"""States rho(x, theta) that depend on place, thermal states in a trap among them. Arrays have axes (x, theta)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator, make_interp_spline
from scipy.optimize import brentq, root
from scipy.special import lambertw

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.physics.models.base import IntegrableModel
from gbbgky_petsc.physics.states import BoostedThermal, Thermal
from gbbgky_petsc.physics.states.base import is_rods, rho_of_filling
from gbbgky_petsc.physics.states.family import NoStateError, density_at_level
from gbbgky_petsc.physics.states.thermodynamic import pseudo_energy

#: places whose dressing equations are solved together
_BLOCK = 16
#: points of the spline of an equation of state
_NODES = 400
#: distance from the last state in beta mu to which it goes
_NEAREST = 1e-6


@dataclass(frozen=True)
class Surroundings:
    """What a state in space is made for.

    Attributes
    ----------
    model
        The integrable model.
    theta : (N,) uniform rapidities
    theta_weight
        Their spacing.
    x : (Nx,) uniform places
    external
        U(x) in which the state is prepared, as a function of x.
    mean_field
        From the density q, (Nx,), to int V(x - x') q(x') dx', (Nx,); None where V is left out.
    """

    model: IntegrableModel
    theta: Array
    theta_weight: float
    x: Array
    external: Callable[[Array], Array]
    mean_field: Callable[[Array], Array] | None = None

    @property
    def spacing(self) -> float:
        """Spacing of x."""
        return float(self.x[1] - self.x[0])


def thermal_density(model: IntegrableModel, theta: Array, weight: float, beta: float, chemical: Array) -> Array:
    """Thermal rho of local chemical potentials, (M, N): epsilon = beta e - chemical + T F(epsilon) at every place.

    Parameters
    ----------
    theta : (N,) uniform rapidities of spacing ``weight``
    beta
        Inverse temperature.
    chemical : (M,) beta times the local chemical potential

    Raises
    ------
    SolverError
        If there is none.
    """
    energy = beta * model.energy(theta)
    if is_rods(model, theta):
        return _classical_constant_kernel(energy, -float(model.scattering_kernel(np.zeros(1))[0]), weight, chemical)
    distinct, place = np.unique(chemical, return_inverse=True)
    rho = np.empty((distinct.size, theta.size))
    for start in range(0, distinct.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        epsilon = pseudo_energy(model, theta, energy - distinct[block, None])
        rho[block] = rho_of_filling(model, theta, model.statistics.filling(epsilon))
    return rho[place]


def _classical_constant_kernel(energy: Array, A: float, weight: float, chemical: Array) -> Array:
    """The closed form for T = -A: S = sum n obeys A S exp(A S) = A Z exp(chemical)."""
    boltzmann = np.exp(-(energy - energy.min()))
    Z = weight * float(boltzmann.sum()) * np.exp(chemical - energy.min())
    S = np.real(lambertw(A * Z)) / A if A > 0.0 else Z
    density = S / (2.0 * np.pi * (1.0 + A * S))
    return density[:, None] * boltzmann / (weight * boltzmann.sum())


class EquationOfState:
    """Density of the homogeneous thermal state against beta mu.

    Closed form for a constant kernel; otherwise a spline of degree 7 of its logarithm through `_NODES` points, up to
    where the gas fills the rapidity window or, where bosons condense and classical gases collapse, up to their last
    state, against the logarithm of the distance from it.
    """

    def __init__(self, s: Surroundings, beta: float) -> None:
        self._s, self._beta = s, beta
        self._closed = is_rods(s.model, s.theta)
        #: beta mu between which densities are looked for: an ideal gas below, a full window or the last state above
        self.low, self.high = -40.0, 500.0 if self._closed else max(5.0, beta * float(s.model.energy(s.theta).max()))
        self._last = np.inf
        if not self._closed:
            if not self._exists(self.high):
                self._last = self._last_state()
                self.high = self._last - _NEAREST
            first, last = self._coordinate(np.array([self.low, self.high]))
            nodes = np.linspace(first, last, _NODES)
            levels = nodes if np.isinf(self._last) else self._last - np.exp(-nodes)
            self._spline = make_interp_spline(nodes, np.log(self.exact(levels)), k=7)

    def _coordinate(self, chemical: Array) -> Array:
        """What the spline runs in."""
        return chemical if np.isinf(self._last) else -np.log(self._last - chemical)

    def _exists(self, chemical: float) -> bool:
        try:
            density_at_level(Thermal(1.0, self._beta), chemical, self._s.theta, self._s.model)
        except NoStateError:
            return False
        return True

    def _last_state(self) -> float:
        """The largest beta mu that has a state, to a tenth of `_NEAREST`, by bisection."""
        low, high = self.low, self.high
        while high - low > 0.1 * _NEAREST:
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._exists(middle) else (low, middle)
        return low

    @property
    def bound(self) -> str:
        """What keeps densities below that of ``high``, in words behind 'does not fit'."""
        if np.isinf(self._last):
            return "into the rapidity window"
        return "below the last thermal state (bosons condense, classical gases that attract collapse)"

    def exact(self, chemical: Array) -> Array:
        """Density, (M,), solved anew."""
        s = self._s
        return s.theta_weight * thermal_density(s.model, s.theta, s.theta_weight, self._beta, chemical).sum(axis=1)

    def density(self, chemical: Array) -> Array:
        """Density, (M,)."""
        if self._closed:
            return self.exact(chemical)
        inside = np.clip(chemical, self.low, self.high)
        return np.exp(self._spline(self._coordinate(inside)) + np.minimum(chemical - self.low, 0.0))

    def chemical(self, density: float) -> float:
        """beta mu of a density.

        Raises
        ------
        InputError
            If it is out of reach.
        """
        largest = float(self.density(np.array([self.high]))[0])
        if density >= largest:
            raise InputError(
                f"state: a density of {density:g} at beta = {self._beta:g} does not fit {self.bound}; "
                f"allowed: below {largest:g}"
            )
        low = min(self.low, np.log(density) - 100.0)
        return float(brentq(lambda m: float(self.density(np.array([m]))[0]) - density, low, self.high, xtol=1e-13))


class PlaceState(ABC):
    """A state that depends on place."""

    @abstractmethod
    def sample(self, s: Surroundings) -> Array:
        """rho, (Nx, N), on the mesh of its surroundings."""


@dataclass(frozen=True)
class Trapped(PlaceState):
    """Thermal state of ``number`` particles, rho_th(mu - U - V*q), then split, kicked and moved.

    Parameters
    ----------
    number, beta
        Particles and inverse temperature.
    boost
        Half of the particles go to theta + boost, half to theta - boost (Bragg pulse).
    kick
        Added to every rapidity.
    offset
        Where the trap was centred when the state was prepared.
    """

    number: float
    beta: float
    boost: float = 0.0
    kick: float = 0.0
    offset: float = 0.0

    def sample(self, s: Surroundings) -> Array:
        """See `PlaceState.sample`.

        Raises
        ------
        SolverError
            If no self-consistent density is found.
        """
        chemical = self.local_chemical(s)
        parts = [self.kick] if self.boost == 0.0 else [self.kick + self.boost, self.kick - self.boost]
        rho = sum(thermal_density(s.model, s.theta - p, s.theta_weight, self.beta, chemical) for p in parts)
        return np.asarray(rho) / len(parts)

    def local_chemical(self, s: Surroundings) -> Array:
        """beta (mu - U - V*q), (Nx,)."""
        external = self.beta * s.external(s.x - self.offset)
        external = external - external.min()
        eos = EquationOfState(s, self.beta)
        potential = np.zeros_like(s.x)
        if s.mean_field is not None:
            potential = self._self_consistent(s, eos, external)
        return self._chemical(s, eos, external + potential) - external - potential

    def _chemical(self, s: Surroundings, eos: EquationOfState, energy: Array) -> float:
        """beta mu with the right number in beta times a potential energy, (Nx,)."""

        def excess(chemical: float) -> float:
            return s.spacing * float(eos.density(chemical - energy).sum()) - self.number

        low, high = float(energy.min()) + 2.0 * eos.low, float(energy.min()) + eos.high
        if excess(high) < 0.0:
            raise InputError(
                f"state.number = {self.number:g}: does not fit into the box and {eos.bound}; "
                f"allowed: below {excess(high) + self.number:g}"
            )
        return float(brentq(excess, low, high, xtol=1e-13))

    def _self_consistent(self, s: Surroundings, eos: EquationOfState, external: Array) -> Array:
        """beta V*q, (Nx,), by Newton-Krylov."""
        assert s.mean_field is not None
        mean_field = s.mean_field

        def defect(potential: Array) -> Array:
            total = external + potential
            return self.beta * mean_field(eos.density(self._chemical(s, eos, total) - total)) - potential

        start = defect(np.zeros_like(external))
        if not np.any(start):
            return start
        tolerance = 1e-13 * max(1.0, float(np.abs(start).max()))
        found = root(defect, start, method="krylov", options={"fatol": tolerance, "maxiter": 60})
        if not found.success:
            raise SolverError(f"thermal state in the trap: no self-consistent density ({found.message}; V too strong?)")
        return np.asarray(found.x)


@dataclass(frozen=True)
class Cloud:
    """Gaussian density profile with the local thermal rapidities; see `Clouds`."""

    number: float
    centre: float
    width: float
    beta: float
    boost: float


@dataclass(frozen=True)
class Clouds(PlaceState):
    """Clouds side by side; the rapidities of each are thermal for its own density."""

    clouds: tuple[Cloud, ...]

    def sample(self, s: Surroundings) -> Array:
        rho = np.zeros((s.x.size, s.theta.size))
        for c in self.clouds:
            profile = np.exp(-0.5 * ((s.x - c.centre) / c.width) ** 2)
            profile *= c.number / (s.spacing * profile.sum())
            if profile.max() >= s.model.density_bound():
                raise InputError(
                    f"state.cloud: a density of {profile.max():g} at {c.centre:g}; "
                    f"allowed: below 1/model.length = {s.model.density_bound():g}"
                )
            eos = EquationOfState(s, c.beta)
            chemical = np.array([eos.chemical(max(q, 1e-24)) for q in profile])
            local = thermal_density(s.model, s.theta - c.boost, s.theta_weight, c.beta, chemical)
            rho += local * (profile / (s.theta_weight * local.sum(axis=1)))[:, None]
        return rho


@dataclass(frozen=True)
class Reservoir:
    """Homogeneous thermal state moved by ``boost``."""

    density: float
    beta: float
    boost: float

    def filling(self, s: Surroundings) -> Array:
        """n(theta), (N,)."""
        if self.density >= s.model.density_bound():
            raise InputError(
                f"state.density = {self.density:g}: allowed: below 1/model.length = {s.model.density_bound():g}"
            )
        eos = EquationOfState(s, self.beta)
        rho = thermal_density(
            s.model, s.theta - self.boost, s.theta_weight, self.beta, np.array([eos.chemical(self.density)])
        )[0]
        return s.model.filling(s.theta, s.theta_weight, rho)


@dataclass(frozen=True)
class DomainWall(PlaceState):
    """n = n_left + (n_right - n_left) [1 + tanh(x/width)]/2."""

    left: Reservoir
    right: Reservoir
    width: float

    def sample(self, s: Surroundings) -> Array:
        left, right = self.left.filling(s), self.right.filling(s)
        step = 0.5 * (1.0 + np.tanh(s.x / self.width))[:, None]
        n = left + (right - left) * step
        blocks = [rho_of_filling(s.model, s.theta, n[i : i + _BLOCK]) for i in range(0, s.x.size, _BLOCK)]
        return np.concatenate(blocks)


@dataclass(frozen=True)
class Wave(PlaceState):
    """Homogeneous boosted thermal state times 1 + amplitude cos(kx), ``mode`` wavelengths in the box."""

    density: float
    beta: float
    boost: float
    amplitude: float
    mode: int

    def sample(self, s: Surroundings) -> Array:
        k = 2.0 * np.pi * self.mode / (s.spacing * s.x.size)
        rho = BoostedThermal(self.density, self.beta, self.boost).sample(s.theta, s.theta_weight, s.model)
        return (1.0 + self.amplitude * np.cos(k * s.x))[:, None] * rho


class TabulatedInSpace(PlaceState):
    """Monotone cubic interpolation of a table, first in theta, then in x; zero outside it."""

    def __init__(self, x: Array, theta: Array, rho: Array) -> None:
        self._x, self._theta, self._rho = x, theta, rho

    def sample(self, s: Surroundings) -> Array:
        along = PchipInterpolator(self._theta, self._rho, axis=1, extrapolate=False)(s.theta)
        both = PchipInterpolator(self._x, np.nan_to_num(along), axis=0, extrapolate=False)(s.x)
        return np.nan_to_num(both)
