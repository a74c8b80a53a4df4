r"""What a batch costs one rule as sequences grow: time, and peak memory of a process that does nothing else.

    python -m synfire.experiments.snn_training_cost \
        '{"rule": "bptt", "hidden": 100, "recurrent": false, "batch": 128, "times": [25, 50]}'

prints {"seconds": [...], "megabytes": [...]}, one for each length. Memory is the highest resident set so far less what it was
after a batch of two steps, so it counts what torch, NumPy and compiled code hold alike, and neither libraries nor the data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..neurons import SynfireError

__all__ = ["cost", "main"]

SPIKING = 0.05  # of the inputs, at each step
REPEATS = 3


def cost(rule: str, hidden: int, recurrent: bool, batch: int, times: tuple[int, ...]) -> dict[str, Any]:
    """Costs of a rule, measured in a process of its own, with one thread. Raises SynfireError if that process fails."""
    asked = {"rule": rule, "hidden": hidden, "recurrent": recurrent, "batch": batch, "times": sorted(times)}
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    environment = {**os.environ, **one_thread, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "ignore", "-m", __name__, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise SynfireError(f"the cost of {rule} could not be measured: {done.stderr.strip().splitlines()[-1:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return {f"cost/{name}": values for name, values in found.items()}


def main(asked: dict[str, Any]) -> dict[str, list[float]]:
    """The costs, measured here."""
    import torch

    from ..plasticity import Batch
    from .snn_training_rules import CLASSES, RULES, network_of

    torch.set_num_threads(1)
    scale = 0.2 if asked["recurrent"] else None
    network = network_of(64, asked["hidden"], recurrent=scale, tau_m=20.0, tau_readout=20.0, seed=0)
    draw = torch.Generator().manual_seed(0)
    x = torch.rand((max(asked["times"]), asked["batch"], 64), generator=draw) < SPIKING
    target = torch.randint(0, CLASSES, (asked["batch"],), generator=draw)

    def run(steps: int) -> float:
        rule = RULES[asked["rule"]](steps, 0)
        state = rule.init(network)
        began = time.perf_counter()
        rule.gradients(network, Batch(x[:steps], target), state)
        return time.perf_counter() - began

    run(2)
    before = _highest()
    seconds, megabytes = [], []
    for steps in asked["times"]:
        seconds.append(min(run(steps) for _ in range(REPEATS)))
        megabytes.append(_highest() - before)
    return {"seconds": seconds, "megabytes": megabytes}


def _highest() -> float:
    """The largest resident set of this process so far, MB.

    Linux's own counter begins anew with a program; `getrusage` would begin at the size of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) * 1024.0 / 1e6
    import resource

    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
