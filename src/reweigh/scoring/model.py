"""The model that scores: a causal language model of Hugging Face with its tokenizer, an adapter on it where one is named.

Code that a model brings along is never run. It computes as in use (`eval`), without dropout. With an adapter (LoRA
and its kin, by peft) only the adapter's parameters take part in alignments, as they alone would be trained.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from reweigh.errors import BadInput, require
from reweigh.models.pretrained import GIVE, PREFIX, hugging_face
from reweigh.scoring.texts import Encoder

LONGEST = 1024
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Named:
    """Which model, and how it computes.

    Attributes:
        model: "hf:" and a folder or a name on the hub.
        adapter: a folder or name of an adapter of peft.
        precision: "fp32" or "bf16".
        longest: of longer rows so many tokens are taken; None for what the model takes, 1,024 at most.
    """

    model: str
    adapter: str | None = None
    precision: str = "fp32"
    longest: int | None = None

    def __post_init__(self) -> None:
        name = self.model.removeprefix(PREFIX)
        if not self.model.startswith(PREFIX) or not name:
            raise BadInput(f"the model is {self.model!r}: give {PREFIX} with a folder or a name, as {PREFIX}gpt2")
        if self.precision not in PRECISIONS:
            raise BadInput(f"the precision {self.precision!r} is not known: choose one of {', '.join(PRECISIONS)}")
        if self.longest is not None and self.longest < 2:
            raise BadInput(f"--max-length is {self.longest}: give a number of tokens, at least 2")


@dataclass(frozen=True)
class Loaded:
    """A causal language model on its device, and what cuts texts into its tokens."""

    network: nn.Module
    encoder: Encoder
    device: torch.device

    @property
    def digest(self) -> str:
        """SHA-256 of all parameters and buffers by their names, and of the tokenizer."""
        found = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        tokenizer = self.encoder.tokenizer
        found.update(
            f"{tokenizer.backend_tokenizer.to_str()}{tokenizer.chat_template}".encode("utf-8", "surrogatepass")
        )
        return found.hexdigest()

    @property
    def body(self) -> nn.Module:
        """What makes the hidden states that the output layer reads.

        Raises:
            BadInput: if the model does not tell.
        """
        network: Any = self.network
        network = network.get_base_model() if hasattr(network, "get_base_model") else network
        body = getattr(network, "base_model", None)
        if not isinstance(body, nn.Module) or body is network:
            raise BadInput(
                f"{type(network).__name__} does not say where its hidden states are: leave out --by representation"
            )
        return body


def load(named: Named, device: torch.device) -> Loaded:
    """The model with its tokenizer.

    Raises:
        BadInput: if one of them cannot be had, or it is no causal language model.
        MissingExtra: if transformers, or for an adapter peft, is not installed.
    """
    name = named.model.removeprefix(PREFIX)
    with hugging_face(
        f"{name} cannot be had as a causal language model of Hugging Face", GIVE, TypeError
    ) as transformers:
        network = transformers.AutoModelForCausalLM.from_pretrained(
            name, dtype=PRECISIONS[named.precision], trust_remote_code=False
        )
    with hugging_face(f"the tokenizer of {name} cannot be had", GIVE, TypeError) as transformers:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    if len(tokenizer) > network.get_input_embeddings().num_embeddings:
        known = network.get_input_embeddings().num_embeddings
        raise BadInput(
            f"the tokenizer of {name} knows {len(tokenizer):,} tokens and the model {known:,}: save what belongs together"
        )
    network.config.use_cache = False
    if named.adapter is not None:
        network = _with_adapter(network, named.adapter)
    network = network.to(device).eval()
    return Loaded(network, Encoder(tokenizer, _longest(named.longest, network, tokenizer)), device)


def _with_adapter(network: nn.Module, adapter: str) -> nn.Module:
    peft = require("peft", "scoring")
    remedy = "give a folder that `save_pretrained` of peft wrote for this very model"
    with hugging_face(f"{adapter} cannot be had as an adapter of the model", remedy, TypeError, AttributeError):
        found: nn.Module = peft.PeftModel.from_pretrained(network, adapter, is_trainable=True)
    return found


def _longest(asked: int | None, network: nn.Module, tokenizer: Any) -> int:
    config: Any = network.config
    most = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or LONGEST
    if asked is not None and asked > most:
        raise BadInput(f"--max-length is {asked:,} and the model takes {most:,} tokens: give no more")
    return int(asked or min(most, LONGEST, tokenizer.model_max_length))
