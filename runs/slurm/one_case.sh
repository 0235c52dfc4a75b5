#!/bin/bash
# One case on many ranks: sbatch --ntasks=32 one_case.sh fig2_phi6 fig2.h5 [further arguments of gbbgky run]
#SBATCH --job-name=gbbgky
#SBATCH --ntasks=16
#SBATCH --time=04:00:00
#SBATCH --output=%x-%j.log
set -euo pipefail
export OMP_NUM_THREADS=1
case=$1 output=$2
shift 2
srun gbbgky run "$case" -o "$output" --resume=auto "$@"
