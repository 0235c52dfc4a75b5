#!/bin/bash
# A run longer than the time limit: Slurm warns five minutes before it, the run saves and ends with code 75, the job goes
# back into the queue and goes on from there. sbatch requeue.sh fig2_phi6 fig2.h5 [further arguments of gbbgky run]
#SBATCH --job-name=gbbgky
#SBATCH --ntasks=16
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -uo pipefail
export OMP_NUM_THREADS=1
case=$1 output=$2
shift 2
srun gbbgky run "$case" -o "$output" --resume=auto "$@"
status=$?
if [ "$status" -eq 75 ]; then
    exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
