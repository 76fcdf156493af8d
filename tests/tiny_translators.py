"""Tiny encoder-decoders of Hugging Face and SentencePiece models for the made-up pairs, made and saved by the tests."""

import io
import json
from pathlib import Path

import pytest
import torch

from made_up_pairs import pairs

transformers = pytest.importorskip("transformers")
sentencepiece = pytest.importorskip("sentencepiece")
TEXTS = [text for pair in pairs(200)[0] for text in pair]
SMALL = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
         "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 64}  # fmt: skip


def pieces(path, **more):
    """A SentencePiece model of the made-up words in a file; returns it."""
    written = io.BytesIO()
    said = {"vocab_size": 80, "hard_vocab_limit": False, "minloglevel": 2, **more}
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(TEXTS), model_writer=written, **said)
    Path(path).write_bytes(written.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())


def marian(folder, **more):
    """A Marian model whose generation, as those of Helsinki-NLP, is set to beams and a length; `more`: its configuration."""
    folder.mkdir(parents=True)
    model = pieces(folder / "source.spm")
    (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes())
    names = ["</s>", "<unk>", *map(model.id_to_piece, range(3, model.get_piece_size())), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: token for token, name in enumerate(names)}))
    files = (str(folder / name) for name in ("source.spm", "target.spm", "vocab.json"))
    transformers.MarianTokenizer(*files, source_lang="de", target_lang="en").save_pretrained(folder)
    pad = len(names) - 1
    special = {"pad_token_id": pad, "eos_token_id": 0, "decoder_start_token_id": pad, "forced_eos_token_id": 0}
    config = transformers.MarianConfig(vocab_size=pad + 1, **{**SMALL, **special, **more})
    return _saved(transformers.MarianMTModel, config, folder)


def t5(folder, outputs=96):
    """A T5 model, which has more outputs than its tokenizer has pieces."""
    folder.mkdir(parents=True)
    model = pieces(folder / "spiece.model", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    vocabulary = [(model.id_to_piece(token), model.get_score(token)) for token in range(model.get_piece_size())]
    transformers.T5Tokenizer(vocab=vocabulary, extra_ids=3).save_pretrained(folder)
    small = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
    config = transformers.T5Config(vocab_size=outputs, **small)
    return _saved(transformers.T5ForConditionalGeneration, config, folder)


def nllb(folder, languages=("deu_Latn", "eng_Latn")):
    """A model of the family of NLLB: one vocabulary for many languages, each of which has a token."""
    folder.mkdir(parents=True)
    kit = pytest.importorskip("tokenizers")
    trained = kit.Tokenizer(kit.models.BPE())
    trained.pre_tokenizer = kit.pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trained.train_from_iterator(TEXTS, kit.trainers.BpeTrainer(special_tokens=special, show_progress=False))
    found = json.loads(trained.to_str())["model"]
    merges = [tuple(pair) for pair in found["merges"]]
    tokenizer = transformers.NllbTokenizer(found["vocab"], merges, extra_special_tokens=list(languages))
    tokenizer.save_pretrained(folder)
    special = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2}
    config = transformers.M2M100Config(vocab_size=len(tokenizer), **SMALL, **special)
    return _saved(transformers.M2M100ForConditionalGeneration, config, folder)


def bert(folder):
    """A model that is no encoder-decoder."""
    config = transformers.BertConfig(vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    return _saved(transformers.BertForMaskedLM, config, folder)


def _saved(kind, config, folder):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(config)
    if model.can_generate():
        model.generation_config.num_beams, model.generation_config.max_length = 4, 64
    model.save_pretrained(folder)
    return folder


def of_two_bodies(folder):
    """An encoder-decoder made of two models that are none; its texts end in no token of their own."""
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hund", "dog"]))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    small = {"vocab_size": 7, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    both = (transformers.BertConfig(**small) for _ in range(2))
    config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(*both)
    return _saved(transformers.EncoderDecoderModel, config, folder)
