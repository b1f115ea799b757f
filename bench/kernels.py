#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Strata's kernels against NumPy and scikit-learn: the same matrices and fits on the same numbers.

usage: kernels.py LIBSTRATA.so [--case NAME]... [--rounds N] [--threads N] [--json]

Both sides run in processes of their own, in turn, for several rounds, on all threads. A side's figure is the median over
rounds; its spread runs from the least to the greatest. A row is void unless both results agree to 1e-8 of their largest
entry. Both sides get the BLAS kernels that fit the CPU (OPENBLAS_CORETYPE), as `strata` gives itself.
"""
import argparse
import ctypes
import gzip
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

from numpy_cntk import cntk_gram

TOLERANCE = 1e-8
FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")


# ---- the library

class KernelOptions(ctypes.Structure):
    _fields_ = [("image", ctypes.POINTER(ctypes.c_size_t)), ("threads", ctypes.c_size_t)]


class FitOptions(ctypes.Structure):
    _fields_ = [("ridges", ctypes.POINTER(ctypes.c_double)), ("ridge_count", ctypes.c_size_t), ("jitter", ctypes.c_double)]


class Shape(ctypes.Structure):
    _fields_ = [("task", ctypes.c_int), ("rows", ctypes.c_size_t), ("inputs", ctypes.c_size_t),
                ("targets", ctypes.c_size_t), ("classes", ctypes.c_size_t)]


class LearnerOptions(ctypes.Structure):
    _fields_ = [("settings", ctypes.POINTER(ctypes.c_char_p)), ("seed", ctypes.c_uint64), ("replicate", ctypes.c_uint64)]


class Library:
    def __init__(self, path, threads):
        self.library, self.threads = ctypes.CDLL(path), threads
        self.library.strata_context_message.restype = ctypes.c_char_p
        self.context = ctypes.c_void_p()
        self.library.strata_context_create(ctypes.byref(self.context))

    def __call__(self, name, *arguments):
        if getattr(self.library, name)(self.context, *arguments) != 0:
            sys.exit(f"{name}: {self.library.strata_context_message(self.context).decode()}")

    def kernel(self, text, x, image=None):
        kernel = ctypes.c_void_p()
        options = KernelOptions((ctypes.c_size_t * 3)(*image) if image else None, self.threads)
        self("strata_kernel_create", text.encode(), ctypes.byref(options), ctypes.c_size_t(len(x)),
             ctypes.c_size_t(x.shape[1]), pointer(x), ctypes.byref(kernel))
        return kernel


def pointer(array, kind=ctypes.c_double):
    return array.ctypes.data_as(ctypes.POINTER(kind))


def strata_gram(library, kernel, x):
    out = numpy.empty((len(x), len(x)))
    library("strata_kernel_gram", kernel, ctypes.c_size_t(len(x)), pointer(x), ctypes.c_size_t(len(x)), pointer(x), pointer(out))
    return out


def strata_ridge(library, text, x, y, z, ridges):
    kernel, fit = library.kernel(text, x), ctypes.c_void_p()
    values = numpy.asarray(ridges, dtype=float)
    options = FitOptions(pointer(values), len(values), 0.0)
    mean = numpy.empty((len(z), y.shape[1]))
    library("strata_kernel_fit_create", kernel, ctypes.byref(options), ctypes.c_size_t(len(x)), pointer(x),
            ctypes.c_size_t(y.shape[1]), pointer(y), ctypes.byref(fit))
    library("strata_kernel_fit_predict", fit, ctypes.c_size_t(len(z)), pointer(z), pointer(mean), None)
    library.library.strata_kernel_fit_destroy(fit)
    library.library.strata_kernel_destroy(kernel)
    return mean


# ---- the rivals

def numpy_ntk(x, layers, bias, block=256):
    """ReLU tangent kernel of weight variance 2; blocks of rows that stay in cache, every pass in place."""
    n, d = x.shape
    out = numpy.empty((n, n))
    diagonal = 2 / d * numpy.einsum("ij,ij->i", x, x) + bias
    for first in range(0, n, block):
        rows = slice(first, min(first + block, n))
        s = x[rows] @ x.T
        s *= 2 / d
        s += bias
        t, a, b = s.copy(), diagonal[rows, None], diagonal[None, :]
        for _ in range(layers):
            root = a * b
            root -= s * s
            numpy.maximum(root, 0, out=root)
            numpy.sqrt(root, out=root)
            slope = numpy.arctan2(root, s)
            slope *= -1 / numpy.pi
            slope += 1
            root *= 1 / numpy.pi
            s *= slope
            s += root
            s += bias
            t *= slope
            t += s
            a, b = a + bias, b + bias
        out[rows] = t
    numpy.fill_diagonal(out, (layers + 1) * (diagonal - bias) + (layers + 1) * (layers + 2) / 2 * bias)
    return out


def normals(seed, *shape):
    return numpy.random.default_rng(seed).standard_normal(shape)


RIDGE = 1e-4
PATH = list(numpy.logspace(-8, 1, 20))
TEXT = "rbf(bandwidth=7)"


def ridge_data():
    x, z = normals(1, 8000, 50), normals(2, 2000, 50)
    return x, numpy.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3], z


def ntk_strata(library):
    x = normals(1, 4000, 50)
    kernel = library.kernel("ntk(layers=3, bias_variance=0.1)", x)
    return lambda: strata_gram(library, kernel, x)


def ntk_numpy():
    x = normals(1, 4000, 50)
    return lambda: numpy_ntk(x, 3, 0.1)


def ridge_strata(library):
    x, y, z = ridge_data()
    return lambda: strata_ridge(library, TEXT, x, y, z, [RIDGE])


def path_strata(library):
    x, y, z = ridge_data()
    return lambda: strata_ridge(library, TEXT, x, y, z, PATH)


def ridge_sklearn():
    from sklearn.kernel_ridge import KernelRidge

    x, y, z = ridge_data()
    return lambda: KernelRidge(alpha=RIDGE, kernel="rbf", gamma=1 / (2 * 49)).fit(x, y).predict(z).reshape(len(z), -1)


def cntk_strata(library):
    x = normals(1, 64, 3 * 16 * 16)
    kernel = library.kernel("cntk(layers=4)", x, (3, 16, 16))
    return lambda: strata_gram(library, kernel, x)


def cntk_numpy():
    x = normals(1, 64, 3, 16, 16)
    return lambda: cntk_gram(x, 4)


CASES = {  # name: (ours, theirs or None, least quotient theirs / ours)
    "ntk_gram": (ntk_strata, ntk_numpy, 3.0, "3-layer ReLU NTK Gram matrix, n = 4,000, d = 50"),
    "rbf_ridge": (ridge_strata, ridge_sklearn, 1.0, "RBF ridge, fit and predict, n = 8,000, d = 50"),
    "cntk_gram": (cntk_strata, cntk_numpy, 20.0, "CNTK of 64 pictures 16 x 16 x 3, 4 layers, average pooling"),
}
PATH_BOUND = 12.0


# ---- one process of one side

def worker(options):
    library = Library(options.library, options.threads)
    if options.worker == "falkon":
        return print(json.dumps(falkon(library)))
    ours, theirs = CASES[options.case[0]][:2] if options.case[0] != "path" else (path_strata, None)
    run = ours(library) if options.worker == "ours" else theirs()
    if options.case[0] == "ntk_gram":
        run()  # warm
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    numpy.save(options.output, result)
    return print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


# ---- sixty thousand rows

def idx(path, skip):
    return numpy.frombuffer(gzip.open(path).read(), numpy.uint8, offset=skip)


def pictures(folder, part, count):
    x = idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(count, 784).astype(numpy.float32) / 255
    return x, idx(folder / f"{part}-labels-idx1-ubyte.gz", 8).astype(numpy.float32).reshape(count, 1)


def dataset(library, x, y):
    made, shape = ctypes.c_void_p(), Shape(2, len(x), x.shape[1], 1, 10)
    library("strata_dataset_create", ctypes.byref(shape), pointer(x, ctypes.c_float), pointer(y, ctypes.c_float), ctypes.byref(made))
    return made


def falkon(library):
    if not FASHION_MNIST.is_dir():
        sys.exit(f"{FASHION_MNIST}: missing; install dataset-fashion-mnist")
    train, test = pictures(FASHION_MNIST, "train", 60000), pictures(FASHION_MNIST, "t10k", 10000)
    texts = [b"solver.centres=5000", b"kernel.name=rbf", b"kernel.memory_mb=2048", f"solver.threads={library.threads}".encode(), None]
    options = LearnerOptions((ctypes.c_char_p * len(texts))(*texts), 1, 1)
    data, held_out = dataset(library, *train), dataset(library, *test)
    learner, error = ctypes.c_void_p(), ctypes.c_double()
    library("strata_learner_create", b"falkon", ctypes.byref(options), data, ctypes.byref(learner))
    start = time.perf_counter()
    library("strata_learner_fit", learner, None, None)
    fitted = time.perf_counter()
    library("strata_learner_test_error", learner, held_out, ctypes.byref(error))
    return {"seconds": fitted - start, "predict_seconds": time.perf_counter() - fitted, "error": error.value,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


# ---- all

def core_type():
    """As `strata` does for an OpenBLAS older than the CPU; nothing for one that knows it."""
    core = ctypes.CDLL("libopenblas.so.0").openblas_get_corename
    core.restype = ctypes.c_char_p
    if core() not in (b"Prescott", b"Core2"):
        return {}
    flags = next((line for line in open("/proc/cpuinfo", encoding="ascii") if line.startswith("flags")), "").split()
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= set(flags):
        return {"OPENBLAS_CORETYPE": "SkylakeX"}
    return {"OPENBLAS_CORETYPE": "Haswell"} if {"avx2", "fma"} <= set(flags) else {}


def process(options, side, case, output="/dev/null"):
    command = [sys.executable, __file__, options.library, "--worker", side, "--case", case, "--threads", str(options.threads), "--output", output]
    environment = {**core_type(), **os.environ, "OPENBLAS_NUM_THREADS": str(options.threads)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    if result.returncode != 0:
        sys.exit(f"{case}, {side}: status {result.returncode}\n{result.stderr}")
    return json.loads(result.stdout)


def summary(times):
    return {"median": statistics.median(times), "least": min(times), "greatest": max(times)}


def compare(options, case, folder):
    times = {"ours": [], "theirs": []}
    for _ in range(options.rounds):
        for side, found in times.items():
            found.append(process(options, side, case, f"{folder}/{side}.npy")["seconds"])
    ours, theirs = (numpy.load(f"{folder}/{side}.npy") for side in times)
    difference = float(numpy.abs(ours - theirs).max() / numpy.abs(theirs).max())
    row = {"case": case, "what": CASES[case][3], "ours": summary(times["ours"]), "theirs": summary(times["theirs"]),
           "difference": difference, "bound": CASES[case][2]}
    row["quotient"] = row["theirs"]["median"] / row["ours"]["median"]
    row["verdict"] = "void" if difference > TOLERANCE else "met" if row["quotient"] >= row["bound"] else "missed"
    if case == "rbf_ridge":
        row["path"] = summary([process(options, "ours", "path", f"{folder}/path.npy")["seconds"] for _ in range(options.rounds)])
        row["path_quotient"] = row["path"]["median"] / row["ours"]["median"]
        row["path_verdict"] = "met" if row["path_quotient"] <= PATH_BOUND else "missed"
    return row


def show(row):
    if row["case"] == "falkon":
        print(f"falkon: n = 60,000, 10 classes, 5,000 centres: {row['seconds']:.0f} s, peak {row['peak_mb']:.0f} MiB, "
              f"test error {100 * row['error']:.1f} % (at most 300 s, 4096 MiB: {row['verdict']})")
        return
    ours, theirs = row["ours"], row["theirs"]
    print(f"{row['case']}: {row['what']}\n  strata {ours['median']:.3f} s [{ours['least']:.3f}, {ours['greatest']:.3f}], "
          f"rival {theirs['median']:.3f} s [{theirs['least']:.3f}, {theirs['greatest']:.3f}]: {row['quotient']:.1f} times, "
          f"at least {row['bound']:g}: {row['verdict']}; results differ by {row['difference']:.0e}")
    if "path" in row:
        print(f"  20 ridges by leave-one-out: {row['path']['median']:.1f} s, {row['path_quotient']:.1f} times one fit, "
              f"at most {PATH_BOUND:g}: {row['path_verdict']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--case", action="append", choices=[*CASES, "falkon", "path"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", choices=["ours", "theirs", "falkon"], help=argparse.SUPPRESS)
    parser.add_argument("--output", default="/dev/null", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker(options)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for case in options.case or [*CASES, "falkon"]:
            if case == "falkon":
                row = {"case": "falkon", **process(options, "falkon", "falkon")}
                row["verdict"] = "met" if row["seconds"] <= 300 and row["peak_mb"] <= 4096 else "missed"
            else:
                row = compare(options, case, folder)
            rows.append(row)
            if not options.json:
                show(row)
    if options.json:
        print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
