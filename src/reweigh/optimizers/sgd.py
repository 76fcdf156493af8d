"""SGD: momentum, dampening, Nesterov, weight decay, maximize.

g̃ = ±g + λθ      b' = μ·b + (1 − τ)·g̃ (at the first step b' = g̃)      θ' = θ − η·(g̃ + μ·b' if Nesterov else b')
"""

from torch import Tensor

from reweigh.optimizers.update import Bar, Group, State, Update, signed, with_decay

BUFFER = "momentum_buffer"


class Sgd(Update):
    """`torch.optim.SGD`. Going back reads whether there was a buffer, and no value."""

    def moved(self, p: Tensor, g: Tensor, group: Group, state: State) -> Tensor:
        """η times the velocity."""
        lr, mu = group["lr"], group["momentum"]
        g = velocity = with_decay(p, g, group)
        if mu != 0 and state.get(BUFFER) is not None:
            velocity = mu * state[BUFFER] + _share(group, state) * g
        moved: Tensor = lr * (g + mu * velocity if group["nesterov"] else velocity)  # which needs a momentum
        return moved

    def back(
        self, p: Tensor, g: Tensor, group: Group, state: State, after: Bar, *, cold: bool = False
    ) -> tuple[Tensor, Bar]:
        """Linear in g and in the buffer, so none of their values is needed."""
        mu = group["momentum"]
        moved = -group["lr"] * after.p
        if mu == 0:
            entered, before = moved, {}
        else:
            buffer = mu * moved if group["nesterov"] else moved
            if BUFFER in after.state:
                buffer = buffer + after.state[BUFFER]
            share = _share(group, state)
            entered = buffer if share == 1 else share * buffer
            if group["nesterov"]:
                entered = entered + moved
            before = {} if state.get(BUFFER) is None else {BUFFER: mu * buffer}
        decay = group["weight_decay"]
        return signed(entered, group), Bar(after.p + decay * entered if decay else after.p, before)


def _share(group: Group, state: State) -> float:
    """How much of g enters the buffer: at the first step torch starts it at the gradient itself, undampened."""
    return 1.0 if state.get(BUFFER) is None else 1.0 - float(group["dampening"])
