#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Commands of the program whose allocations, or whose writes to the disk, fail one after the other (fault_shim.c).

usage: fault_runs.py STRATA SHIM memory|file [--first N] [--samples N] [--resume N] [--cases A,B] [--folder DIR]
After each fault: no signal, no hang, no sanitizer's finding; status 0 and the numbers of an undisturbed run, or status 1
and a message; every file that is left is whole; nothing of a temporary name is left. Every N-th of the runs that stopped
is resumed, and must end with those numbers too.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BFC = ("run bfc --preset smoke --seeds 1 --set train.steps_per_stage=8 --set train.warmup=2 --set train.batch_size=8 "
       "--set mlp.steps=4 --set data.test_size=32 --set study.label_test_size=100 --set study.sample_steps=4 "
       "--set teacher.width=2 --set network.hidden_width=4 --set paper.expansion_rows=12 --set study.gaps=1 "
       "--set study.dimensions=6 --set study.sample_sizes=20 --set study.kernel_dimensions=3,4 "
       "--set study.kernel_sample_sizes=20,30 --set study.kernel_train_size=30 --set kernel.selection_rows=20 "
       "--set random_features.count=8 --set data.dimension=4 --set learner.list=sgd_joint,sgd_staged,layerwise,paper,two_layer")
KERNELS = ("run kernels --preset smoke --seeds 1 --set sphere.seeds=1 --set exponent.seeds=1 --set study.sample_sizes=20,40 --set study.epochs=2 "
           "--set train.warmup=1 --set data.test_size=64 --set data.dimension=4 --set teacher.width=2 "
           "--set study.feature_learning=true --set study.sequential=two_stage,residual,kernel_pca --set stack.components=5 "
           "--set sphere.dimension=4 --set sphere.sizes=10,20,30,40 --set sphere.staircase=10,20,30,40 "
           "--set sphere.test_size=32 --set exponent.dimensions=4,5,6 --set exponent.sizes=10,20,40 "
           "--set monomials.dimension=6 --set monomials.train_size=20 --set monomials.test_size=32 "
           "--set limit.widths=8,16,32 --set limit.networks=2")
OVERPARAM = ("run overparam --preset smoke --seeds 1 --set network.widths=8,16,32 --set network.width=16 --set train.steps=4 "
             "--set long.steps=4 --set stochastic.steps=4 --set norms.networks=3 --set norms.width=16 --set depth.width=8 "
             "--set depth.layers=4 --set cnn.widths=8,12,16 --set separation.networks=2")
DEPTH = ("run depth --preset smoke --seeds 1 --set data.train_size=60 --set data.test_size=40 --set picture.steps=2 "
         "--set correction.seeds=1 --set layers.seeds=1 --set train.warmup=1 --set train.batch_size=8 "
         "--set probe.train_size=20 --set probe.test_size=20 --set study.networks=true --set study.sample_sizes=20 "
         "--set kernel.train_size=20 --set kernel.test_size=10")
PURIFY = ("run purify --preset smoke --seeds 1 --set data.dimension=20 --set data.test_size=100 --set train.steps=10 "
          "--set study.baselines=linear_form,gate_ntk --set gate_ntk.count=10 --set gate_ntk.steps=4 "
          "--set linear_form.steps=4")
FIT = "fit --data flowers.csv --target kind --set mlp.steps=20 --set mlp.hidden_width=8 --set train.batch_size=16 --out made"

# Name: (commands before, the command, what it writes).
CASES = {
    "bfc": ([], BFC + " --out run", ["run/result.json"]),
    "kernels": ([], KERNELS + " --out run", ["run/result.json"]),
    "overparam": ([], OVERPARAM + " --out run", ["run/result.json"]),
    "depth": ([], DEPTH + " --out run", ["run/result.json"]),
    "purify": ([], PURIFY + " --out run", ["run/result.json"]),
    "resume": ([BFC + " --out run", "-rm run/result.json run/checkpoint/*/*/*.done.json"], "resume run", ["run/result.json"]),
    "report": ([BFC + " --out run", "-rm -r run/report.html"], "report run", ["run/report.html"]),
    "compare": ([BFC + " --out run", BFC + " --seed 2 --out other"], "compare run other", []),
    "sweep": ([], BFC.replace("run ", "sweep ") + " --grid study.seed=1,2 --out grid", []),
    "fit": ([], FIT, ["made"]),
    "fit_kernel": ([], "fit --data flowers.csv --target kind --learner krr_poly2 --out made", ["made"]),
    "predict": ([FIT], "predict --model made --data flowers.csv --out said.csv", ["said.csv"]),
    "predict_npy": ([FIT], "predict --model made --data flowers.csv --out said.npy", ["said.npy"]),
    "evaluate": ([FIT], "evaluate --model made --data flowers.csv --json", []),
    "attack": ([FIT], "attack --model made --data flowers.csv --norm l2 --eps 1 --attacks quick --rows 10 --out broken",
               ["broken/result.json"]),
    "certify": ([FIT], "certify --model made --data flowers.csv --rows 5 --sigma 0.1 --votes 50 --json", []),
    "pictures": ([], "fit --data fashion-mnist --rows 60 --set cnn.steps=2 --set train.batch_size=16 --set train.warmup=1 "
                     "--out made", ["made"]),
    "data": ([], "data list", []),
    "show": ([], "data show fashion-mnist", []),
    "bench": ([], "bench --help", []),
    "kernel_list": ([], "kernels", []),
    "studies": ([], "studies bfc", []),
}
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|runtime error|UndefinedBehavior)")
WORDS = {"memory": r"memory", "file": r"No space left|Input/output error|cannot"}


def threaded(command):
    return command + " --threads 1" if command.split()[0] in ("run", "resume", "sweep", "attack", "certify") else command


def start(words, folder, extra=()):
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OPENBLAS_CORETYPE="Haswell", **dict(extra))
    environment["PATH"] = os.environ.get("FAULT_PATH", "/nowhere")  # no gnuplot: a report can do without
    return subprocess.run(words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace")


def prepare(strata, folder, before):
    folder.mkdir()
    rows = ["%g,%g,%g,%d" % (i % 3 + .01 * (i * 7 % 11), .1 * (i * 5 % 13), .1 * (i * 3 % 17), i % 3) for i in range(60)]
    (folder / "flowers.csv").write_text("length,width,size,kind\n" + "\n".join(rows) + "\n")
    for command in before:
        if command[0] == "-":
            subprocess.run(command[1:], shell=True, cwd=folder, check=True)
            continue
        done = start([strata, *threaded(command).split()], folder)
        if done.returncode:
            sys.exit(f"{command}: {done.stderr[-2000:]}")


def fixed(value):
    """Without what differs between any two runs."""
    if isinstance(value, list):
        return [fixed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "columns" in value and "rows" in value:
        keep = [i for i, name in enumerate(value["columns"]) if not name.endswith("seconds")]
        value = dict(value, rows=[[row[i] for i in keep] for row in value["rows"]])
    return {key: fixed(item) for key, item in value.items() if key not in ("seconds", "threads", "host", "figures")}


def numbers(path):
    """What must be equal in a whole run and in one after a fault."""
    if path.suffix != ".json":
        return path.read_bytes() if path.suffix != ".html" else b"</html>" in path.read_bytes()[-200:]
    return fixed(json.loads(path.read_text()))


def partial(path):
    """Why a file is not whole, or None."""
    text = path.read_bytes()
    if re.search(r"\.tmp", path.name):
        return "a temporary file is left"
    if path.suffix == ".json":
        try:
            json.loads(text)
        except ValueError:
            return "broken JSON"
    if path.suffix in (".jsonl", ".csv") or path.name == "log.txt":
        return None if not text or text.endswith(b"\n") else "its last line is cut"
    ends = {".html": b"</html>", ".svg": b"</svg>"}
    if path.suffix in ends and not text.rstrip().endswith(ends[path.suffix]):
        return "cut"
    return None


class Case:
    def __init__(self, options, name, folder):
        self.options, self.name, self.folder = options, name, folder
        self.before, command, self.made = CASES[name]
        self.words = [options.strata, *threaded(command).split()]
        self.faults, self.statuses, self.seen = [], collections.Counter(), collections.Counter()
        self.resumed = 0

    def shim(self, first, stride):
        return {"LD_PRELOAD": self.options.shim, "FAULT_KIND": self.options.kind, "FAULT_FIRST": str(first),
                "FAULT_STRIDE": str(stride), "FAULT_FOLDER": str(self.folder / "trials"),
                "FAULT_JOURNAL": str(self.folder / "journal"),
                "ASAN_OPTIONS": "detect_leaks=1:exitcode=99:verify_asan_link_order=0:allocator_may_return_null=1",
                "LSAN_OPTIONS": f"suppressions={self.folder / 'suppressions'}:print_suppressions=0",
                "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99"}

    def trial(self, number, mode, status):
        folder = self.folder / "trials" / f"{number}-{mode}"
        said = (self.folder / "trials" / f"{number}-{mode}.err").read_text(errors="replace")
        faults = []
        self.statuses[status] += 1
        if SANITIZER.search(said):
            faults.append("sanitizer: " + SANITIZER.search(said)[0])
        elif status not in (0, 1):
            faults.append(f"status {status}")
        lines = said.strip().splitlines() or [""]
        if status in (1, 2):
            wanted = [line for line in lines if line.startswith(("strata: ", "libgomp: "))]  # OpenMP ends the process itself
            if not wanted or not re.search(WORDS[self.options.kind], wanted[-1]):
                faults.append(f"message: {lines[-1]}")
        for path in folder.rglob("*"):
            why = path.is_file() and partial(path)
            if why:
                faults.append(f"{path.relative_to(folder)}: {why}")
        for name in self.made:
            made = folder / name
            if status == 0 and not made.exists():
                faults.append(f"status 0, but no {name}")
            elif made.exists() and numbers(made) != self.wanted[name]:
                faults.append(f"{name}: other numbers (status {status})")
        begun = folder / "run/checkpoint/run.json"
        if not faults and status == 1 and begun.exists() and self.made == ["run/result.json"]:
            self.seen["stopped"] += 1
            if self.seen["stopped"] % self.options.resume == 0:
                self.resumed += 1
                done = start([self.options.strata, "resume", "run", "--threads", "1", "--quiet"], folder)
                if done.returncode:
                    faults.append(f"resume: status {done.returncode}: {done.stderr[-300:]}")
                elif numbers(folder / "run/result.json") != self.wanted["run/result.json"]:
                    faults.append("resume: other numbers")
        if faults:
            self.faults.append((number, mode, faults))
            print(f"FAULT {self.name} {number},{mode}: {'; '.join(faults)[:400]}", flush=True)
        else:
            for ending in (".err", ".trace"):
                (self.folder / "trials" / f"{number}-{mode}{ending}").unlink()
        shutil.rmtree(folder, ignore_errors=True)

    def run(self):
        prepare(self.options.strata, self.folder / "whole", self.before)
        (self.folder / "trials").mkdir()
        (self.folder / "suppressions").write_text("leak:_dl_\nleak:dl_open_worker\n")  # the loader's own, behind the shim
        counted = start(self.words, self.folder / "whole", self.shim(0, 0))
        if counted.returncode:
            print(f"FAULT {self.name}: status {counted.returncode} without a fault: {counted.stderr[-2000:]}")
            self.faults.append("reference")
            return
        self.wanted = {name: numbers(self.folder / "whole" / name) for name in self.made}
        sites = int((self.folder / "journal").read_text().split()[1])
        (self.folder / "journal").unlink()
        first = min(self.options.first, sites)
        stride = max(1, -(-(sites - first) // self.options.samples)) if self.options.samples else 0
        prepare(self.options.strata, self.folder / "work", self.before)
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OPENBLAS_CORETYPE="Haswell", **self.shim(first, stride))
        environment["PATH"] = os.environ.get("FAULT_PATH", "/nowhere")
        with open(self.folder / "out", "w") as out:
            process = subprocess.Popen(self.words, cwd=self.folder / "work", env=environment, stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out)
        tried = 0
        (self.folder / "journal").touch()
        with open(self.folder / "journal") as journal:
            while True:
                line = journal.readline()
                if line and not line.startswith("count"):
                    tried += 1
                    self.trial(*map(int, line.split()))
                elif not line:
                    try:
                        process.wait(.02)
                        rest = journal.readline()
                        if not rest:
                            break
                        if not rest.startswith("count"):
                            tried += 1
                            self.trial(*map(int, rest.split()))
                    except subprocess.TimeoutExpired:
                        pass
        if process.returncode:
            self.faults.append("parent")
            print(f"FAULT {self.name}: the undisturbed run: {process.returncode}: {(self.folder / 'out').read_text()[-1000:]}")
        print(f"{self.name}: {self.options.kind}: {sites} calls, {tried} faults tried, statuses {dict(self.statuses)}, "
              f"{self.resumed} resumed, {len(self.faults)} wrong", flush=True)


def main():
    parser = argparse.ArgumentParser()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # a fork keeps one thread: no command may start more
    parser.add_argument("strata")
    parser.add_argument("shim")
    parser.add_argument("kind", choices=["memory", "file"])
    parser.add_argument("--first", type=int, default=20)
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--resume", type=int, default=20)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--folder", help="keep what is left of faulty trials here")
    options = parser.parse_args()
    options.strata, options.shim = os.path.abspath(options.strata), os.path.abspath(options.shim)
    root = pathlib.Path(options.folder or tempfile.mkdtemp()).resolve()
    wrong = 0
    for name in options.cases.split(","):
        folder = root / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        case = Case(options, name, folder)
        case.run()
        wrong += len(case.faults)
        for part in ("whole", "work"):
            shutil.rmtree(folder / part, ignore_errors=True)
    if not options.folder:
        shutil.rmtree(root)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
