"""Time integration: order, conservation, agreement of integrators, ranks and preconditioners."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import pair_correlation, state_vector, whole_pair
from petsc4py import PETSc

from gbbgky_petsc.discrete.kronecker import stencil_matrix
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.fields import ONE_BODY
from gbbgky_petsc.physics.potential import Gaussian, Potential
from gbbgky_petsc.physics.states import Thermal
from gbbgky_petsc.solvers.integrator import Integrator
from gbbgky_petsc.solvers.normal_modes import SERVING


def integrate(hierarchy, end, stops=(), **options):
    """Final rho and absorbed energy and all progress reports of a run with PETSc options given as keywords."""
    reports = []
    with Integrator(hierarchy, hierarchy.start(), options=options) as integrator:
        integrator.run(end, stops, reports.append)
        last = hierarchy.fields.gather(integrator.state.array_r, ONE_BODY)
    return last, reports


TIGHT = {"ksp_rtol": 1e-9}


def fixed(step):
    return {"ts_adapt_type": "none", "ts_dt": step, **TIGHT}


def test_default_integrator_against_rk_and_its_order(small):
    """Second order, though the Jacobian leaves out how A, D and K move with rho: 2m is a W-method."""
    exact, _ = integrate(small("absorbing"), 16.0, ts_type="rk", ts_rk_type="5dp", ts_adapt_type="none", ts_dt=0.1)
    errors = []
    for step in (2.0, 1.0, 0.5):
        final, _ = integrate(small("absorbing"), 16.0, **fixed(step))
        errors.append(np.abs(final[:-1] - exact[:-1]).max())
    slopes = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert slopes.min() > 1.8, slopes


@pytest.mark.parametrize("boundary", ["periodic", "absorbing", "zero"])
@pytest.mark.parametrize("preconditioner", ["lyapunov", "normal_modes", "lines"])
def test_conservation_along_a_run_with_default_tolerances(small, boundary, preconditioner):
    _, reports = integrate(small(boundary), 60.0, pc_python_type=preconditioner)
    first = reports[0].measurement
    for report in reports:
        m = report.measurement
        assert abs(m.density / first.density - 1.0) < 1e-12
        assert abs(m.momentum) < 1e-12
        assert abs(m.total_energy / first.total_energy - 1.0) < 1e-8
    assert abs(reports[-1].measurement.kinetic_energy / first.kinetic_energy - 1.0) > 1e-3


def test_stops_are_hit_and_steps_recover(small):
    _, reports = integrate(small("periodic"), 40.0, stops=[7.3, 20.0])
    times = [r.t for r in reports]
    assert 7.3 in times and 20.0 in times and times[-1] == 40.0
    assert all(b > a for a, b in pairwise(times))


COARSE = {"theta_points": 10, "z_spacing": 6.0, "comm": PETSc.COMM_SELF}


@pytest.mark.parametrize(
    "integrator", [{"ts_type": "bdf"}, {"ts_type": "arkimex"}, {"ts_type": "rosw", "ts_rosw_type": "ra34pw2"}]
)
def test_other_integrators_converge_to_the_same_state(small, integrator):
    exact, _ = integrate(
        small("absorbing", **COARSE), 4.0, ts_type="rk", ts_rk_type="5dp", ts_adapt_type="none", ts_dt=0.05
    )
    errors = []
    for step in (0.2, 0.1):
        final, _ = integrate(small("absorbing", **COARSE), 4.0, snes_rtol=1e-9, **integrator, **fixed(step))
        errors.append(np.abs(final[:-1] - exact[:-1]).max())
    assert np.log2(errors[0] / errors[1]) > 1.7  # BDF2 is the lowest order


def test_two_step_method_is_of_second_order(small):
    """At steps of its own length and where stops cut some short, which then are left out of the past."""
    coarse = {"state": Thermal(0.2, 1.5), **COARSE}
    exact, _ = integrate(
        small("absorbing", **coarse), 4.0, ts_type="rk", ts_rk_type="5dp", ts_adapt_type="none", ts_dt=0.05
    )
    for stops in ((), (1.97, 2.83)):
        errors = []
        for step in (0.1, 0.05):
            final, _ = integrate(small("absorbing", **coarse), 4.0, stops, ts_type="two_step", **fixed(step))
            errors.append(np.abs(final[:-1] - exact[:-1]).max())
        assert np.log2(errors[0] / errors[1]) > 1.8, errors


def test_two_step_method_keeps_to_its_tolerance_and_the_invariants(small):
    """Steps grow far beyond those of the one-step default, and stops are hit without starting anew."""
    exact, _ = integrate(small("absorbing"), 200.0, ts_adapt_dt_max=1.0)
    final, reports = integrate(small("absorbing"), 200.0, [30.0, 90.0], ts_type="two_step")
    assert np.abs(final[:-1] - exact[:-1]).max() < 5e-3 * exact.max()
    times, first = [r.t for r in reports], reports[0].measurement
    assert 30.0 in times and 90.0 in times and times[-1] == 200.0
    assert min(r.step for r in reports if r.t > 90.0) > 5.0
    for report in reports:
        m = report.measurement
        assert abs(m.density / first.density - 1.0) < 1e-12 and abs(m.momentum) < 1e-12
        assert abs(m.total_energy / first.total_energy - 1.0) < 1e-8


def test_two_step_method_shortens_a_step_that_does_not_converge(small):
    """Iterations that are too few for the first step wanted are enough for a part of it."""
    final, reports = integrate(
        small("absorbing"), 20.0, ts_type="two_step", ts_dt=20.0, ksp_rtol=1e-4, ksp_max_it=5, ts_adapt_dt_max=2.0
    )
    exact, _ = integrate(small("absorbing"), 20.0, ts_adapt_dt_max=1.0)
    assert 0.0 < reports[1].step <= 5.0
    assert np.abs(final[:-1] - exact[:-1]).max() < 2e-2 * exact.max()


def test_shipped_options_are_read(small):
    lines = Path(__file__).parents[1].joinpath("runs", "laptop.opts").read_text().splitlines()
    options = dict(line.removeprefix("-").split() for line in lines if not line.startswith("#"))
    h = small("absorbing", **COARSE)
    with Integrator(h, h.start(), options=options) as integrator:
        integrator.run(2.0, [], lambda progress: None)
        assert integrator.multistep is not None and integrator.krylov_iterations > 0


def test_two_step_method_refuses_what_it_has_not(small):
    with pytest.raises(InputError, match="-ts_adapt_type dsp"):
        integrate(small("periodic"), 1.0, ts_type="two_step", ts_adapt_type="dsp")


@pytest.mark.parametrize("preconditioner", SERVING)
def test_preconditioners_of_petsc_give_the_same_run(small, preconditioner):
    ours, _ = integrate(small("absorbing", **COARSE), 4.0, **fixed(1.0))
    theirs, _ = integrate(small("absorbing", **COARSE), 4.0, pc_type=preconditioner, **fixed(1.0))
    np.testing.assert_allclose(theirs[:-1], ours[:-1], atol=1e-9)


def test_preconditioners_of_petsc_read_their_own_options(small):
    """ILU(0) of lines that close on themselves is not exact, with more fill it is."""
    iterations = []
    for options in ({}, {"pc_factor_levels": 20}, {"pc_type": "bjacobi", "sub_pc_type": "lu"}):
        h = small("periodic", "leading", **COARSE)
        table = {"pc_type": "ilu", "ksp_rtol": 1e-6} | fixed(4.0) | options
        with Integrator(h, h.start(), options=table) as integrator:
            integrator.run(8.0, [], lambda p: None)
            iterations.append(integrator.krylov_iterations)
    assert iterations[0] > iterations[1] == iterations[2], iterations


def test_preconditioners_that_cannot_serve_are_refused(small):
    h = small("absorbing", **COARSE)
    for name in ("hypre", "cholesky", "nonsense"):
        with pytest.raises(InputError, match=rf"-pc_type {name}: .*allowed: python, none, ilu, lu"):
            Integrator(h, h.start(), options={"pc_type": name})


@pytest.mark.parametrize("boundary", ["periodic", "absorbing", "zero"])
@pytest.mark.parametrize("inner", [{}, {"normal_modes_pc_type": "lu"}])
def test_normal_modes_give_the_same_run(small, boundary, inner):
    ours, _ = integrate(small(boundary), 6.0, pc_python_type="lyapunov", **fixed(1.0))
    theirs, _ = integrate(small(boundary), 6.0, pc_python_type="normal_modes", **inner, **fixed(1.0))
    np.testing.assert_allclose(theirs[:-1], ours[:-1], atol=1e-8)


@pytest.mark.parametrize("boundary", ["absorbing", "zero"])
def test_lines_give_the_same_run(small, boundary):
    ours, _ = integrate(small(boundary), 6.0, pc_python_type="lyapunov", **fixed(1.0))
    theirs, _ = integrate(small(boundary), 6.0, pc_python_type="lines", **fixed(1.0))
    np.testing.assert_allclose(theirs[:-1], ours[:-1], atol=1e-8)


def test_explicit_contact_with_imex(small):
    ours, _ = integrate(small("periodic"), 8.0, **fixed(0.25))
    imex, _ = integrate(small("periodic", explicit=("contact",)), 8.0, ts_type="arkimex", snes_rtol=1e-9, **fixed(0.25))
    np.testing.assert_allclose(imex[:-1], ours[:-1], atol=1e-6)


def test_explicit_triples_with_imex(small):
    """The same solution as all implicit: the difference goes with the order of the lower method, two."""
    size = {"order": "four_fields", **COARSE}
    names = ("forcing", "triple_contact", "triple_forcing", "covariance_force")
    differences = []
    for step in (0.8, 0.4):
        ours, _ = integrate(small("absorbing", **size), 4.0, **fixed(step))
        options = {"ts_type": "arkimex", "snes_rtol": 1e-9, **fixed(step)}
        imex, _ = integrate(small("absorbing", explicit=names, **size), 4.0, **options)
        differences.append(np.abs(imex[:-1] - ours[:-1]).max())
    assert np.log2(differences[0] / differences[1]) > 1.7, differences
    assert np.abs(ours[:-1] - small("absorbing", **size).initial_rho).max() > 100 * differences[1]


def test_explicit_terms_that_are_not_there_are_refused(small):
    with pytest.raises(InputError, match=r"hierarchy.explicit = \['contact'\]: no such term with order four_fields"):
        small("periodic", "four_fields", explicit=("contact",))


def test_steps_show_that_they_are_alive(small):
    h, calls, steps = small("absorbing", **COARSE), [], []
    with Integrator(h, h.start(), options=fixed(2.0)) as integrator:
        integrator.run(8.0, [], steps.append, lambda: calls.append(len(steps)))
        assert len(calls) >= integrator.krylov_iterations > len(steps)
    assert set(calls) == {1, 2, 3, 4}  # between all reports


def test_not_converged_is_an_error(small):
    with pytest.raises(SolverError, match="t = 0"):
        integrate(small("periodic"), 5.0, ksp_max_it=1, ksp_rtol=1e-12, ts_max_snes_failures=1, ts_max_reject=1)


@pytest.mark.parametrize("order", ["leading", "collective"])
def test_thermal_state_stays_and_grows_its_correlations(small, order):
    """rho does not move and g grows to (SA.20), with collective to -beta V_k/(1 + beta chi V_k) c c.

    The last to get there are pairs of one velocity, which have no forcing and do not part: only diffusion takes them
    across the domain, at the lowest eigenvalue of -2 D(0) d^2/dz^2 + eta.
    """
    beta = 0.8
    weak = Potential(Gaussian(), 0.005, 8.0)  # what E_int takes from E_kin moves rho at order V0^2
    size = {"theta_max": 8.0, "theta_points": 50, "z_max": 72.0, "z_spacing": 6.0}
    h = small("absorbing", order, state=Thermal(0.2, beta), potential=weak, **size)
    mesh, background = h.mesh, h.background(h.initial_rho)
    expected = thermal_pair_function(h, beta, with_collective=order == "collective")
    integrator = Integrator(h, h.start(), options={"pc_python_type": "normal_modes", "ts_adapt_dt_max": 1000.0})
    errors = {}

    def note(progress):
        g = whole_pair(h, integrator.state.array_r)
        errors[progress.t] = np.abs(g - expected).max() / np.abs(expected).max()

    integrator.run(60000.0, [15000.0, 25000.0], note)
    rho = integrator.state.array_r[: mesh.theta_points].copy()
    integrator.close()
    assert np.abs(rho - h.initial_rho).max() < 1e-6 * h.initial_rho.max()
    assert errors[60000.0] < 1e-4
    slow = np.diag(mesh.absorption) - 2.0 * np.diag(background.diffusion).min() * stencil_matrix(
        mesh.stencil.second, mesh.z_points, mesh.wraps
    )
    rate = np.log(errors[15000.0] / errors[25000.0]) / 10000.0
    np.testing.assert_allclose(rate, np.linalg.eigvalsh(slow)[0], rtol=0.03)


def thermal_pair_function(h, beta, with_collective):
    """g of theory in equilibrium, (Nz, N, N), on the infinite line."""
    mesh, c = h.mesh, h.background(h.initial_rho).charge
    chi = mesh.theta_weight * c.sum() if with_collective else 0.0
    line = (np.arange(4096) - 2048) * mesh.z_spacing
    V_k = mesh.z_spacing * np.fft.rfft(np.fft.ifftshift(h.potential(line))).real
    profile = np.fft.fftshift(np.fft.irfft(-beta * V_k / (1.0 + beta * chi * V_k), n=line.size)) / mesh.z_spacing
    return profile[np.searchsorted(line, mesh.z)][:, None, None] * c[:, None] * c[None, :]


@pytest.mark.parallel
def test_ranks_agree(small):
    one, _ = integrate(small("absorbing", comm=PETSc.COMM_SELF), 20.0, **TIGHT)
    many, _ = integrate(small("absorbing"), 20.0, **TIGHT)
    np.testing.assert_allclose(many, one, atol=1e-9)


@pytest.mark.parallel
def test_a_start_with_correlations_is_measured_alike_on_all_ranks(small):
    h = small("absorbing")
    x = state_vector(h, pair_correlation(h))
    m = h.measure(x)
    values = h.fields.comm.allgather((m.kurtosis, m.interaction_energy, m.absorbed_rate))
    assert all(v == values[0] for v in values)
