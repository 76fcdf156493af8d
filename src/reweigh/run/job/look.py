"""What a student says of examples, and in which state it says it: the features in which examples are near to each other."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.rules.materials import ByRows
from reweigh.run.job.evaluate import finite
from reweigh.states import usual_places, watching

_AT_ONCE = 1000


def look(student: nn.Module, asked: Sequence[tuple[ByRows, Tensor]]) -> tuple[Tensor, Tensor]:
    """Of examples at rows, n in all: outputs (n, K), and states (n, D) before the last layer, in eval mode, on the CPU.

    Of a model of somebody's own, without a layer that we know, the outputs are the state.

    Raises:
        BadInput: if an output is not finite.
    """
    try:
        places = usual_places(student)[-1:]
    except BadInput:
        places = []
    student.eval()
    device = next((p.device for p in student.parameters()), torch.device("cpu"))
    said, states = list[Tensor](), list[Tensor]()
    for examples, rows in asked:
        for part in rows.split(_AT_ONCE):
            with watching(student, places) as seen, torch.no_grad():
                outputs = finite(student(examples.batch(part)["x"].to(device))).double().cpu()
            said.append(outputs)
            states.append(torch.cat([seen.states[place].double().cpu() for place in places], 1) if places else outputs)
    return torch.cat(said), torch.cat(states)
