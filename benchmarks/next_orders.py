"""Which order of the collision integral does molecular dynamics have? Every weak point of the map of validity.

    .venv/bin/python benchmarks/next_orders.py [REPORT.json [POINTS]]

REPORT is that of `gbbgky validate --only validity` (docs/validation/validity.json by default), from which the rate of
dynamics over the first order of three short rods is taken, either sign of V0 by itself, for V0 rho/E < 0.2. Beside it
stands the rate in the initial state that each combination of orders gives on POINTS rapidities, over the same.
Prints JSON: the rates, and chi^2 of every combination.
"""

import json
import sys
from pathlib import Path

import petsc4py

petsc4py.init(sys.argv[:1])

from petsc4py import PETSc

from gbbgky_petsc.collisions import build
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.potential import Gaussian, Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal
from gbbgky_petsc.validation.encounters import kurtosis_rate

REPORT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs/validation/validity.json")
MESH = PhaseSpaceMesh(5.0, int(sys.argv[2]) if len(sys.argv) > 2 else 40, z_max=100.0, z_spacing=2.0)
WEAK = 0.2
SIGNS = {"repulsive": 1.0, "attractive": -1.0}
ORDERS = {
    "short rods": {},
    "short rods, second order": {"second_order": True},
    "short rods, screened": {"screened": True},
    "finite length": {"finite_length": True},
    "finite length, second order": {"finite_length": True, "second_order": True},
}


def rate(operator, rho):
    """d kurtosis/dt in the state rho."""
    theta, change, share = MESH.theta, operator(rho).rate / rho.sum(), rho / rho.sum()
    second, fourth = theta**2 @ share, theta**4 @ share
    return float(theta**4 @ change / second**2 - 2.0 * fourth * (theta**2 @ change) / second**3)


def predicted(point, sign):
    """Rates over the first order of short rods, by combination of orders; those that refuse the state are left out."""
    shape = Power(float(point["exponent"])) if point["exponent"] else Gaussian()
    model, potential = HardRods(point["length"]), Potential(shape, sign * point["strength"], point["range"])
    rho = BoostedThermal(point["density"], 2.5, 1.0).sample(MESH.theta, MESH.theta_weight, model)
    found = {}
    for name, options in ORDERS.items():
        try:
            operator = build("coherent", model, potential, MESH, PETSc.COMM_SELF, tolerance=1e-2, **options)
            found[name] = rate(operator, rho)
        except InputError:
            continue
    unit = found["short rods"]
    four, _ = kurtosis_rate(potential, model.length, MESH.theta, rho, 4, samples=50_000)
    found["finite length, second order, four rods"] = found["finite length, second order"] + four
    return {name: value / unit for name, value in found.items()}


def main():
    numbers = json.loads(REPORT.read_text())["studies"][0]["numbers"]
    rows, chi = [], {}
    for point in numbers:
        if point.get("theory") != "three_body" or point["sign"] not in SIGNS or point["coupling"] >= WEAK:
            continue
        orders = predicted(point, SIGNS[point["sign"]])
        for name, value in orders.items():
            total, count = chi.get(name, (0.0, 0))
            chi[name] = (total + ((value - point["value"]) / point["error"]) ** 2, count + 1)
        rows.append(
            {
                "line": point["line"],
                "V0": SIGNS[point["sign"]] * point["strength"],
                "dynamics": round(point["value"], 3),
            }
            | {"error": round(point["error"], 3)}
            | {name: round(value, 3) for name, value in orders.items()}
        )
    squares = {name: {"chi squared": round(total, 1), "rates": count} for name, (total, count) in chi.items()}
    print(json.dumps({"over the first order of short rods": rows, "orders": squares}, indent=1))


if __name__ == "__main__":
    main()
