#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Allocations, then writes to the disk, that fail one after the other, through every study and every command that keeps
# something (fault_runs.py). FAULT_FIRST calls of each are tried, then FAULT_SAMPLES spread over the rest.
# usage: long_faults.sh STRATA
strata=$(realpath "$1")
here=$(dirname "$0")
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
cases=fit,fit_kernel,predict,predict_npy,evaluate,attack,certify,studies,bfc,kernels,overparam,purify,resume,report,compare
"$strata" data show fashion-mnist >/dev/null 2>&1 && cases=$cases,pictures,depth,show
failures=0
for kind in memory file; do
    python3 "$here/fault_runs.py" "$strata" "$(dirname "$strata")/tests/fault_shim.so" $kind --cases $cases \
        --first "${FAULT_FIRST:-10}" --samples "${FAULT_SAMPLES:-10}" || failures=$((failures + 1))
done
exit "$((failures > 0))"
