"""What the experiment what-when measures, beside the paper's numbers, and which acceptance figures hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .record import Record
from .what_when_task import BLOCKS, Block, recovery

__all__ = ["LEVELS", "end_errors", "measure", "measure_levels", "measure_map", "subspaces"]

Floats = NDArray[np.float64]

LEVELS = tuple(round(0.1 * k, 1) for k in range(11))
PAPER_ERROR = {1: 0.192, 10: 0.136, 50: 0.092, 100: 0.085}


def subspaces(what: Floats, when: Floats) -> tuple[float, float]:
    """Smallest principal angle in degrees, and the largest |cosine| of any two rows; dependent rows are dropped."""
    from scipy.linalg import subspace_angles

    if not (np.isfinite(what).all() and np.isfinite(when).all() and np.any(when) and np.any(what)):
        return float("nan"), float("nan")  # nothing learned yet, or least squares with forgetting diverged
    left, singular, _ = np.linalg.svd(what.T, full_matrices=False)
    span = left[:, singular > 1e-6 * max(singular.max(), 1e-300)]
    rows = [a / max(np.linalg.norm(a), 1e-300) for a in what], [b / max(np.linalg.norm(b), 1e-300) for b in when]
    return float(np.degrees(subspace_angles(span, when.T).min())), float(
        np.abs(np.array(rows[0]) @ np.array(rows[1]).T).max()
    )


def end_errors(errors: Any) -> Floats:
    """Mean error of the last five tests of each block; errors (seeds, blocks, tests) → (seeds, blocks)."""
    return np.asarray(np.array(errors)[..., -5:].mean(axis=-1))


def measure(record: Record, c: str, runs: dict[str, Any], trials: int) -> None:
    """Errors, recovery, peaks and angles of every learner on circuit `c`; `runs` holds a task's arrays per seed."""
    errors = {name: np.array([each["error"] for each in found]) for name, found in runs.items() if found}
    ours = errors["three_factor"]  # (seeds, blocks, trials)
    for k in (k for k in PAPER_ERROR if k <= trials):
        record.metric(f"error_trial{k}_{c}.three_factor", ours[:, 0, k - 1], paper=PAPER_ERROR[k])
        if k > 1:
            relative = ours[:, 0, k - 1] / ours[:, 0, 0]
            record.metric(f"relative_error_trial{k}_{c}.three_factor", relative, paper=PAPER_ERROR[k] / PAPER_ERROR[1])
            most = {"exact": {10: 0.75, 50: 0.50, 100: 0.46}, "closed": {10: 0.80, 50: 0.62, 100: 0.60}}[c][k]
            _says(record, f"relative_error_trial{k}", f"the error after {k} trials is at most {most} of that after one",
                  bool(relative.mean() <= most), f"{relative.mean():.3f}", c)  # fmt: skip
    ends = {name: end_errors(each) for name, each in errors.items()}
    back = {}
    for name, each in errors.items():
        for b in range(len(BLOCKS)):
            record.metric(f"error_end_block{b + 1}_{c}.{name}", ends[name][:, b])
        back[name] = np.array([[recovery(e[b], e[b - 1, -5:].mean()) for b in (1, 2, 3)] for e in each])
        for b in (1, 2, 3):
            note = f"trials; a seed that does not recover within the block counts as {trials + 1}"
            record.metric(
                f"trials_to_recover_block{b + 1}_{c}.{name}",
                np.nan_to_num(back[name][:, b - 1], nan=trials + 1.0),
                note=note,
            )
    us, force, reset = (ends[name] for name in ("three_factor", "force_merged_no_reset", "force_merged_reset"))
    if c == "exact":
        recovered = back["three_factor"] <= 50
        _says(record, "recovers", "three-factor is back at 1.25 times its error before each switch within 50 trials",
              bool(np.all(recovered)), f"at {recovered.mean():.0%} of switches", c)  # fmt: skip
        early = errors["force_merged_no_reset"][:, 0, :5].mean(), ours[:, 0, :5].mean()
        _says(record, "force_first", "FORCE is better in the first five trials",
              bool(early[0] < early[1]), f"{early[0]:.3f} against {early[1]:.3f}", c)  # fmt: skip
        _says(record, "force_reset", "FORCE with reset ends blocks 2 and 3 below FORCE without",
              bool((reset[:, 1:3].mean(0) < force[:, 1:3].mean(0)).all()), _beside(reset[:, 1:3], force[:, 1:3]), c)  # fmt: skip
    claim, share = {
        "exact": ("at the end of blocks 2 and 3 at most half of FORCE's error without reset", 0.5),
        "closed": ("at the end of blocks 2 and 3 below FORCE without reset", 1.0),
    }[c]
    below = us[:, 1:3].mean(0) <= share * force[:, 1:3].mean(0)
    _says(record, "against_force", claim, bool(below.all()), _beside(us[:, 1:3], force[:, 1:3]), c)
    later = min(50, trials) - 1
    left = (ours[:, 1:, later].mean(0) / ours[:, 1:, 0].mean(0)).max()
    _says(record, "relearns", f"{later + 1} trials after each switch the error is at most half of that after one",
          bool(left <= 0.5), f"{left:.2f} of it at the worst switch", c)  # fmt: skip
    merged, early = ends["merged"][:, 1:3], (errors["merged"][:, 1:3, :10].mean(), ours[:, 1:3, :10].mean())
    _says(record, "merged", "one merged readout ends blocks 2 and 3 worse than the product",
          bool((merged.mean(0) > us[:, 1:3].mean(0)).all()),
          f"{_beside(merged, us[:, 1:3])}; over the first ten trials {early[0]:.3f} against {early[1]:.3f}", c)  # fmt: skip
    sizes = np.array([each["amplitude"] for each in runs["three_factor"]]).mean(axis=0)
    ordered = [(a > b) == (block.p_a > 0.5) for (a, b), block in zip(sizes, BLOCKS, strict=True)]
    _says(record, "ordered", "after every block the more probable event is expected more strongly",
          all(ordered), "; ".join(f"A {a:.2f}, B {b:.2f}" for a, b in sizes), c)  # fmt: skip
    halves = ours[:, 0, trials // 2 : trials // 2 + 5].mean(), ours[:, 0, -5:].mean()
    _says(
        record,
        "flattens",
        "the error has fallen by half a block and changes little after",
        bool(halves[0] < 0.7 * ours[:, 0, 0].mean() and abs(halves[0] - halves[1]) < 0.25 * ours[:, 0, 0].mean()),
        f"{halves[0]:.3f}, then {halves[1]:.3f}",
        c,
    )
    offsets = np.array(
        [[_offset(each["peak"][b], BLOCKS[b]) for b in range(len(BLOCKS))] for each in runs["three_factor"]]
    )
    record.metric(
        f"peak_offset_{c}.three_factor",
        np.nanmax(offsets, axis=1),
        note="ms, the worst channel with p >= 0.2 of any block",
    )
    worst = np.nanmax(offsets, axis=1)
    _says(record, "peaks", "a seed's worst peak lies within 20 ms of its latency, on average over seeds",
          bool(worst.mean() <= 20.0),
          f"{worst.mean():.0f} ms; worst of all {worst.max():.0f}, median {np.nanmedian(offsets):.0f}", c)  # fmt: skip
    angles, cosines = (np.array([each[k] for each in runs["three_factor"]]) for k in ("angle", "cosine"))
    record.metric(f"smallest_angle_{c}.three_factor", angles.min(axis=1), note="degrees, over blocks")
    record.metric(f"largest_cosine_{c}.three_factor", cosines.max(axis=1))
    _says(
        record,
        "orthogonal",
        "what and when are at least 80 degrees apart",
        bool(angles.min(axis=1).mean() >= 80.0),
        f"{angles.min():.1f} degrees at worst",
        c,
    )


def measure_levels(record: Record, c: str, amplitudes: Any) -> None:
    """Pearson r of amplitude with probability, per seed; `amplitudes` (seeds, 11, 2)."""
    r = np.array([[np.corrcoef(LEVELS, each[:, k])[0, 1] for k in (0, 1)] for each in amplitudes])
    record.metric(
        f"amplitude_r_a_{c}.three_factor", r[:, 0], paper=0.978, note="Pearson r with p(A) over eleven levels"
    )
    record.metric(
        f"amplitude_r_b_{c}.three_factor", r[:, 1], paper=-0.989, note="Pearson r with p(A) over eleven levels"
    )
    _says(
        record,
        "amplitude",
        "r(A) >= 0.95 and r(B) <= -0.95",
        bool(r[:, 0].mean() >= 0.95 and r[:, 1].mean() <= -0.95),
        f"{r[:, 0].mean():.3f}, {r[:, 1].mean():.3f}",
        c,
    )


def measure_map(record: Record, c: str, found: Any) -> None:
    """Whether the axes of the map of readout weights order probability and latency, and switches follow it."""
    from scipy.stats import spearmanr

    points = found["points"]
    rho = np.abs(
        [[spearmanr(points[:, axis], found[name]).statistic for name in ("probability", "latency")] for axis in (0, 1)]
    )
    straight = rho[0, 0] + rho[1, 1] >= rho[0, 1] + rho[1, 0]
    by_probability, by_latency = (rho[0, 0], rho[1, 1]) if straight else (rho[1, 0], rho[0, 1])
    order = "PC1 probability, PC2 latency" if straight else "swapped: PC1 latency, PC2 probability"
    record.metric(f"map_spearman_probability_{c}.three_factor", [by_probability], note=order)
    record.metric(f"map_spearman_latency_{c}.three_factor", [by_latency], note=order)
    _says(
        record,
        "map_axes",
        "one axis of the map orders probability, the other latency (|rho| >= 0.8)",
        bool(min(by_probability, by_latency) >= 0.8),
        f"{by_probability:.2f}, {by_latency:.2f}; {order}",
        c,
    )
    path, steps = found["path"], len(found["path"]) // len(BLOCKS)
    falls = []
    for b in (1, 2, 3):
        same = (found["probability"] == BLOCKS[b].p_a) & (found["latency"] == BLOCKS[b].t_a)
        away = np.linalg.norm(path[b * steps - 1 : (b + 1) * steps] - points[same].mean(axis=0), axis=1)
        falls.append(1.0 - away[-1] / away[0])
    record.metric(
        f"map_distance_fall_{c}.three_factor",
        [min(falls)],
        note="share of the distance to the matching condition, the worst switch",
    )
    _says(
        record,
        "map_distance",
        "after a switch the distance to the matching condition falls by half",
        bool(min(falls) >= 0.5),
        ", ".join(f"{f:.2f}" for f in falls),
        c,
    )


def _offset(peaks: Floats, block: Block) -> float:
    """ms between peak and latency, the worst channel with p >= 0.2; a channel that shows nothing counts as 1,000."""
    found = [
        abs(peak - t) for peak, t, p in zip(peaks, block.latencies, block.probabilities, strict=True) if p >= 0.199
    ]
    return float(np.nan_to_num(found, nan=1000.0).max())


def _beside(a: Floats, b: Floats) -> str:
    return ", ".join(f"{x:.3f} against {y:.3f}" for x, y in zip(a.mean(0), b.mean(0), strict=True))


def _says(record: Record, name: str, claim: str, holds: bool, detail: str, circuit: str) -> None:
    record.check(f"{name}_{circuit}", f"{claim} ({circuit})", holds, detail)
