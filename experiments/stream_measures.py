"""How alike a network and the stream that runs against it are: activities by CKA, weights by their cosine."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["alikeness", "linear_cka"]


def linear_cka(a: Any, b: Any) -> float:
    """Linear centred kernel alignment of activities (samples, features) and (samples, others), 0 to 1; NaN where one is constant.

        |A'B|² / (|A'A| |B'B|)        A, B: columns less their means; |.|: Frobenius norm

    Source       Kornblith et al. 2019, arXiv 1905.00414
    Deviations   none
    """
    a, b = (each - each.mean(0) for each in (np.asarray(a, np.float64), np.asarray(b, np.float64)))
    scale = np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    return float(np.linalg.norm(a.T @ b) ** 2 / scale) if scale > 0.0 else float("nan")


def alikeness(network: Any, rule: Any, state: Any, batch: Any) -> dict[str, Any]:
    """Of the two streams of counter-current learning, level by level.

    Returns      cka        (levels,), from the input up, on the batch, its labels given to the feedback stream
                 alignment  (layers,): cosine of the weights U_l and those that lead back, V_l', from the input up
    """
    import torch
    from torch.nn import functional

    from ..plasticity import levels_of

    stream = rule.learned(state)
    classes = network.layers[-1].n_out
    teacher = functional.one_hot(batch.target, classes).to(batch.x.dtype)[None]
    levels = levels_of(network, stream, batch.x, teacher)
    ahead = [value for name, value in network.named_parameters() if name.endswith("weight")]
    back = [value for name, value in stream.named_parameters() if name.endswith("weight")][::-1]
    with torch.no_grad():
        cosines = [
            float(functional.cosine_similarity(u.flatten(), v.T.flatten(), dim=0))
            for u, v in zip(ahead, back, strict=True)
        ]
    return {"cka": np.array([linear_cka(a, b) for a, b in levels]), "alignment": np.array(cosines)}
