"""The learning rate as a function of the step: nothing is remembered, so a resumed run goes on as it would have."""

import math

SCHEDULES = ("constant", "step", "cosine", "inverse-sqrt")


def learning_rate(kind: str, base: float, step: int, steps: int, warm_up: int = 0) -> float:
    """The learning rate of step `step` (from 0) of `steps`, of which it rises from 0 to `base` over the first `warm_up`.

    "step" divides by 10 at 1/2 and again at 3/4 of the way, as the L2RW paper does for ResNet-32 (40k and 60k
    of 80k steps); "cosine" goes from `base` to 0 along half a cosine; "inverse-sqrt" falls as one over the root of the steps
    (Vaswani et al., 2017).
    """
    if step < warm_up:
        return base * (step + 1) / warm_up
    if kind == "inverse-sqrt":
        return base * math.sqrt(max(warm_up, 1) / (step + 1))
    done = (step - warm_up) / (steps - warm_up)
    if kind == "step":
        return base * (0.01 if done >= 0.75 else 0.1 if done >= 0.5 else 1.0)
    if kind == "cosine":
        return base * (1 + math.cos(math.pi * done)) / 2
    return base
