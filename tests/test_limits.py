"""Numbers at the edge of what a case may say."""

import pytest

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem, shipped
from gbbgky_petsc.errors import InputError


@pytest.mark.parametrize(
    ("assignment", "key"),
    [
        ("potential.strength=1e300", r"potential\.strength = 1e\+300"),
        ("mesh.z_spacing=1e-300", "z_spacing"),
        ("output.series_every=1e-9", r"output\.series_every = 1e-09"),
        ("state.beta=1e6", "state: its rho vanishes"),
        ("mesh.theta_points=10000000", r"mesh\.theta_points = 10000000"),
        ("time.end=1e300", r"time\.end"),
        ("md.realisations=1000000000", r"md\.realisations"),
    ],
)
def test_edge_values_are_one_line(assignment, key):
    path = shipped.cases()["fig2_phi6_quick"]
    with pytest.raises(InputError, match=key) as found:
        problem.build(case_file.load(path, [assignment]), path.parent)
    assert "\n" not in str(found.value)


def test_a_number_of_too_many_digits(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(f"time = {'9' * 10**6}")
    with pytest.raises(InputError, match="not valid TOML"):
        case_file.load(path)
