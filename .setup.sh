#!/usr/bin/env bash
# Set-up behind `make setup`: a virtual environment in .venv over a petsc4py, mpi4py and h5py that are there
# already, or that Debian/Ubuntu packages supply. Idempotent.
set -euo pipefail
cd "$(dirname "$0")"

has_petsc() { "$1" -c "import petsc4py, mpi4py.MPI; from petsc4py import PETSc" >/dev/null 2>&1; }

python=""
for candidate in "${PYTHON:-}" python3 /usr/bin/python3; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && has_petsc "$candidate" && command -v mpirun >/dev/null; then
        python=$candidate
        break
    fi
done

if [ -z "$python" ]; then
    sudo=""
    if [ "$(id -u)" -ne 0 ]; then sudo="sudo"; fi
    if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! command -v sudo >/dev/null; }; then
        echo "setup: no petsc4py found and no apt to install it: use conda-forge (petsc4py mpi4py h5py) or pip (petsc petsc4py), see README.md, then run make setup again" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq
    # the -dev packages carry the links through which petsc4py is found; openblas replaces the slow reference BLAS
    $sudo apt-get install -y -qq --no-install-recommends \
        python3-petsc4py python3-petsc4py-real libpetsc-real-dev python3-mpi4py python3-h5py-mpi \
        python3-scipy python3-venv openmpi-bin libopenblas0-pthread >/dev/null
    python=/usr/bin/python3
    if ! has_petsc "$python"; then
        echo "setup: apt installed petsc4py, but $python cannot import it" >&2
        exit 1
    fi
fi

"$python" -m venv --system-site-packages .venv
# made from another virtual environment it would see the system's packages, not those of that environment: name them
site=$(.venv/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")
"$python" -c "
import sys, sysconfig
if sys.prefix != sys.base_prefix:
    print(*{sysconfig.get_path(name) for name in ('purelib', 'platlib')}, sep='\n')" >"$site/parent.pth"
if ! has_petsc .venv/bin/python; then
    echo "setup: $python has petsc4py, but the environment made from it in .venv has not" >&2
    exit 1
fi
# the compiled stack may have been built for numpy 1: stay below 2 where it was
limit=$("$python" -c "import numpy; print('numpy<2' if numpy.__version__ < '2' else 'numpy')" 2>/dev/null || echo numpy)
.venv/bin/python -m pip install -q --disable-pip-version-check "$limit" -e ".[test]"
echo "setup: $(.venv/bin/python -c "from petsc4py import PETSc; print('PETSc', '.'.join(map(str, PETSc.Sys.getVersion())))"), console script .venv/bin/gbbgky"
