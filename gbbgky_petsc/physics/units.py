"""From a laboratory to the code's units and back: dipolar bosons in a tube as Lieb-Liniger bosons.

Derivation: docs/units.md. SI throughout, but for what `Parameters` holds: hbar = 2m = 1 and a chosen unit of length.

Atomic data. Masses: AME2020, M. Wang et al., Chin. Phys. C 45, 030003 (2021). Moments of the stretched ground states:
g_J J mu_B with Lande factors of the ground levels from W. C. Martin, R. Zalubas, L. Hagan, Atomic Energy Levels - The
Rare-Earth Elements, NSRDS-NBS 60 (1978), for Dy (J = 8, 1.24159) and Er (J = 6, 1.163801); 2 x 3 mu_B for Cr (7S3) and
mu_B for the alkalis' |F = I + 1/2, m = F>, both within 0.2 %.
"""

from dataclasses import dataclass

import numpy as np
from scipy.constants import Boltzmann, atomic_mass, hbar, mu_0, physical_constants

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.potential import Dipolar

BOHR_MAGNETON = physical_constants["Bohr magneton"][0]
BOHR_RADIUS = physical_constants["Bohr radius"][0]
#: -zeta(1/2), of the confinement-induced resonance (M. Olshanii, Phys. Rev. Lett. 81, 938 (1998))
RESONANCE = 1.4603545088095868


@dataclass(frozen=True)
class Atom:
    """Mass (kg) and magnetic moment (J/T)."""

    mass: float
    moment: float

    @classmethod
    def of(cls, mass: float, moment: float) -> "Atom":
        """From atomic mass units and Bohr magnetons."""
        return cls(mass * atomic_mass, moment * BOHR_MAGNETON)


ATOMS = {
    "7Li": Atom.of(7.016003, 1.0),
    "23Na": Atom.of(22.989769, 1.0),
    "39K": Atom.of(38.963706, 1.0),
    "52Cr": Atom.of(51.940505, 6.0),
    "87Rb": Atom.of(86.909181, 1.0),
    "133Cs": Atom.of(132.905452, 1.0),
    "162Dy": Atom.of(161.926806, 8.0 * 1.24159),
    "164Dy": Atom.of(163.929182, 8.0 * 1.24159),
    "166Er": Atom.of(165.930300, 6.0 * 1.163801),
    "168Er": Atom.of(167.932377, 6.0 * 1.163801),
}


@dataclass(frozen=True)
class Scale:
    """The code's units in SI for atoms of a given mass: hbar = 2m = 1 and ``length``."""

    mass: float
    length: float

    @property
    def energy(self) -> float:
        """hbar^2/(2m length^2), J."""
        return hbar**2 / (2.0 * self.mass * self.length**2)

    @property
    def time(self) -> float:
        """hbar over the unit of energy, s."""
        return hbar / self.energy

    @property
    def temperature(self) -> float:
        """Unit of energy over Boltzmann's constant, K."""
        return self.energy / Boltzmann

    @property
    def rapidity(self) -> float:
        """1/length: rapidities are wavenumbers, 1/m."""
        return 1.0 / self.length

    @property
    def velocity(self) -> float:
        """length/time, m/s: a rapidity theta moves at 2 theta."""
        return self.length / self.time


@dataclass(frozen=True)
class Parameters:
    """What a case needs, in the code's units.

    Attributes
    ----------
    density : rho
    coupling : c, delta part of the dipoles included where it was asked for
    strength, range : V0 and xi of the dipolar potential
    beta : inverse temperature
    """

    density: float
    coupling: float
    strength: float
    range: float
    beta: float

    @property
    def gamma(self) -> float:
        """Lieb's parameter c/rho."""
        return self.coupling / self.density


@dataclass(frozen=True)
class Experiment:
    """Dipolar bosons in a tube, SI.

    Parameters
    ----------
    atom
        Mass and magnetic moment.
    transverse_frequency
        omega/2 pi of the transverse harmonic confinement, Hz.
    density
        Per length, 1/m.
    temperature
        K.
    scattering_length
        Of the three-dimensional short-range interaction, m.
    dipole_angle
        Between the dipoles and the tube, radians.
    dipolar_contact
        Whether the delta part of the dipolar interaction is added to the contact interaction; no, if the scattering
        length was measured in the tube and holds it already.
    """

    atom: Atom
    transverse_frequency: float
    density: float
    temperature: float
    scattering_length: float
    dipole_angle: float
    dipolar_contact: bool = True

    @property
    def transverse_length(self) -> float:
        """l = sqrt(hbar/m omega), m: the range of the dipolar potential."""
        return _transverse_length(self.atom.mass, self.transverse_frequency)

    @property
    def dipolar_energy(self) -> float:
        """U = mu0 mu^2 (1 + 3 cos 2 alpha)/(32 pi l^3), J: V = -U [phi(x/l) - (8/3) l delta(x)]."""
        angular = 1.0 + 3.0 * np.cos(2.0 * self.dipole_angle)
        return float(mu_0 * self.atom.moment**2 * angular / (32.0 * np.pi * self.transverse_length**3))

    @property
    def contact_strength(self) -> float:
        """g of the short-range interaction g delta(x), J m, with the resonance of the confinement."""
        omega, a = 2.0 * np.pi * self.transverse_frequency, self.scattering_length
        denominator = 1.0 - RESONANCE * a / (np.sqrt(2.0) * self.transverse_length)
        return 2.0 * hbar * omega * a / denominator

    @property
    def dipolar_contact_strength(self) -> float:
        """(8/3) U l, J m: the delta part of the dipolar interaction."""
        return -Dipolar.DELTA * self.dipolar_energy * self.transverse_length

    def scale(self, length: float | None = None) -> Scale:
        """The code's units; of length the mean spacing 1/density unless given."""
        return Scale(self.atom.mass, 1.0 / self.density if length is None else length)

    def parameters(self, scale: Scale) -> Parameters:
        """The same in the code's units.

        Raises
        ------
        InputError
            If the contact interaction is not repulsive.
        """
        g = self.contact_strength + (self.dipolar_contact_strength if self.dipolar_contact else 0.0)
        coupling = self.atom.mass * g / hbar**2 * scale.length  # H = -sum d^2 + 2c sum delta: 2c = g
        if coupling <= 0.0:
            raise InputError(
                f"scattering length = {self.scattering_length / BOHR_RADIUS:g} a0: coupling c = {coupling:g}, dipolar "
                f"delta part {'included' if self.dipolar_contact else 'left out'}; allowed: a repulsive sum (c > 0)"
            )
        return Parameters(
            density=self.density * scale.length,
            coupling=coupling,
            strength=-self.dipolar_energy * self.transverse_length / (scale.energy * scale.length),
            range=self.transverse_length / scale.length,
            beta=scale.temperature / self.temperature,
        )


def experiment(atom: Atom, code: Parameters, length: float, dipolar_contact: bool = True) -> Experiment:
    """The experiment that has these parameters, for a given atom and unit of length (m); inverse of `Experiment`.

    Raises
    ------
    InputError
        If the atom's moment is too small for the strength, at any angle.
    """
    scale = Scale(atom.mass, length)
    width = code.range * length
    frequency = hbar / (2.0 * np.pi * atom.mass * width**2)
    energy = -code.strength * scale.energy * scale.length / width
    largest = mu_0 * atom.moment**2 / (32.0 * np.pi * width**3)
    angular = energy / largest  # 1 + 3 cos 2 alpha
    if not -2.0 <= angular <= 4.0:
        low, high = sorted(-factor * largest * width / (scale.energy * scale.length) for factor in (-2.0, 4.0))
        raise InputError(f"strength = {code.strength:g}: allowed for this atom and range: {low:.4g} to {high:.4g}")
    g = code.coupling * hbar**2 / (atom.mass * length) + (Dipolar.DELTA * energy * width if dipolar_contact else 0.0)
    ratio = g / (2.0 * hbar * 2.0 * np.pi * frequency)  # a/(1 - C a/sqrt(2) l)
    return Experiment(
        atom=atom,
        transverse_frequency=frequency,
        density=code.density / length,
        temperature=scale.temperature / code.beta,
        scattering_length=ratio / (1.0 + RESONANCE * ratio / (np.sqrt(2.0) * width)),
        dipole_angle=0.5 * float(np.arccos(np.clip((angular - 1.0) / 3.0, -1.0, 1.0))),
        dipolar_contact=dipolar_contact,
    )


def _transverse_length(mass: float, frequency: float) -> float:
    return float(np.sqrt(hbar / (mass * 2.0 * np.pi * frequency)))
