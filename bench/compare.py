#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Strata against PyTorch: the same steps from the same weights on the same batch.

usage: compare.py STRATA [--case NAME]... [--rounds N] [--seconds S] [--json] [--python PYTHON]

Both sides run in processes of their own, in turn, for several rounds, on 1 thread and on all; PyTorch also over
OPENBLAS_NUM_THREADS, passive and active waiting of OpenMP's threads, and the variants of pytorch_rival.py. A side's
figure is the median over rounds of its best configuration. Its spread runs from the least to the greatest round of it.
A row is void unless the losses of 20 steps agree to a relative 1e-4, of convolutional networks those of 10 to 1e-3.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

TOLERANCE = 1e-4
BOUNDS = {"chain_64": 6.0, "chain_256": 2.5, "mlp_512": 1.6, "mlp_4096": 1.0, "cnn_small": 2.0, "resnet_20": 1.2}
LOOSE = {"cnn_small": (10, 1e-3), "resnet_20": (10, 1e-3), "resnet_110": (10, 1e-3)}  # batch moments spread roundings: so many steps, so close
WAITING = ("default", "active", "passive")  # OMP_WAIT_POLICY


def run(command, environment=None):
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {result.returncode}\n{result.stderr}")
    return result.stdout


def strata_round(options, case, threads, export=None):
    command = [options.strata, "bench", "--case", case, "--threads", str(threads), "--quick", "--json"]
    return json.loads(run(command + (["--export", export] if export else [])))["measurements"][0]


def rival_process(options, path, configuration, arguments):
    variant, threads, blas, waiting = configuration
    environment = {"OPENBLAS_NUM_THREADS": str(blas)}
    if waiting != "default":
        environment["OMP_WAIT_POLICY"] = waiting
    command = [options.python, pathlib.Path(__file__).with_name("pytorch_rival.py"), path, "--threads", str(threads), *arguments]
    command += ["--variant", variant] if variant else []
    return [json.loads(line) for line in run(command, environment).splitlines()]


def rival_configurations(options, case, path):
    """One short pass over everything; the few fastest go into the rounds. Where a step takes long, what was fastest before."""
    if case.startswith("resnet"):
        return [("eager_loop", threads, 1, "default") for threads in options.threads]
    found = {}
    for threads in options.threads:
        for blas in options.threads:
            for waiting in WAITING if threads > 1 else WAITING[:1]:
                for row in rival_process(options, path, (None, threads, blas, waiting), ["--seconds", "0.3", "--repeats", "2"]):
                    found[(row["variant"], threads, blas, waiting)] = row["step_seconds"]
    return sorted(found, key=found.get)[:3]


def best(rounds):
    """(configuration, median, least, greatest) of the configuration with the least median."""
    configuration = min(rounds, key=lambda key: statistics.median(rounds[key]))
    times = rounds[configuration]
    return configuration, statistics.median(times), min(times), max(times)


def loss_difference(case, ours, theirs):
    steps = LOOSE.get(case, (len(ours), 0))[0]
    return max(abs(a - b) / max(abs(b), 1e-30) for a, b in list(zip(ours, theirs, strict=True))[:steps])


def compare(options, case, folder):
    path = os.path.join(folder, f"{case}.safetensors")
    strata_round(options, case, 1, path)
    configurations = rival_configurations(options, case, path)
    ours, theirs, difference, facts = {}, {}, 0.0, {}
    for _ in range(options.rounds):
        losses = {}
        for threads in options.threads:
            row = facts[threads] = strata_round(options, case, threads)
            ours.setdefault(threads, []).append(row["step_seconds"])
            losses[threads] = row["loss"]
        for configuration in configurations:
            row, = rival_process(options, path, configuration, ["--seconds", str(options.seconds), "--losses"])
            theirs.setdefault(configuration, []).append(row["step_seconds"])
            difference = max([difference] + [loss_difference(case, loss, row["loss"]) for loss in losses.values()])
    mine, rival = best(ours), best(theirs)
    return {"case": case, "summary": facts[mine[0]]["summary"], "void": not difference <= LOOSE.get(case, (0, TOLERANCE))[1], "loss_difference": difference,
            "ratio": rival[1] / mine[1], "ratio_low": rival[2] / mine[3], "ratio_high": rival[3] / mine[2], "bound": BOUNDS.get(case),
            "strata": {"threads": mine[0], "seconds": mine[1], "min": mine[2], "max": mine[3],
                       "gflops": 1e-9 * facts[mine[0]]["flops"] / mine[1]},
            "pytorch": {"configuration": "%s, %d threads, %d BLAS threads, %s waiting" % rival[0], "seconds": rival[1],
                        "min": rival[2], "max": rival[3]}}


def print_row(row, peak):
    ours, theirs = row["strata"], row["pytorch"]
    print(f"{row['summary']}\n"
          f"  strata   {1e6 * ours['seconds']:10.1f} us [{1e6 * ours['min']:.1f}, {1e6 * ours['max']:.1f}]  {ours['threads']} threads, "
          f"{ours['gflops']:.1f} GFLOP/s, {100 * ours['gflops'] / peak[ours['threads']]:.0f} % of peak\n"
          f"  pytorch  {1e6 * theirs['seconds']:10.1f} us [{1e6 * theirs['min']:.1f}, {1e6 * theirs['max']:.1f}]  {theirs['configuration']}\n"
          f"  ratio    {row['ratio']:10.2f}    [{row['ratio_low']:.2f}, {row['ratio_high']:.2f}]  wanted {row['bound']}"
          f"{'  VOID' if row['void'] else ''}, losses differ by {row['loss_difference']:.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("strata")
    parser.add_argument("--case", action="append", choices=[*BOUNDS, "resnet_110"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of measured steps in each PyTorch process and variant")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--python", default="/usr/bin/python3", help="one that has PyTorch")
    options = parser.parse_args()
    options.threads = sorted({1, len(os.sched_getaffinity(0))})
    whole = json.loads(run([options.strata, "bench", "--case", "chain_64", "--json"]))
    peak = {entry["threads"]: entry["gflops"] for entry in whole["peaks"]}
    rows = []
    if not options.json:
        print(f"{whole['host']['cpu']}, {whole['host']['cores']} cores, {whole['host']['blas']}; peak "
              + ", ".join(f"{rate:.1f} GFLOP/s on {threads} threads" for threads, rate in peak.items()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for case in options.case or BOUNDS:
            rows.append(compare(options, case, folder))
            if not options.json:
                print_row(rows[-1], peak)
    if options.json:
        print(json.dumps({"host": whole["host"], "peaks": whole["peaks"], "rows": rows}, indent=1))
    return 1 if any(row["void"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
