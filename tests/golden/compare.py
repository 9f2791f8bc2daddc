"""What equal means: for scores, for batches, for instruction sets."""
import contextlib
import os

import numpy as np

from runners import Failure

PROBABILITY = 1e-4  # absolute
SCORE = 2e-4        # of the largest score, where scores are not probabilities
TIE = 1e-6


class Skip(Exception):
    """Ends a test that cannot be run, and says why."""


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    @contextlib.contextmanager
    def case(self, name):
        """A test: fails with Failure, is skipped with Skip, passes otherwise. Yields a list for remarks."""
        remarks = []
        try:
            yield remarks
        except Failure as failure:
            self.failed += 1
            print(f"FAILED  {name}: {failure}", flush=True)
        except Skip as why:
            self.skip(name, why)
        else:
            self.passed += 1
            print(f"ok      {name}{'  ' if remarks else ''}{' '.join(remarks)}", flush=True)

    def skip(self, name, why, count=1):
        self.skipped += count
        print(f"skipped {name}: {why}", flush=True)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return self.failed != 0


def near(got, want, tolerance, what):
    """The largest difference; Failure when it is over the tolerance."""
    if got.shape != want.shape:
        raise Failure(f"{what}: {got.shape[1]} scores, want {want.shape[1]}")
    if not np.array_equal(np.isfinite(got), np.isfinite(want)):
        raise Failure(f"{what}: not a finite number where the other is one")
    worst = 0.0
    if got.size:
        delta = np.abs(np.nan_to_num(got.astype(np.float64)) - np.nan_to_num(want))
        worst = float(delta.max())
        if worst > tolerance:
            row, column = np.unravel_index(delta.argmax(), delta.shape)
            raise Failure(f"{what}: differs by {worst:.3g} (limit {tolerance:.3g}), {(delta > tolerance).sum()} of "
                          f"{delta.size}; [{row}][{column}] is {got[row, column]:.9g}, want {want[row, column]:.9g}")
    return worst


def near_scores(got, want, what):
    """near() for scores of any scale; returns the difference in units of the tolerance."""
    scale = max(1e-3, float(np.abs(np.nan_to_num(want)).max(initial=0)))
    return near(got, want, SCORE * scale, what) / (SCORE * scale)


def same_top(got, want, k, what):
    """The k best are the same and in the same order; those within TIE of each other may swap."""
    for i, (g, w) in enumerate(zip(got, want)):
        mine, theirs = (np.argsort(-scores, kind="stable")[:k] for scores in (g, w))
        for a, b in zip(mine, theirs):
            if a != b and abs(w[a] - w[b]) > TIE:
                raise Failure(f"{what}: picture {i} has {list(map(int, mine))}, want {list(map(int, theirs))}")


def same_best(got, want, what, tie=0):
    """The best score is one of the best of the other: quantised scores are often equal, or within a tie."""
    for i, (g, w) in enumerate(zip(got, want)):
        if w.max() - w[g.argmax()] > tie:
            raise Failure(f"{what}: picture {i} is {g.argmax()}, want {w.argmax()}")


def same_bits(got, want, what):
    if got.shape != want.shape or got.tobytes() != want.tobytes():
        worst = np.abs(got - want).max() if got.shape == want.shape else "another shape"
        raise Failure(f"{what}: not bit for bit, differs by {worst}")


def ways(engine, model, values, isas, batch, threads=(1, 2)):
    """Run the model at each level; a batch must equal single runs bit for bit, on any number of threads.
    Yields (level, scores)."""
    for isa in isas:
        engine.load(model, isa, batch)
        single = engine.run(values)
        for n in threads:
            together = engine.run(values, batch, n)
            same_bits(together, single, f"{isa}, batches of {batch}, {n} threads")
            if n > 1:
                same_bits(engine.run(values[:1], 1, n), single[:1], f"{isa}, batch 1, {n} threads")
        yield isa, single


def sample_folder(build):
    folder = os.path.join(build, "golden")
    os.makedirs(folder, exist_ok=True)
    return os.path.abspath(folder)
