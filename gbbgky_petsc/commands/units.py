"""`gbbgky units`: a tube of dipolar atoms in the code's units and back, as a table and as a ready case."""

import argparse
import math
import tomllib
from pathlib import Path

import numpy as np
from rich.table import Table
from scipy.constants import Boltzmann, hbar, pi

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.commands.common import console
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import LiebLiniger
from gbbgky_petsc.physics.states import Family, Split, State, Thermal
from gbbgky_petsc.physics.states.ground import FermiSea
from gbbgky_petsc.physics.units import (
    ATOMS,
    BOHR_MAGNETON,
    BOHR_RADIUS,
    Atom,
    Experiment,
    Parameters,
    Scale,
    experiment,
)

#: z-domain and spacing of a ready case over the range: V falls as 4/|x|^3 and has a kink at the origin
DOMAIN, SPACING = 40.0, 0.5
#: share of the atoms that its rapidities may leave out
LOST = 1e-7

#: what a case holds all of
TEMPLATE = """# {origin}
# units of length {length:.6g} um, time {time:.6g} us, rapidity {rapidity:.6g}/um, energy k_B {energy:.6g} nK
[model]
kind = "lieb_liniger"
coupling = {coupling:.10g}

[potential]
kind = "dipolar"
strength = {strength:.10g}
range = {range:.10g}

[state]
{state}

[mesh]
theta_max = {theta_max:.6g}
theta_points = {theta_points}
z_max = {z_max:.10g}
z_spacing = {z_spacing:.10g}

[time]
end = {end:.6g}

[output]
series_every = {every:.6g}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `gbbgky units`."""
    parser.add_argument("--atom", required=True, metavar="NAME", help=f"one of {', '.join(ATOMS)}")
    parser.add_argument("--moment", type=float, help="magnetic moment in Bohr magnetons (default: the largest)")
    parser.add_argument("--transverse", type=float, metavar="HZ", help="transverse trap frequency omega/2 pi")
    parser.add_argument("--axial", type=float, metavar="HZ", help="axial trap frequency omega/2 pi")
    parser.add_argument("--density", type=float, metavar="PER_UM", help="atoms per micrometre")
    parser.add_argument("--temperature", type=float, metavar="NK", help="temperature in nanokelvin")
    parser.add_argument("--scattering-length", type=float, metavar="A0", help="in Bohr radii")
    parser.add_argument("--angle", type=float, metavar="DEG", help="of the dipoles to the tube, in degrees")
    parser.add_argument("--bragg", type=float, metavar="PER_UM", help="split the state into wavenumbers +-this")
    parser.add_argument(
        "--no-dipolar-contact", action="store_true", help="the scattering length holds the dipoles' delta part already"
    )
    parser.add_argument("--length", type=float, metavar="UM", help="unit of length (default: 1/density)")
    parser.add_argument("--back", type=Path, metavar="CASE.toml", help="from a case to the experiment; needs --length")
    parser.add_argument("--case", type=Path, metavar="NEW.toml", help="write a ready case")


FORWARD = ("transverse", "density", "temperature", "scattering_length", "angle")


def run(arguments: argparse.Namespace) -> None:
    """Print the table, and write the case if asked to.

    Raises
    ------
    InputError
        For missing, superfluous or impossible quantities.
    """
    given = [name for name in FORWARD if getattr(arguments, name) is not None]
    atom = _atom(arguments)
    if arguments.back is not None:
        superfluous = [*given, *(name for name in ("case", "bragg") if getattr(arguments, name) is not None)]
        if superfluous:
            raise InputError(f"--back {arguments.back}: allowed: without --{superfluous[0].replace('_', '-')}")
        if arguments.length is None:
            raise InputError(f"--back {arguments.back}: allowed: with --length UM, the unit of length of the case")
        found = _of_case(arguments.back, atom, 1e-6 * arguments.length, not arguments.no_dipolar_contact)
        scale = found.scale(1e-6 * arguments.length)
    else:
        missing = [name for name in FORWARD if name not in given]
        if missing:
            raise InputError(
                f"--{missing[0].replace('_', '-')}: missing; allowed: all of the experiment, or --back CASE"
            )
        found = _of_arguments(arguments, atom)
        scale = found.scale(None if arguments.length is None else 1e-6 * arguments.length)
    code = found.parameters(scale)
    _print(found, scale, code, arguments.axial)
    if arguments.case is not None:
        _write(arguments.case, found, scale, code, arguments)


def _atom(arguments: argparse.Namespace) -> Atom:
    if arguments.atom not in ATOMS:
        raise InputError(f"--atom {arguments.atom}: unknown; allowed: {', '.join(ATOMS)}")
    atom = ATOMS[arguments.atom]
    return atom if arguments.moment is None else Atom(atom.mass, arguments.moment * BOHR_MAGNETON)


def _of_arguments(arguments: argparse.Namespace, atom: Atom) -> Experiment:
    for name in ("transverse", "density", "temperature", "axial", "length"):
        value = getattr(arguments, name)
        if value is not None and not (value > 0.0 and math.isfinite(value)):
            raise InputError(f"--{name} {value:g}: allowed: positive")
    return Experiment(
        atom=atom,
        transverse_frequency=arguments.transverse,
        density=1e6 * arguments.density,
        temperature=1e-9 * arguments.temperature,
        scattering_length=BOHR_RADIUS * arguments.scattering_length,
        dipole_angle=math.radians(arguments.angle),
        dipolar_contact=not arguments.no_dipolar_contact,
    )


def _of_case(path: Path, atom: Atom, length: float, dipolar_contact: bool) -> Experiment:
    case = case_file.load(path)
    if case.model.kind != "lieb_liniger" or case.potential.kind != "dipolar":
        raise InputError(f"--back {path}: allowed: model.kind = lieb_liniger with potential.kind = dipolar")
    density, beta = getattr(case.state, "density", None), getattr(case.state, "beta", None)
    if density is None or beta is None:
        raise InputError(f"--back {path}: its state has no density and beta; allowed: kinds thermal, split")
    model = case.build_model(path.parent)
    assert isinstance(model, LiebLiniger)
    code = Parameters(density, model.coupling, case.potential.strength, case.potential.range, beta)
    return experiment(atom, code, length, dipolar_contact)


def _print(found: Experiment, scale: Scale, code: Parameters, axial: float | None) -> None:
    quantum = hbar * 2.0 * pi * found.transverse_frequency
    contact, dipoles = found.contact_strength, found.dipolar_contact_strength
    energy = FermiSea.at_density(LiebLiniger(code.coupling), code.density).energy
    added = "added" if found.dipolar_contact else "not added"
    table = Table(title="hbar = 2m = 1")
    for head in ("", "experiment", "code", "value"):
        table.add_column(head)

    def row(name: str, experiment: str = "", symbol: str = "", value: float | None = None) -> None:
        table.add_row(name, experiment, symbol, "" if value is None else f"{value:.6g}")

    def kelvin(joule: float, unit: str = "nK") -> str:
        """An energy, or an energy times a length, over Boltzmann's constant."""
        return f"k_B {1e9 * joule / Boltzmann * (1e6 if unit != 'nK' else 1.0):.6g} {unit}"

    row("density", f"{1e-6 * found.density:.6g} /um", "rho", code.density)
    row("temperature", f"{1e9 * found.temperature:.6g} nK", "beta", code.beta)
    row("scattering length", f"{found.scattering_length / BOHR_RADIUS:.6g} a0")
    row("transverse frequency", f"{found.transverse_frequency:.6g} Hz")
    row("transverse length l", f"{1e6 * found.transverse_length:.6g} um", "xi", code.range)
    row("angle of the dipoles", f"{math.degrees(found.dipole_angle):.6g} deg")
    row("dipolar energy -U", kelvin(-found.dipolar_energy), "V0/xi", code.strength / code.range)
    row("the same times l", kelvin(-found.dipolar_energy * found.transverse_length, "nK um"), "V0", code.strength)
    row("contact interaction g", kelvin(contact, "nK um"), "its part of c", _coupling(found, scale, contact))
    row(f"dipoles' delta part ({added})", kelvin(dipoles, "nK um"), "its part of c", _coupling(found, scale, dipoles))
    row("coupling", "", "c", code.coupling)
    row("Lieb's parameter", "", "gamma = c/rho", code.gamma)
    row("ground state energy per atom", kelvin(scale.energy * energy), "e(gamma) rho^2", energy)
    row("k_B T over the transverse quantum", f"{Boltzmann * found.temperature / quantum:.3g}")
    row("range over the mean spacing", "", "xi rho", code.range * code.density)
    row("unit of length", f"{1e6 * scale.length:.6g} um", "", 1.0)
    row("unit of time", f"{1e6 * scale.time:.6g} us", "", 1.0)
    row("unit of rapidity", f"{1e-6 * scale.rapidity:.6g} /um", "", 1.0)
    row("unit of energy", kelvin(scale.energy), "", 1.0)
    row("unit of velocity (a rapidity theta moves at 2 theta)", f"{1e3 * scale.velocity:.6g} mm/s", "", 1.0)
    if axial is not None:
        frequency = 2.0 * pi * axial * scale.time
        row("axial frequency", f"{axial:.6g} Hz", "omega", frequency)
        row("axial potential omega^2 x^2/4", "", "at x = 1", frequency**2 / 4.0)
    console().print(table)
    if code.range * code.density < 5.0:
        spacings = code.range * code.density
        console().print(f"The range is {spacings:.2g} mean spacings: not long against them, as the theory assumes.")


def _coupling(found: Experiment, scale: Scale, g: float) -> float:
    return found.atom.mass * g / hbar**2 * scale.length


def _write(target: Path, found: Experiment, scale: Scale, code: Parameters, arguments: argparse.Namespace) -> None:
    """Write a case, once `problem.build` has accepted it."""
    if target.exists():
        raise InputError(f"--case {target}: exists; allowed: a new file")
    if not target.parent.is_dir():
        raise InputError(f"--case {target}: no such folder")
    model = LiebLiniger(code.coupling)
    state: Family = Thermal(code.density, code.beta)
    lines = ['kind = "thermal"']
    boost = 0.0
    if arguments.bragg is not None:
        boost = 1e6 * arguments.bragg / scale.rapidity
        state = Split(state, boost)
        lines = ['kind = "split"', f"boost = {boost:.10g}"]
    lines += [f"density = {code.density:.10g}", f"beta = {code.beta:.10g}"]
    theta_max, points = _window(state, model, code, boost)
    speed = 2.0 * max(boost, code.beta**-0.5)
    end = 100.0 * code.range / speed
    words = (f"--{name.replace('_', '-')} {getattr(arguments, name):g}" for name in FORWARD)
    text = TEMPLATE.format(
        origin=f"gbbgky units --atom {arguments.atom} {' '.join(words)}",
        length=1e6 * scale.length, time=1e6 * scale.time, rapidity=1e-6 * scale.rapidity,
        energy=1e9 * scale.temperature,
        coupling=code.coupling, strength=code.strength, range=code.range, state="\n".join(lines),
        theta_max=theta_max, theta_points=points, z_max=DOMAIN * code.range, z_spacing=SPACING * code.range,
        end=end, every=end / 20.0,
    )  # fmt: skip
    problem.build(case_file.parse(tomllib.loads(text)), target.parent)
    target.write_text(text)


def _window(state: State, model: LiebLiniger, code: Parameters, boost: float) -> tuple[float, int]:
    """Rapidities that hold the state, and points that resolve its width and that of the kernel."""
    edge = FermiSea.at_density(model, code.density).edge
    wide = boost + edge + 6.0 * code.beta**-0.5  # tails fall as exp(-beta theta^2)
    theta = (np.arange(200) + 0.5) * (wide / 100.0) - wide
    share = np.cumsum(state.profile(theta, model))
    top = -float(theta[np.searchsorted(share, 0.5 * LOST * share[-1]) - 1])
    width = min(code.coupling, max((2.0 * code.beta) ** -0.5, 0.25 * edge))
    return top, max(48, 2 * math.ceil(top / (0.6 * width)))
