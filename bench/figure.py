#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Steps a second against width and batch: the quadratic chain of case chain_64 at other sizes.

usage: figure.py STRATA OUT.svg

Writes OUT.csv beside the figure, which gnuplot draws. Each point is the better of one thread and all.
"""
import json
import pathlib
import subprocess
import sys

WIDTHS = (32, 64, 128, 256, 512, 1024)
BATCHES = (32, 64, 128, 512)
SCRIPT = """
set terminal svg size 720,440 font 'sans-serif,13' background '#ffffff'
set output '{out}'
set datafile separator ','
set logscale xy
set xtics ({tics})
set xlabel 'hidden width'
set ylabel 'training steps a second'
set format y '10^{{%L}}'
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
set key top right
plot {curves}
"""
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")


def steps_per_second(strata, width, batch):
    command = [strata, "bench", "--case", "chain_64", "--width", str(width), "--batch", str(batch), "--quick", "--json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["measurements"]
    return max(1 / row["step_seconds"] for row in rows)


def main():
    strata, out = sys.argv[1], pathlib.Path(sys.argv[2])
    table = out.with_suffix(".csv")
    with open(table, "w", encoding="utf-8") as file:
        print("width", *(f"batch {batch}" for batch in BATCHES), sep=",", file=file)
        for width in WIDTHS:
            print(width, *(f"{steps_per_second(strata, width, batch):.1f}" for batch in BATCHES), sep=",", file=file, flush=True)
    curves = ", ".join(f"'{table}' using 1:{i + 2} skip 1 with linespoints lw 2 pt 7 ps 0.6 lc rgb '{COLOURS[i]}' title 'batch {batch}'"
                       for i, batch in enumerate(BATCHES))
    script = SCRIPT.format(out=out, tics=", ".join(map(str, WIDTHS)), curves=curves)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


if __name__ == "__main__":
    main()
