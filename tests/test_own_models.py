"""`reweigh train --model`: a function of the user's own, and a Hugging Face model, from training to predictions."""

import json
import sys

import pytest

from own_files import WORDS, command
from reweigh.cli.guard import run

CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, inputs, outputs, categories):
        super().__init__()
        self.numbers = inputs - len(categories)
        self.vectors = nn.ModuleList(nn.Embedding(n, 4) for n in categories)
        self.head = nn.Sequential(nn.Linear(self.numbers + 4 * len(categories), 32), nn.ReLU(), nn.Linear(32, outputs))

    def forward(self, x):
        codes = x[:, self.numbers:].long()
        parts = [x[:, :self.numbers], *(v(codes[:, k]) for k, v in enumerate(self.vectors))]
        return self.head(torch.cat(parts, 1))

def build(input_shape, outputs, categories=()):
    return Net(input_shape[0], outputs, categories)

def too_many(input_shape, outputs):
    return nn.Linear(input_shape[0], outputs + 1)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "net_of_mine.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("net_of_mine", None)


def test_a_function_of_ones_own(here):
    said = command(
        "table", here / "data", here / "run", "--steps", "50", "--lr", "0.01", "--model", "net_of_mine:build"
    )
    assert run(said) == 0
    summary = json.loads((here / "run" / "summary.json").read_text())
    assert summary["test_accuracy"] > 0.8
    again = ["--model", "net_of_mine:build"]  # a run's folder may come from anybody: it does not choose what code runs
    assert run(["predict", "run", "data/new.csv", *again]) == 0
    assert run(["audit", "run", *again]) == 0
    assert (here / "predictions.csv").exists()


def test_a_model_of_another_number_of_outputs(here, capsys):
    said = command("table", here / "data", here / "run", "--model", "net_of_mine:too_many")
    assert run(said) == 2
    assert "the model gave (" in capsys.readouterr().err


def test_a_hugging_face_model(tmp_path, capsys):
    transformers, tokenizers = pytest.importorskip("transformers"), pytest.importorskip("tokenizers")
    words = ["[PAD]", "[UNK]", *(word for topic in WORDS.values() for word in topic)]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    fast.save_pretrained(tmp_path / "bert")
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path / "bert")
    said = command("text", tmp_path / "data", tmp_path / "run", "--steps", "60", "--lr", "0.01")
    assert run([*said, "--model", f"hf:{tmp_path / 'bert'}"]) == 0
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["test_accuracy"] > 0.8
    out = tmp_path / "out.csv"
    named = ["--model", f"hf:{tmp_path / 'bert'}"]
    new = ["predict", str(tmp_path / "run"), str(tmp_path / "data" / "new.csv"), "--output", str(out)]
    assert run([*new, *named]) == 0
    assert run(["audit", str(tmp_path / "run"), *named]) == 0
    (tmp_path / "bert").rename(tmp_path / "gone")
    capsys.readouterr()
    assert run([*new, *named, "--overwrite"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
