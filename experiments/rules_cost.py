r"""What a training step of each contender costs: multiply-accumulates, counted, and memory of a process that does nothing else.

    python -m synfire.experiments.rules_cost '{"settings": {"backprop": 0, "pc": 2}, "sizes": [784, 256, 10], "batch": 64}'

prints {"backprop": MB, "pc": MB}: the highest resident set in training on one batch less what it was before network, rule and
optimiser were made. It counts weights and the copies that `fit` keeps of them, what the rule keeps and learns, gradients, the
optimiser's state and activities; not libraries or data.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..neurons import SynfireError
from .contenders import CONTENDERS

__all__ = ["costs", "macs", "main"]

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_MAPPED = 65536  # bytes from which an array has pages of its own, which are given back when it is freed


def costs(settings: Mapping[str, int], sizes: Sequence[int], batch: int) -> dict[str, Any]:
    """Of each contender with the setting of this number, by "macs/NAME" and "cost/mb_NAME".

    Memory is NaN where the system does not let a process forget its highest resident set (any but Linux).

    Raises       SynfireError if the process that measures memory fails
    """
    found: dict[str, Any] = {f"macs/{name}": macs(name, setting, sizes, batch) for name, setting in settings.items()}
    return found | {f"cost/mb_{name}": mb for name, mb in _megabytes(settings, sizes, batch).items()}


def macs(name: str, setting: int, sizes: Sequence[int], batch: int) -> float:
    """Multiply-accumulates per sample in the matrix products of one batch's gradients.

    In bfloat16 all products are torch's own, which are counted as they are dispatched. What goes entry by entry, drawing
    and the optimiser's step are left out, as are the lookups of forward-forward's labels.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    from ..plasticity import Batch

    # as torch's FlopCounterMode, which hooks modules too and then refuses a leaf that asks for a gradient
    class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
        flops = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            if (count := flop_registry.get(func._overloadpacket)) is not None:
                self.flops += count(*args, **(kwargs or {}), out_val=made)
            return made

    contender = CONTENDERS[name]
    trainee = contender.build(sizes, 0, contender.settings[setting])
    network = trainee.network.to(torch.bfloat16)
    state = trainee.rule.init(network)
    x, target = _batch(sizes, batch)
    given = Batch(x.to(torch.bfloat16), target)
    with Counter() as counter:  # type: ignore[no-untyped-call]
        trainee.rule.gradients(network, given, state)
    return counter.flops / 2 / batch


def main(asked: dict[str, Any]) -> dict[str, float]:
    """Megabytes of each contender's step, measured here."""
    import torch

    torch.set_num_threads(1)
    found = {}
    for name, setting in asked["settings"].items():
        _step(name, setting, [20, *(8 for _ in asked["sizes"][2:]), 10], 4)  # loads and compiles what this one needs
        given = _batch(asked["sizes"], asked["batch"])
        gc.collect()
        try:
            _RESET.write_text("5")
        except OSError:
            found[name] = float("nan")
            continue
        before = _resident("VmRSS")
        _step(name, setting, asked["sizes"], asked["batch"], given)
        found[name] = _resident("VmHWM") - before
    return found


def _megabytes(settings: Mapping[str, int], sizes: Sequence[int], batch: int) -> dict[str, float]:
    asked = {"settings": dict(settings), "sizes": list(sizes), "batch": batch}
    alone: dict[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    alone |= {"MALLOC_MMAP_THRESHOLD_": str(_MAPPED), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "ignore", "-m", __name__, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **alone})
    if done.returncode != 0:
        raise SynfireError(f"memory of a step could not be measured: {done.stderr.strip().splitlines()[-1:]}")
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def _batch(sizes: Sequence[int], batch: int) -> tuple[Any, Any]:
    import torch

    draw = torch.Generator().manual_seed(0)
    return torch.randn((1, batch, sizes[0]), generator=draw), torch.arange(batch) % sizes[-1]


def _step(name: str, setting: int, sizes: Sequence[int], batch: int, given: tuple[Any, Any] | None = None) -> None:
    """Network, rule and optimiser made, and one batch of training."""
    from ..reservoirs import fit

    contender = CONTENDERS[name]
    made = contender.build(sizes, 0, contender.settings[setting])
    samples = given or _batch(sizes, batch)
    fit(made.network, made.rule, samples, epochs=1, batch=batch, optimisers=made.optimisers, progress=False)


def _resident(which: str) -> float:
    """A resident set of this process, MB: VmRSS as it is, VmHWM the highest since the last reset."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(which))
    return float(line.split()[1]) * 1024.0 / 1e6


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
