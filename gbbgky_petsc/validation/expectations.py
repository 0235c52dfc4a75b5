"""What the validation expects, once, each with its reason.

The reasons do not follow from the runs that they judge, with one exception: the share of the slow rise allowed in
``kurtosis`` was added after the first full run had shown the need for it. Dynamics at other couplings had been seen
when ``three_body`` was set.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expectation:
    """|value - expected| <= sigmas * standard error + tolerance."""

    tolerance: float
    reason: str
    sigmas: float = 3.0


EXPECTED = {
    "kurtosis": Expectation(
        0.035,
        "box effect: the compensating background of a ring of 500 takes 10 % of the correlation energy (0.0247(6) "
        "against 0.0285(10) measured elsewhere), hence about 10 % of the fast rise of 0.35. On top of it the bias of "
        "finite N, and after t = 100 the share (V0/(xi E_kin))^2 of the slow rise: what relaxes at V0^4 is not in the "
        "theory",
    ),
    "kinetic_gain": Expectation(
        0.002,
        "theory on a ring of the same length: truncation remains, of relative order V0/(xi E_kin) of the gain",
    ),
    "energy_drift": Expectation(1e-8, "a linear invariant of the discrete equations", 0.0),
    "md_energy": Expectation(5e-6, "project bound for the mean energy error per particle", 0.0),
    "correlation": Expectation(
        0.1, "of the depth of the hole: box effect and truncation at V0/xi = 0.2 against E_kin = 0.6"
    ),
    "size_trend": Expectation(
        0.0, "Delta E_kin grows towards the infinite line as 1/L: V~(0)^2/(2 L int V^2) is 10 % at 500"
    ),
    "three_body": Expectation(
        0.4,
        "the limit a/xi -> 0 at first order in V0: finite lengths take 6, 17 and 28 % off at a = 0.5, 1 and 1.5, the "
        "second order in V0 adds 25, 4 and 1 %, encounters of four 2, 7 and 12 % (docs/kinetic.md)",
    ),
    "validity": Expectation(
        0.15,
        "the accuracy asked of the weakest point of every line of the map: three rods of finite length to second order "
        "in V, four to first; screening, in V0 rho/E, and trapping are not in it",
    ),
    "ring_correction": Expectation(
        0.03, "(1 - 1/N)(1 - 2/N) is 0.88 and 0.97 here; what a ring of 16 ranges does to the force is not in it"
    ),
    "step": Expectation(
        0.01,
        "energy errors of 1e-4 per particle and less change velocities by 1e-3, which is nothing beside the window",
    ),
    "blocked": Expectation(
        0.01, "a = 0: no relaxation in the theory at any order kept; as a share of what eq. (10) gives at a = 1"
    ),
    "thermal_kurtosis": Expectation(0.005, "a Maxwellian stays one at weak V0 and in the equilibrium of dynamics"),
    "thermal_structure": Expectation(
        0.03, "random-phase form, exact for weak V0; corrections of relative order beta V0/xi = 0.05", 3.5
    ),
    "closure_order": Expectation(
        0.15,
        "(SC.1) neglects a V0^2 in g, a V0 of its size. Next orders: V0/(xi E_kin) = 0.04, a rho = 0.1, trapping by "
        "V0 (t/xi)^2 = 0.5. Between V0 = 0.5 and 1 an exponent of 1.17 had been seen when these points were chosen",
        0.0,
    ),
    "thermal_correlation": Expectation(
        1e-3, "correlations reach equilibrium by diffusion, to 1e-4 at t = 1.5e5; V0 is weak enough for rho to stay"
    ),
    "flow_profile": Expectation(
        0.08,
        "correlations between places are left out: of relative order 1/N, for twelve rods, of the largest value",
        0.0,
    ),
    "flow_width": Expectation(0.08, "as for the profiles: correlations between places, of relative order 1/N"),
    "flow_thermal": Expectation(
        0.02, "diffusion makes entropy until the state is thermal, whatever the trap; a share of the initial 1.34", 0.0
    ),
    "trap_thermal": Expectation(
        0.1,
        "rods in a quartic trap reach the Gibbs state (arXiv:2306.11713); how fast is not known beforehand, a share of "
        "the initial 1.34 may be left",
    ),
    "trap_nonthermal": Expectation(0.0, "rods in a quadratic trap do not (arXiv:2306.11713)", 0.0),
    "flow_number": Expectation(1e-6, "kept but for what leaves box and window, which may hold 1e-6 of the state", 0.0),
    "flow_energy": Expectation(1e-5, "kept but for the dissipation in x, of order 7 in the spacing", 0.0),
    "flow_entropy": Expectation(1e-3, "a Casimir; asked of ten periods, in which phase space winds up", 0.0),
}
