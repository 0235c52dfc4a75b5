"""Laboratory units: published formulas, limits, the way back, and the command."""

import argparse
import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.constants import atomic_mass, h, hbar, mu_0

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.commands import units
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.potential import Dipolar, Potential
from gbbgky_petsc.physics.units import ATOMS, BOHR_MAGNETON, BOHR_RADIUS, RESONANCE, Atom, Experiment, experiment

DYSPROSIUM = Experiment(ATOMS["162Dy"], 6000.0, 5e6, 50e-9, 400.0 * BOHR_RADIUS, np.radians(60.0))
ARGUMENTS = {"atom": "162Dy", "transverse": 6000.0, "density": 5.0, "temperature": 50.0, "scattering-length": 400.0,
             "angle": 60.0}  # fmt: skip


def command(**changes):
    parser = argparse.ArgumentParser()
    units.add_arguments(parser)
    values = ARGUMENTS | changes
    words = [w for k, v in values.items() if v is not None for w in ([f"--{k}"] if v is True else [f"--{k}", str(v)])]
    units.run(parser.parse_args(words))


def test_dipoles_far_apart_and_of_short_waves():
    """Side by side at a distance they repel as mu0 mu^2/4 pi r^3, head to tail they attract twice as strongly; waves
    short against the tube see (mu0 mu^2/2 pi l^2)(cos^2 alpha - 1/3) in all, the delta part included."""
    for angle, sign in ((90.0, 1.0), (0.0, -2.0)):
        tube = dataclasses.replace(DYSPROSIUM, dipole_angle=np.radians(angle))
        scale = tube.scale()
        code = tube.parameters(scale)
        potential, distance = Potential(Dipolar(), code.strength, code.range), 400.0 * code.range
        energy = float(potential(distance)) * scale.energy
        dipole = mu_0 * tube.atom.moment**2 / (4.0 * np.pi)
        assert energy == pytest.approx(sign * dipole / (distance * scale.length) ** 3, rel=1e-4)
        whole = tube.dipolar_contact_strength + float(potential.fourier(3e3 / code.range)) * scale.energy * scale.length
        plane = 2.0 * dipole / tube.transverse_length**2 * (np.cos(tube.dipole_angle) ** 2 - 1.0 / 3.0)
        assert whole == pytest.approx(plane, rel=1e-5)


def test_contact_interaction():
    """2 hbar omega a for weak interactions; it diverges where sqrt(2) l = C a."""
    omega, a = 2.0 * np.pi * 6000.0, 1e-3 * BOHR_RADIUS
    weak = dataclasses.replace(DYSPROSIUM, scattering_length=a)
    assert weak.contact_strength == pytest.approx(2.0 * hbar * omega * a, rel=1e-5)
    length = np.sqrt(2.0) * DYSPROSIUM.transverse_length / RESONANCE
    assert (
        dataclasses.replace(DYSPROSIUM, scattering_length=0.999 * length).contact_strength > 500 * hbar * omega * length
    )
    with pytest.raises(InputError, match=r"allowed: a repulsive sum"):
        beyond = dataclasses.replace(DYSPROSIUM, scattering_length=1.1 * length)
        beyond.parameters(beyond.scale())


def test_rubidium_in_a_tube():
    """Orders of magnitude that the literature knows: 87Rb, 70 kHz, a = 100 a0: gamma of order one near 8 atoms/um, and
    the recoil energy h^2/2 m lambda^2 = h x 3.77 kHz at 780 nm as the square of a wavenumber."""
    tube = Experiment(ATOMS["87Rb"], 70e3, 8e6, 20e-9, 100.0 * BOHR_RADIUS, np.pi / 2.0, dipolar_contact=False)
    assert 0.7 < tube.parameters(tube.scale()).gamma < 1.3
    scale = tube.scale(1e-6)
    recoil = (2.0 * np.pi / 0.780241) ** 2 * scale.energy
    assert recoil / h == pytest.approx(3.7709e3, rel=1e-3)
    assert Atom.of(1.0, 1.0).mass == atomic_mass
    assert scale.velocity == pytest.approx(hbar / (2.0 * tube.atom.mass * 1e-6))  # p/m = 2 theta in these units


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(ATOMS)),
    frequency=st.floats(500.0, 5e4),
    density=st.floats(1e5, 2e7),
    temperature=st.floats(1e-9, 1e-6),
    scattering=st.floats(50.0, 300.0),
    angle=st.floats(0.5, 89.5),
    length=st.floats(1e-8, 1e-5),
)
def test_there_and_back(name, frequency, density, temperature, scattering, angle, length):
    there = Experiment(
        ATOMS[name], frequency, density, temperature, scattering * BOHR_RADIUS, np.radians(angle), angle < 50.0
    )
    back = experiment(there.atom, there.parameters(there.scale(length)), length, there.dipolar_contact)
    for field in dataclasses.fields(Experiment):
        if field.name != "atom":
            assert getattr(back, field.name) == pytest.approx(getattr(there, field.name), rel=1e-6), field.name


def test_command_prints_and_writes_a_case(tmp_path, capsys):
    target = tmp_path / "new.toml"
    command(bragg=17.0, axial=40.0, case=target)
    printed = capsys.readouterr().out
    code = DYSPROSIUM.parameters(DYSPROSIUM.scale())
    for number in (code.coupling, code.range, code.strength, code.beta):
        assert f"{number:.6g}" in printed
    assert "0.51 mean spacings: not long" in printed
    built = problem.build(case_file.load(target), tmp_path)
    assert built.model.coupling == pytest.approx(code.coupling, rel=1e-9)
    assert built.potential.strength == pytest.approx(code.strength, rel=1e-9)
    peak = built.mesh.theta[built.rho.argmax()]
    assert abs(abs(peak) - 17.0 * 0.2) < built.mesh.theta_weight
    bare = dataclasses.replace(DYSPROSIUM, dipolar_contact=False)
    text = target.read_text().replace('kind = "dipolar"', 'kind = "dipolar"\ndelta_in_coupling = true')
    coupling = bare.parameters(bare.scale()).coupling
    (tmp_path / "bare.toml").write_text(re.sub("coupling = [0-9].*", f"coupling = {coupling:.12g}", text))
    for case in (target, tmp_path / "bare.toml"):  # the delta function added here or by the case
        command(**dict.fromkeys(ARGUMENTS, None) | {"atom": "162Dy", "back": case, "length": 0.2})
        printed = capsys.readouterr().out
        for words in ("400 a0", "6000 Hz", "60 deg", "50 nK", "5 /um"):
            assert words in printed


BAD = {
    "--atom 3He": {"atom": "3He"},
    "--angle: missing": {"angle": None},
    "--density -1": {"density": -1.0},
    "allowed: a repulsive sum": {"scattering-length": -100.0},
    "allowed: without --transverse": {"back": "x.toml"},
    "no such folder": {"case": "/no/such/folder/x.toml"},
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_arguments_are_one_line(reason):
    with pytest.raises(InputError) as caught:
        command(**BAD[reason])
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_strength_that_no_angle_gives():
    code = DYSPROSIUM.parameters(DYSPROSIUM.scale())
    with pytest.raises(InputError, match=r"allowed for this atom and range: -0\.3944"):
        experiment(DYSPROSIUM.atom, dataclasses.replace(code, strength=10.0), 0.2e-6)
    assert 9.9 < DYSPROSIUM.atom.moment / BOHR_MAGNETON < 10.0
