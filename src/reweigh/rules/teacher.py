"""The teacher's network: from surface, states, label and clean class means to one weight between 0 and 1."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.rules.clean_means import RELATIONS, Means, attention, relations, similarities
from reweigh.rules.learned import between_0_and_1, home, linear
from reweigh.rules.surface import NAMES

_SHARPNESS = 5.0
_FAR = 1e15  # beyond it squares add up to more than float32 holds


class Teacher(nn.Module):
    """Everything it is told side by side, one hidden layer, a sigmoid.

    Args:
        classes: C.
        widths: of the internal states.
        width: of each state's projection and of the labels' embedding.
        hidden: of the hidden layer.
        surface, internal, interaction: what is told.
    """

    def __init__(
        self,
        classes: int,
        widths: list[int],
        width: int,
        hidden: int,
        *,
        surface: bool,
        internal: bool,
        interaction: bool,
    ) -> None:
        super().__init__()
        self.widths = widths
        self.labels = nn.Embedding(classes, width, dtype=torch.float32, device=home())
        size = width + (len(NAMES) if surface else 0)
        if internal:
            self.projections = nn.ModuleList(linear(w, width) for w in widths)
            size += width * len(widths)
        if interaction:
            self.sharpness = nn.Parameter(torch.full((len(widths),), _SHARPNESS, dtype=torch.float32, device=home()))
            size += (RELATIONS + width) * len(widths)
        self.internal, self.interaction = internal, interaction
        self.hidden, self.output = linear(size, hidden), linear(hidden, 1)

    def forward(
        self, surface: Tensor | None, labels: Tensor, states: list[Tensor], means: list[Means] | None
    ) -> Tensor:
        """Weights (B,) between 0 and 1."""
        told = [self.labels(labels)] + ([] if surface is None else [surface])
        for i, state in enumerate(states):
            if self.internal:
                told.append(torch.tanh(self.projections[i](F.layer_norm(state.clamp(-_FAR, _FAR), state.shape[1:]))))
            if self.interaction and means is not None:
                cosines = similarities(state, means[i])
                shares = attention(cosines, means[i], self.sharpness[i])
                told += [relations(cosines, shares, labels), shares @ self.labels.weight]
        score: Tensor = self.output(torch.tanh(self.hidden(torch.cat(told, 1))))
        return between_0_and_1(score[:, 0])

    def check_widths(self, widths: list[int]) -> None:
        """Whether a student shows states that this teacher can read.

        Raises:
            BadInput: if it does not.
        """
        if len(self.widths) != len(widths) and widths:
            raise BadInput(
                f"the teacher was trained on {len(self.widths)} internal states but this student shows {len(widths)}: name "
                "as many with states="
            )
        if self.internal and self.widths != widths:
            raise BadInput(
                f"the teacher reads states of widths {self.widths} but this student's are {widths}: a teacher for other "
                "widths must be trained with internal=False (interaction and surface fit any width)"
            )
