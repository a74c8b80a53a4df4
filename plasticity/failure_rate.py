"""How often synapses may fail before a neuron notices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neurons import InvalidValue
from ..neurons.parameters import as_numbers

__all__ = ["optimal_failure_rate"]


def optimal_failure_rate(p: Any) -> NDArray[np.float64]:
    """The share of failures that is best for energy: the sum over synapses then tells no more than the axon can pass on.

        f = 4^-H(p),   H(p) = -p log2(p) - (1 - p) log2(1 - p)

    Many synapses whose inputs are active with probability p leave about 1/2 log2(1/f) bits about the number of active
    inputs in the number of releases, whatever the number of synapses. Fewer failures than where this is H(p) cost releases
    that the output cannot tell of; more of them lose information faster than they save.

    Parameters   p   probability of a spike in a step, of the inputs and of the neuron, in (0, 1); a number or an array
    Returns      f, of p's shape; the matching `ProbabilisticRelease` has release = 1 - f
    Raises       InvalidValue
    Source       Levy & Baxter 2002, doi:10.1523/JNEUROSCI.22-11-04746.2002 (its abstract; the argument above is ours)
    Deviations   none from the formula, which is one for sparse activity. Where the two informations are equal in truth, for
                 many inputs, f = (1 - p) q / (1 - p q) with q = 4^-H(p): 1.5 % below it at p = 0.05, 43 % at 0.5
    """
    legal = "a probability above 0 and below 1"
    number = as_numbers("optimal_failure_rate: p", p, legal)
    if not ((number > 0.0) & (number < 1.0)).all():
        raise InvalidValue("optimal_failure_rate: p", p, legal)
    entropy = -number * np.log2(number) - (1.0 - number) * np.log2(1.0 - number)
    failure: NDArray[np.float64] = 4.0**-entropy
    return failure
