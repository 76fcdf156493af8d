"""Encoder-decoders of Hugging Face: losses are the model's own, padding is out of sight, texts are its own `generate`'s."""

import json
from dataclasses import replace

import pytest
import torch

import tiny_translators as tiny
from made_up_pairs import pairs
from reweigh import Reweigher
from reweigh.contrast import OtherInput
from reweigh.data.own.borrowed_pieces import BorrowedPieces
from reweigh.errors import BadInput
from reweigh.models import build
from reweigh.rules import SmoothedL2RW, Uniform
from reweigh.tasks import Translation
from reweigh.tasks.language_model import IGNORED


def pieces_of(folder):
    many = "nllb" in folder.name
    return BorrowedPieces(str(folder), ("deu_Latn", "eng_Latn") if many else ("de", "en"))


@pytest.fixture(scope="module", params=["marian", "t5", "nllb"])
def folder(request, tmp_path_factory):
    return getattr(tiny, request.param)(tmp_path_factory.mktemp("model") / request.param)


@pytest.fixture
def pieces(folder):
    return pieces_of(folder)


@pytest.fixture
def task(pieces):
    return Translation(pieces.names, ("en",)).spelt(pieces.spelling)


@pytest.fixture
def model(folder, pieces):
    return build(f"hf:{folder}", input_shape=(16,), classes=len(pieces.names), **pieces.told).eval()


def batch_of(task, pieces, rows, first=0):
    x, y = (
        torch.from_numpy(pieces.encode([row[side] for row in rows], 16, fill, name).numbers)
        for side, fill, name in ((0, task.padding, "source"), (1, IGNORED, "target"))
    )
    return task.completed({"x": x, "y": y, "id": torch.arange(first, first + len(rows))})


def test_losses_are_those_of_the_model_itself(folder, model, task, pieces):
    rows = pairs(6, 3)[0]
    batch = batch_of(task, pieces, rows)
    own, tokenizer = tiny.transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval(), pieces._tokenizer
    with torch.no_grad():
        losses, counts = task.token_loss(model, batch)
        for row, one in enumerate(rows):
            asked = tokenizer(one[0], text_target=one[1], return_tensors="pt")
            assert float(losses[row].sum() / counts[row].sum()) == pytest.approx(float(own(**asked).loss), rel=1e-5)
    assert torch.equal(counts, batch["y"] != IGNORED)
    assert task.loss(model, batch).shape == (6,)


def test_a_sentence_per_weight_and_a_token_per_weight(model, task, pieces):
    clean, batch = batch_of(task, pieces, pairs(8, 1)[0]), batch_of(task, pieces, pairs(6, 2)[0], 8)
    by_sentence = Reweigher(model, task.loss, rule=SmoothedL2RW(), clean=clean, layers="body", contrast=OtherInput("x"))
    assert by_sentence.weigh(batch).shape == (6,)
    assert "Ghost()" in by_sentence.explain()
    by_token = Reweigher(model, task.token_loss, rule=Uniform(), clean=clean, per="token")
    losses, weights = by_token.backward(batch)
    given = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    whole, counts = task.token_loss(model, batch)
    (whole.sum() / counts.sum()).backward()
    assert weights.numel() == losses.numel()
    plain = [p.grad for p in model.parameters() if p.grad is not None]
    torch.testing.assert_close(given, plain, rtol=1e-4, atol=1e-6)


def test_padding_changes_nothing(model, task):
    source, given = torch.tensor([[5, 6, 7]]), torch.tensor([[task.spelling.marks.start, 6]])
    padded = torch.cat([source, torch.full((1, 3), task.padding)], 1)
    torch.testing.assert_close(model(source, given), model(padded, given), rtol=1e-4, atol=1e-5)
    assert model(torch.full((1, 4), task.padding), given).isfinite().all()


@pytest.mark.parametrize("beam", [1, 3])
def test_texts_are_those_of_its_own_generate(beam, folder, model, task, pieces, capsys):
    with torch.no_grad():
        for p in model.parameters():  # untrained models write the same thing again and again
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)), alpha=0.3)
    rows = pairs(5, 4)[0]
    batch, most = batch_of(task, pieces, rows), 20
    found = [task.text(row) for row in replace(task, beam=beam).outputs_of(model, batch)]
    tokenizer, marks = pieces._tokenizer, task.spelling.marks
    for (source, _), said in zip(rows, found, strict=True):
        asked = tokenizer(source, return_tensors="pt")
        most = 2 * asked["input_ids"].shape[1] + 16
        first = {"forced_bos_token_id": marks.before_target[0]} if marks.before_target else {}
        written = model.network.generate(
            **asked, num_beams=beam, do_sample=False, max_length=None, max_new_tokens=most, **first
        )
        assert said == tokenizer.decode(written[0], skip_special_tokens=True).strip()
    assert len(set(found)) > 1


def test_generating_is_quiet_and_stops_where_positions_end(model, task, pieces, capsys):
    batch = batch_of(task, pieces, [("hund " * 14, "dog")])
    assert model.write_texts(batch["x"], 1, 500).shape[1] <= (64 if model._most else 501)
    assert capsys.readouterr().err == ""
    assert model.network.generation_config.num_beams == 4  # as it was


def test_nothing_comes_of_nothing(model, task, pieces):
    batch = batch_of(task, pieces, [("", "dog"), ("hund", "dog")])
    assert (task.outputs_of(model, batch)[0] == IGNORED).all()


def test_the_languages_of_many_begin_what_is_written(tmp_path):
    folder = tiny.nllb(tmp_path / "nllb")
    pieces = pieces_of(folder)
    model = build(f"hf:{folder}", input_shape=(16,), classes=len(pieces.names), **pieces.told).eval()
    found = model.write_texts(torch.tensor([[pieces.spelling.marks.before_source[0], 5, 2]]), 1, 5)
    assert found[0, 1] == pieces.spelling.marks.before_target[0]


def test_float16_on_the_disk_is_trained_in_float32(folder, pieces, tmp_path):
    tiny.transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float16).save_pretrained(tmp_path / "h")
    model = build(f"hf:{tmp_path / 'h'}", input_shape=(16,), classes=len(pieces.names), **pieces.told)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_what_the_library_does_not_save_is_not_trained(model, folder, tmp_path):
    model.network.save_pretrained(tmp_path / "saved")
    saved = tiny.transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "saved")
    fixed = {name for name, p in model.network.named_parameters() if not p.requires_grad}
    assert fixed == {name for name, _ in saved.named_parameters() if "embed_positions" in name}
    assert any(p.requires_grad for p in model.parameters())


def test_what_does_not_fit_is_one_sentence(folder, pieces, tmp_path):
    def built(name, **more):
        return build(f"hf:{name}", **{"input_shape": (16,), "classes": len(pieces.names), **pieces.told, **more})

    with pytest.raises(
        BadInput, match="cannot be had as a Hugging Face model that makes one text of another"
    ) as refused:
        built(tmp_path / "nowhere")
    assert "\n" not in str(refused.value)
    with pytest.raises(BadInput, match="outputs and its configuration says 7"):
        built(folder, classes=7)
    with pytest.raises(BadInput, match="has a way of its own to begin a target"):
        built(folder, start=9)
    config = tmp_path / "damaged" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(BadInput, match="cannot be had"):
        built(config.parent)
