"""A package like that of MiniLM, with a tiny network and a small vocabulary of its own."""

import hashlib
import sys
import types

import torch

from reweigh import minilm

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "play", "a", "the", "one", "very"]
WORDS += ["noisy", "checked", "new", *map(str, range(100))]


def small_encoder(size):
    """A BERT of one layer for tokens below `size`, the same each time."""
    import transformers

    config = transformers.BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return transformers.BertModel(config).eval()


def install(monkeypatch, folder):
    """From here on it is there, and its files are those that are known."""
    import tokenizers
    import transformers

    kit = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: k for k, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    kit.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=kit, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", model_max_length=64
    )
    fast.save_pretrained(folder)
    small_encoder(len(WORDS)).save_pretrained(folder)
    package = types.ModuleType(minilm._PACKAGE)
    package.get_model_path = lambda: folder
    package.__spec__ = types.SimpleNamespace(name=minilm._PACKAGE)
    monkeypatch.setitem(sys.modules, minilm._PACKAGE, package)
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in minilm._SHA256}
    monkeypatch.setattr(minilm, "_SHA256", digests)


def uninstall(monkeypatch):
    """It is not there."""
    monkeypatch.setattr(minilm, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, minilm._PACKAGE, None)
