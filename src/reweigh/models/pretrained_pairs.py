"""A Hugging Face encoder-decoder, by name or path: `hf:Helsinki-NLP/opus-mt-de-en`, `hf:./mine`.

It comes with all that it has learnt, and goes on learning. Code that a model brings along is never run. Texts are written
by its own `generate`, greedily or by beams.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.hub import quiet
from reweigh.models.pretrained import GIVE, hugging_face


class PretrainedPairs(nn.Module):
    """Source tokens (B, S) and the target's tokens before each position (B, T) -> logits (B, T, V).

    Args:
        network: the model.
        padding: the token that fills sources up.
        first: the token that a target has to begin with; None where any may come first.
    """

    def __init__(self, network: nn.Module, padding: int = 0, first: int | None = None) -> None:
        super().__init__()
        self.network: Any = network
        self.padding, self._first = padding, first
        most = getattr(self.network.config, "max_position_embeddings", None)
        self._most = None if most is None else int(most) - 1

    def forward(self, source: Tensor, given: Tensor) -> Tensor:
        """Logits (B, T, V) of the token at each position."""
        found = self.network(
            input_ids=source, attention_mask=self._keep(source), decoder_input_ids=given, use_cache=False
        )
        logits: Tensor = found.logits
        return logits

    @torch.no_grad()
    def write_texts(self, source: Tensor, beam: int, most: int) -> Tensor:
        """What it makes of sources (B, S), at most `most` tokens each: (B, T), from the start to the end and beyond."""
        manner = copy.deepcopy(self.network.generation_config)
        manner.num_beams, manner.do_sample, manner.forced_bos_token_id = beam, False, self._first
        manner.max_new_tokens = most if self._most is None else min(most, self._most)
        with quiet():  # that a length is set twice is meant
            found: Tensor = self.network.generate(source, generation_config=manner, attention_mask=self._keep(source))
        return found

    def _keep(self, source: Tensor) -> Tensor:
        keep = source != self.padding
        return (keep | ~keep.any(1, keepdim=True)).long()  # attention over nothing is NaN


def pretrained_pairs(
    name: str, classes: int, *, padding: int, start: int, end: int, before_target: Sequence[int] = (), **_: Any
) -> PretrainedPairs:
    """The encoder-decoder `name`, a folder or a name on the Hugging Face hub, in float32.

    Args:
        name: as said.
        classes: the logits V that are needed.
        padding: the token that fills texts up.
        start: the token that stands before a target.
        end: the token that ends one.
        before_target: tokens with which each target begins.

    Raises:
        BadInput: if there is no such model, it is of another kind or size, or puts something else before a target.
        MissingExtra: if transformers is not installed.
    """
    complaint = f"{name} cannot be had as a Hugging Face model that makes one text of another"
    with hugging_face(complaint, GIVE, TypeError) as transformers:
        network = transformers.AutoModelForSeq2SeqLM.from_pretrained(name, dtype=torch.float32, trust_remote_code=False)
    begun, outputs = _begins_with(network, start, end)
    if outputs != classes:
        raise BadInput(f"hf:{name} has {outputs:,} outputs and its configuration says {classes:,}: save it again")
    if not begun:
        raise BadInput(f"hf:{name} has a way of its own to begin a target: name a model such as Marian, T5 or NLLB")
    for parameter, values in network.named_parameters():
        if parameter in (getattr(network, "_keys_to_ignore_on_save", None) or ()):
            values.requires_grad_(False)  # Marian's sines of positions, of which loading forgets that they are fixed
    return PretrainedPairs(network, padding, before_target[0] if before_target else None)


@torch.no_grad()
def _begins_with(network: Any, start: int, end: int) -> tuple[bool, int]:
    """Whether the model, in eval mode, puts this token before a target and nothing else; and how many logits it gives."""
    two = torch.tensor([[3, end]])
    alone = network(input_ids=two, decoder_input_ids=torch.tensor([[start, 3]])).logits
    return torch.equal(network(input_ids=two, labels=two).logits, alone), int(alone.shape[2])
