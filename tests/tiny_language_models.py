"""Causal language models so small that a test makes them, with tokenizers, as folders of Hugging Face; and rows for them."""

import json
import random

import pytest
import torch

WORDS = [
    *"abcdefgh",
    "one",
    "two",
    "three",
    "four",
    "five",
    "seven",
    "eight",
    "red",
    "green",
    "blue",
    "the",
    "is",
    "of",
    "and",
]
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def tokenizer(template=None):
    kit, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    special = ["<end>", "<user>", "<assistant>", "<system>"]
    words = kit.Tokenizer(kit.models.BPE())
    words.pre_tokenizer = kit.pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = kit.decoders.ByteLevel()
    trainer = kit.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=kit.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator([" ".join(WORDS)] * 3, trainer)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>")
    fast.chat_template = template
    return fast


def model(folder, kind="gpt2", seed=0, template=TEMPLATE, width=32):
    """A model of random weights in that folder, "gpt2" (tied output layer) or "llama" (its own); returns hf:FOLDER."""
    transformers = pytest.importorskip("transformers")
    cut = tokenizer(template)
    torch.manual_seed(seed)
    if kind == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=len(cut), n_positions=64, n_embd=width, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
            initializer_range=0.2,
        )  # fmt: skip
        network = transformers.GPT2LMHeadModel(config)
    else:
        config = transformers.LlamaConfig(
            vocab_size=len(cut), max_position_embeddings=64, hidden_size=width, intermediate_size=2 * width,
            num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, bos_token_id=0, eos_token_id=0,
            initializer_range=0.2,
        )  # fmt: skip
        network = transformers.LlamaForCausalLM(config)
    network.save_pretrained(folder)
    cut.save_pretrained(folder)
    return f"hf:{folder}"


def sentence(draw, most=12):
    return " ".join(draw.choices(WORDS, k=draw.randint(1, most)))


def texts(count, seed=0):
    draw = random.Random(seed)
    return [{"id": f"t{number}", "text": sentence(draw)} for number in range(count)]


def pairs(count, seed=0):
    draw = random.Random(seed)
    return [
        {"id": f"p{number}", "prompt": f"{sentence(draw)}? ", "response": sentence(draw)} for number in range(count)
    ]


def chats(count, seed=0):
    draw = random.Random(seed)
    return [
        {
            "id": f"c{number}",
            "messages": [
                {"role": role, "content": sentence(draw)}
                for _ in range(draw.randint(1, 2))
                for role in ("user", "assistant")
            ],
        }
        for number in range(count)
    ]


def json_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def data_and_target(folder, shards, rows=pairs, least=5):
    """So many files, of `least` rows and more, under `data`, and a target set of four; the folder."""
    for number in range(shards):
        json_lines(folder / "data" / f"{number}.jsonl", rows(least + number, seed=number))
    json_lines(folder / "clean.jsonl", rows(4, seed=9))
    return folder


def parquet(path, rows, group=None):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path
