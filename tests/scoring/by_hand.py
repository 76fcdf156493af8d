"""The scores as they are defined, row by row: no batches, no engines, nothing that the library shares between rows."""

import torch
import torch.nn.functional as F
import transformers

from reweigh.trained import chosen_parameters


class ByHand:
    """A model in double precision, and rows as (text, whether all counts from this character on)."""

    def __init__(self, model, longest=64):
        name = model.removeprefix("hf:")
        self.model = transformers.AutoModelForCausalLM.from_pretrained(name).double().eval()
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        self.longest = longest

    def ids(self, text, start=0):
        """Tokens of the text with an end behind it, and which of them count."""
        found = self.tokenizer(text, return_offsets_mapping=True)
        ids = [*found["input_ids"], self.tokenizer.eos_token_id][: self.longest]
        counts = [end > start for _, end in found["offset_mapping"]] + [True]
        return torch.tensor(ids), torch.tensor(counts[: self.longest])

    def loss(self, row):
        ids, counts = self.ids(*row)
        logits = self.model(input_ids=ids[None]).logits[0]
        each = F.cross_entropy(logits[:-1], ids[1:], reduction="none")
        return each[counts[1:]].mean()

    def gradient(self, row, layers="body"):
        chosen = chosen_parameters(self.model, layers)
        return dict(zip(chosen, torch.autograd.grad(self.loss(row), chosen.values()), strict=True))

    def state(self, row):
        ids, _ = self.ids(*row)
        states = self.model.base_model(input_ids=ids[None]).last_hidden_state[0].detach()
        weights = torch.arange(1, len(ids) + 1).double()
        return F.normalize((weights[:, None] * states).sum(0) / weights.sum(), dim=0)

    def scores(self, rows, target, root=False):
        """Of each row loss, alignment and representation, in double precision."""
        each = [self.gradient(row) for row in target]
        v = {name: torch.stack([g[name] for g in each]).mean(0) for name in each[0]}
        if root:
            v = {name: g / (torch.stack([e[name] ** 2 for e in each]).mean(0).sqrt() + 1e-8) for name, g in v.items()}
        mean = F.normalize(torch.stack([self.state(row) for row in target]).mean(0), dim=0)
        found = []
        for row in rows:
            g = self.gradient(row)
            aligned = sum((g[name] * v[name]).sum() for name in v)
            found.append((self.loss(row).item(), aligned.item(), (self.state(row) @ mean).item()))
        return found
