#!/bin/bash
# A scan of one key, one job of an array a value: KEY=potential.strength VALUES="1 2 4 8" sbatch --array=0-3 scan.sh fig2_phi6
#SBATCH --job-name=gbbgky-scan
#SBATCH --ntasks=8
#SBATCH --time=04:00:00
#SBATCH --output=%x-%A-%a.log
set -euo pipefail
export OMP_NUM_THREADS=1
read -r -a values <<< "$VALUES"
value=${values[$SLURM_ARRAY_TASK_ID]}
case=$1
shift
mkdir -p scan
srun gbbgky run "$case" -o "scan/$(basename "$case" .toml)-$KEY-$value.h5" --set "$KEY=$value" --resume=auto "$@"
