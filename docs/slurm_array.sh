#!/usr/bin/env bash
#
# A dataset by a Slurm job array: one shard a task, all writing to one shared folder.
#
#   tasks=$(sbatch --parsable docs/slurm_array.sh configs/run.yaml /shared/run)
#   sbatch --dependency=afterok:"$tasks" --wrap 'scanstage merge /shared/run'
#
# More arguments go to `scanstage generate` (--images 10000, --set …). Change what is asked for here, or on sbatch's
# command line, which wins. To run some of the tasks again, say how many shards there are in all:
#
#   SHARDS=8 sbatch --array=2,5 docs/slurm_array.sh configs/run.yaml /shared/run
#
#SBATCH --job-name=scanstage
#SBATCH --array=0-7
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=24G
#SBATCH --time=08:00:00
#SBATCH --output=scanstage-%A_%a.log
#SBATCH --open-mode=append
# A task whose node fails, or that is preempted, is queued again …
#SBATCH --requeue
# … and so is one that runs out of time: the script is told a minute and a half before. (Cycles on a GPU: --gres=gpu:1)
#SBATCH --signal=B:USR1@90

set -u

if (($# < 2)); then
    echo "usage: sbatch $0 CONFIG OUT [options of scanstage generate]" >&2
    exit 2
fi
config=$1 out=$2
shift 2
shards=${SHARDS:-${SLURM_ARRAY_TASK_COUNT:?run this with sbatch, as an array}}

# Slurm tells how many tasks this array has, which is the number of shards unless only some of them run again.
first=${SLURM_ARRAY_TASK_MIN:-1} last=${SLURM_ARRAY_TASK_MAX:-$SLURM_ARRAY_TASK_ID}
if [[ -n ${SHARDS:-} ]]; then
    first=1 last=$SLURM_ARRAY_TASK_ID
fi
if ((last > shards || (last == shards && first != 1))); then
    echo "task $SLURM_ARRAY_TASK_ID: there are tasks up to $last, and $shards shards; say how many shards the" \
        "dataset has in all: SHARDS=8 sbatch --array=… $0 …" >&2
    exit 2
fi

# Passes lie in /dev/shm for a moment, which counts as the task's memory; where there is none, on the node's own disk.
export TMPDIR=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}

again=no told=no
stop() {
    again=$1 told=yes
    kill -TERM "$run" 2>/dev/null
}
trap 'stop no' TERM INT   # scancel, preemption: Slurm decides what comes next
trap 'stop yes' USR1      # the time limit comes near

# In the background, because bash lets no signal through to a command that it waits for in the foreground.
scanstage generate "$config" --out "$out" --shard "$SLURM_ARRAY_TASK_ID/$shards" "$@" &
run=$!
while :; do
    told=no
    wait "$run"
    code=$?
    [[ $told == no ]] && break # else a signal ended the wait, and perhaps not yet the run
done

if [[ $again == yes && $code != 0 ]]; then
    echo "out of time: queued again, and goes on with what is missing"
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" && exit 0
fi
exit "$code"
