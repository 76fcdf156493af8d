"""Scores are what they are defined to be, whatever file, batch or shard a row lies in; and mistakes are said."""

import pyarrow.parquet as pq
import pytest
import torch
import transformers

import tiny_language_models as tiny
from reweigh.errors import BadInput, NonFinite
from reweigh.scoring import score
from scoring.by_hand import ByHand

NAMES = ("loss", "alignment", "representation")


def table(path):
    return pq.read_table(path).to_pydict()


def scored(folder, rows, target, model, **more):
    """By rows as JSON lines; columns of the file of scores."""
    data, clean = tiny.json_lines(folder / "data.jsonl", rows), tiny.json_lines(folder / "clean.jsonl", target)
    done = score(data, model=model, target=clean, output=folder / "scores.parquet", overwrite=True, **more)
    assert done.rows == len(rows)
    return table(done.path)


def near(found, expected, tolerance=2e-5):
    for name, values in zip(NAMES, zip(*expected, strict=True), strict=True):
        if name in found:
            theirs, ours = torch.tensor(values), torch.tensor(found[name])
            assert (ours - theirs).abs().max() < tolerance * theirs.abs().max(), name


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_texts_have_the_scores_that_are_defined(kind, tmp_path, request):
    model = request.getfixturevalue(kind)
    rows, target = tiny.texts(20), tiny.texts(5, seed=1)
    found = scored(tmp_path, rows, target, model)
    near(found, ByHand(model).scores([(row["text"],) for row in rows], [(row["text"],) for row in target]))
    assert found["id"] == [row["id"] for row in rows]
    assert found["row"] == list(range(20))
    assert set(found["file"]) == {"data.jsonl"}


def test_of_pairs_the_response_counts(gpt2, tmp_path):
    rows, target = tiny.pairs(12), tiny.pairs(4, seed=1)
    found = scored(tmp_path, rows, target, gpt2)
    hand = [(row["prompt"] + row["response"], len(row["prompt"])) for row in rows]
    near(found, ByHand(gpt2).scores(hand, [(row["prompt"] + row["response"], len(row["prompt"])) for row in target]))


def test_of_conversations_what_the_assistant_says_counts(gpt2, tmp_path):
    rows = tiny.chats(8)
    found = scored(tmp_path, rows, tiny.chats(3, seed=1), gpt2, by="representation")
    hand = ByHand(gpt2)
    for row, loss in zip(rows, found["loss"], strict=True):
        ids, counts, speaking = [], [], False
        for turn in row["messages"]:
            speaking = turn["role"] == "assistant"
            for part, here in ((f"<{turn['role']}>", False), (f"{turn['content']}<end>", speaking)):
                tokens = hand.tokenizer(part)["input_ids"]
                ids, counts = ids + tokens, counts + [here] * len(tokens)
        ids, counts = torch.tensor(ids[:64]), torch.tensor(counts[:64])
        logits = hand.model(input_ids=ids[None]).logits[0]
        each = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none")
        assert loss == pytest.approx(each[counts[1:]].mean().item(), rel=1e-5)


@pytest.mark.parametrize("by", ["alignment", "representation"])
def test_one_score_alone_is_that_of_both(by, gpt2, tmp_path):
    rows, target = tiny.texts(10), tiny.texts(3, seed=1)
    both, alone = (scored(tmp_path, rows, target, gpt2, by=asked) for asked in ("both", by))
    assert set(alone) == {"id", "file", "row", "tokens", "loss", by}
    assert torch.tensor(alone[by]) == pytest.approx(torch.tensor(both[by]), rel=1e-6)
    assert torch.tensor(alone["loss"]) == pytest.approx(torch.tensor(both["loss"]), rel=1e-6)


def test_batches_files_and_row_groups_change_no_score(gpt2, tmp_path):
    rows, target = tiny.pairs(30), tiny.pairs(4, seed=1)
    whole = scored(tmp_path, rows, target, gpt2)
    data = tmp_path / "shards"
    tiny.parquet(data / "a.parquet", rows[:11], group=4)
    tiny.json_lines(data / "deep" / "b.jsonl", rows[11:])
    done = score(data, model=gpt2, target=tmp_path / "clean.jsonl", output=tmp_path / "two.parquet", batch_size=3)
    found = table(done.path)
    assert found["id"] == whole["id"]
    assert found["file"] == ["a.parquet"] * 11 + ["deep/b.jsonl"] * 19
    for name in NAMES:
        ours, theirs = torch.tensor(found[name]), torch.tensor(whole[name])
        assert (ours - theirs).abs().max() < 1e-6 * theirs.abs().max(), name


def test_rows_of_which_nothing_counts_have_no_scores(gpt2, tmp_path):
    rows = [*tiny.pairs(3), {"id": "none", "prompt": "one two", "response": None}]
    rows.append({"id": "late", "prompt": "one two three four " * 20, "response": "five"})  # cut off
    data, clean = (
        tiny.json_lines(tmp_path / "d.jsonl", rows),
        tiny.json_lines(tmp_path / "c.jsonl", tiny.pairs(2, seed=1)),
    )
    done = score(data, model=gpt2, target=clean, output=tmp_path / "s.parquet")
    found = table(done.path)
    assert done.empty == 2
    assert "2 rows without a token that counts have none" in done.sentence()
    assert [value is None for value in found["alignment"]] == [False] * 3 + [True] * 2
    assert found["tokens"][3:] == [0, 0]


def test_rows_without_ids_are_called_by_their_places(gpt2, tmp_path):
    rows = [{"text": row["text"], "name": number} for number, row in enumerate(tiny.texts(3))]
    assert scored(tmp_path, rows, rows, gpt2, by="representation")["id"] == [f"data.jsonl:{n}" for n in range(3)]
    assert scored(tmp_path, rows, rows, gpt2, by="representation", id="name")["id"] == ["0", "1", "2"]


def test_a_number_that_is_not_finite_is_of_somebody(tmp_path):
    model = tiny.model(tmp_path / "m", "llama", seed=3)
    network = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    green = ByHand(model).tokenizer("green")["input_ids"][0]
    with torch.no_grad():
        network.model.embed_tokens.weight[green] = float("nan")
    network.save_pretrained(tmp_path / "m")
    rows = [{"id": "good", "text": "one two"}, {"id": "bad", "text": "green two"}]
    with pytest.raises(NonFinite, match=r"of ids \['bad'\] is not finite"):
        scored(tmp_path, rows, rows[:1], model)
    for by, what in (("alignment", "gradients"), ("representation", "hidden states")):
        with pytest.raises(NonFinite, match=f"the {what} of the target set hold a number that is not finite"):
            scored(tmp_path, rows[:1], rows, model, by=by)


MISTAKES = {
    "its columns are 'id', 'text'": {"text": "body"},
    "--response is not named": {"prompt": "text"},
    "a row is one of them": {"text": "text", "messages": "text"},
    "scores by 'alignement' are not known: did you mean 'alignment'": {"by": "alignement"},
    "--precondition adam and --optimizer go together": {"precondition": "adam"},
    "give no more": {"max_length": 65},
    "there is no engine 'rays'": {"engine": "rays"},
    "--workers is for --engine ray": {"workers": 2},
    "at least 1": {"batch_size": 0},
    "choose one of fp32, bf16": {"precision": "fp8"},
    "matches no submodule": {"layers": "nothing"},
}


@pytest.mark.parametrize("sentence", MISTAKES)
def test_a_mistake_is_one_sentence(sentence, gpt2, tmp_path):
    with pytest.raises(BadInput, match=sentence):
        scored(tmp_path, tiny.texts(3), tiny.texts(2, seed=1), gpt2, **MISTAKES[sentence])
    assert {path.name for path in tmp_path.iterdir()} == {"data.jsonl", "clean.jsonl"}  # and nothing is begun


def test_scores_among_the_data_are_no_data_and_are_parquet(gpt2, tmp_path):
    tiny.json_lines(tmp_path / "d" / "a.jsonl", tiny.texts(4))
    named = {"model": gpt2, "target": tmp_path / "d" / "a.jsonl", "by": "representation", "overwrite": True}
    for _ in range(2):
        assert score(tmp_path / "d", output=tmp_path / "d" / "scores.parquet", **named).rows == 4
    with pytest.raises(BadInput, match=r"scores.csv does not end in .parquet"):
        score(tmp_path / "d", output=tmp_path / "scores.csv", **named)


@pytest.mark.parametrize("name", ["hf:/nowhere/at/all", "gpt2", "hf:"])
def test_a_model_that_cannot_be_had(name, tmp_path):
    with pytest.raises(BadInput, match=r"cannot be had|the model is"):
        scored(tmp_path, tiny.texts(3), tiny.texts(2), name)


def test_targets_that_say_nothing(gpt2, tmp_path):
    with pytest.raises(BadInput, match="the target set is empty"):
        scored(tmp_path, tiny.texts(3), [{"text": ""}], gpt2)
    with pytest.raises(BadInput, match="has no rows"):
        scored(tmp_path, tiny.texts(3), [], gpt2)
    with pytest.raises(BadInput, match="holds no file that ends in"):
        score(tmp_path / "data.jsonl", model=gpt2, target=tmp_path / "none-*.jsonl", output=tmp_path / "s.parquet")


def test_rows_that_are_no_texts_are_named(gpt2, tmp_path):
    rows = [*tiny.texts(2), {"id": "bad", "text": 3}]
    with pytest.raises(BadInput, match=r"row bad of .*data.jsonl has '3' in 'text', which is no text"):
        scored(tmp_path, rows, tiny.texts(2), gpt2)
    with pytest.raises(BadInput, match=r"row x of .* has no 'text'"):
        scored(tmp_path, [*tiny.texts(2), {"id": "x"}], tiny.texts(2), gpt2)
