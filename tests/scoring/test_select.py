"""Rows chosen by their scores, written as they stand, or weighed for other programs."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tiny_language_models as tiny
from reweigh.errors import BadInput
from reweigh.scoring import FORMATS, score, select
from reweigh.scoring.choose import Keep, kept, weights_of


@pytest.fixture(scope="module")
def data(gpt2, tmp_path_factory):
    """Conversations with an answer each, pairs and texts, each scored."""
    folder = tmp_path_factory.mktemp("scored")
    chats = [{"id": row["id"], "messages": row["messages"][:2]} for row in tiny.chats(9)]
    kinds = {"pairs": tiny.pairs(10), "texts": tiny.texts(6), "chats": chats}
    for name, rows in kinds.items():
        tiny.json_lines(folder / name / "a.jsonl", rows[:4])
        tiny.parquet(folder / name / "in" / "b.parquet", rows[4:])
        score(folder / name, model=gpt2, target=folder / name / "a.jsonl", output=folder / f"{name}.parquet")
    return folder


def rows_of(folder):
    lines = (folder / "a.jsonl").read_text().splitlines() if (folder / "a.jsonl").exists() else []
    table = folder / "in" / "b.parquet"
    return [*map(json.loads, lines), *(pq.read_table(table).to_pylist() if table.exists() else [])]


def expected(path, by, count):
    found = pq.read_table(path).to_pydict()
    return {found["id"][row] for row in np.argsort(-np.array(found[by]), kind="stable")[:count]}


@pytest.mark.parametrize("by", [None, "representation"])
def test_the_greatest_scores_are_kept_as_they_stand(by, data, tmp_path):
    done = select(data / "pairs.parquet", keep=0.3, by=by, output=tmp_path / "kept")
    all_ = {row["id"]: row for row in rows_of(data / "pairs")}
    found = rows_of(tmp_path / "kept")
    assert {row["id"] for row in found} == expected(data / "pairs.parquet", by or "alignment", 3)
    assert all(row == all_[row["id"]] for row in found)
    assert done.sentence() == f"3 of 10 rows kept, by {by or 'alignment'}"
    assert pq.read_schema(data / "pairs" / "in" / "b.parquet").names == ["id", "prompt", "response"]


@pytest.mark.parametrize(
    ("said", "count"), [(0.3, 3), ("0.3", 3), ("30%", 3), (4, 4), ("4", 4), (1, 1), ("1.0", 10), (1.0, 10), (0.001, 1)]
)
def test_shares_and_numbers(said, count):
    assert Keep.of(said).of_rows(10) == count


@pytest.mark.parametrize("said", ["0", "-0.1", "1.5", "130%", "all", "nan", 0, "inf"])
def test_what_is_neither(said):
    with pytest.raises(BadInput, match="give a share"):
        Keep.of(said)


def test_of_equal_scores_the_first_ids_win_and_rows_without_one_never_do(tmp_path):
    ids = ["d", "b", "c", "a", "e", "f"]
    pq.write_table(pa.table({"id": ids}), tmp_path / "s.parquet", row_group_size=2)
    scores = np.array([1, 1, 1, 1, 2, np.nan], dtype=np.float32)
    for number, names in ((1, "e"), (2, "ea"), (3, "eab"), (5, "eabcd"), (6, "eabcd")):
        found = kept(tmp_path / "s.parquet", scores, Keep(number=number))
        assert {name for name, here in zip(ids, found, strict=True) if here} == set(names)


def test_weights_have_a_mean_of_one():
    scores = np.array([3.0, -1.0, np.nan, 1.0])
    assert weights_of(scores, None).tolist() == [3, 0, 0, 1]
    assert weights_of(scores, np.array([True, False, False, True])).tolist() == [2, 0, 0, 2]
    with pytest.raises(BadInput, match="no score is above zero"):
        weights_of(-np.ones(3), None)


def weighed(data, folder, kind, name=None, **more):
    done = select(data / f"{kind}.parquet", weights=True, format=name, output=folder / "out", **more)
    found = pq.read_table(data / f"{kind}.parquet").to_pydict()
    if "keep" in more:
        count = Keep.of(more["keep"]).of_rows(done.rows)
        chosen = expected(data / f"{kind}.parquet", "alignment", count)
        return folder / "out", {one: done.rows / count * (one in chosen) for one in found["id"]}
    raw = np.array(found["alignment"]).clip(0)
    return folder / "out", dict(zip(found["id"], raw / raw.mean(), strict=True))


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["pairs", "texts", "chats"])
def test_ms_swift_reads_a_scale_on_each_answer(kind, data, tmp_path):
    folder, weights = weighed(data, tmp_path, kind, "ms-swift")
    rows = read(folder / "weighed.jsonl")
    assert len(rows) == len(weights)
    for row in rows:
        scales = [turn.get("loss_scale") for turn in row["messages"] if turn["role"] == "assistant"]
        assert scales == pytest.approx([weights[row["id"]]] * len(scales), abs=1e-6)
        assert scales
        assert not any("loss_scale" in turn for turn in row["messages"] if turn["role"] != "assistant")
    assert "--is_binary_loss_scale false" in FORMATS["ms-swift"].step(folder)


def test_llama_factory_reads_weights_and_parts(data, tmp_path):
    folder, weights = weighed(data, tmp_path, "chats", "llama-factory", keep=3)
    rows = {row["id"]: row for row in read(folder / "weighed.jsonl")}
    for given in rows_of(data / "chats"):
        for turn, before in zip(rows[given["id"]]["messages"], given["messages"], strict=True):
            assert turn["content"] == [{"type": "text", "value": before["content"]}]
            weight = weights[given["id"]] if turn["role"] == "assistant" else 0.0
            assert turn["loss_weight"] == pytest.approx(weight, abs=1e-6)
            assert isinstance(turn["loss_weight"], float)


@pytest.mark.parametrize("kind", ["pairs", "texts", "chats"])
def test_trl_reads_its_own_columns_and_a_weight(kind, data, tmp_path):
    load = pytest.importorskip("datasets").load_dataset
    folder, weights = weighed(data, tmp_path, kind, "trl")
    found = load("json", data_files=str(folder / "weighed.jsonl"), split="train", cache_dir=str(tmp_path / "cache"))
    columns = {"pairs": {"prompt", "completion"}, "texts": {"text"}, "chats": {"messages"}}[kind]
    assert set(found.column_names) == {"id", "weight"} | columns
    assert found["weight"][:] == pytest.approx([weights[name] for name in found["id"]], abs=1e-6)


def test_marian_reads_as_many_lines_of_each(data, tmp_path):
    folder, weights = weighed(data, tmp_path, "pairs", "marian")
    source, target, numbers = (
        (folder / f"weighed.{name}").read_bytes().split(b"\n") for name in ("source", "target", "weights")
    )
    given = rows_of(data / "pairs")
    assert source[-1] == target[-1] == numbers[-1] == b""
    assert [line.decode() for line in source[:-1]] == [row["prompt"] for row in given]
    assert [line.decode() for line in target[:-1]] == [row["response"] for row in given]
    assert [float(line) for line in numbers[:-1]] == pytest.approx([weights[row["id"]] for row in given], abs=1e-6)
    assert np.mean([float(line) for line in numbers[:-1]]) == pytest.approx(1, abs=1e-5)
    (tmp_path / "more").mkdir()
    with pytest.raises(BadInput, match="no prompt with its response"):
        weighed(data, tmp_path / "more", "texts", "marian")
    assert not (tmp_path / "more" / "out").exists()


@pytest.mark.parametrize("name", [None, "jsonl", "parquet"])
def test_rows_with_a_column_more(name, data, tmp_path):
    folder, weights = weighed(data, tmp_path, "pairs", name, column="trust")
    if name == "jsonl":
        found = read(folder / "weighed.jsonl")
    elif name == "parquet":
        found = pq.read_table(folder / "weighed.parquet").to_pylist()
    else:
        found = rows_of(folder)
    trust = [row.pop("trust") for row in found]
    assert found == rows_of(data / "pairs")
    assert trust == pytest.approx([weights[row["id"]] for row in found], rel=1e-5)


def test_rows_of_many_kinds_make_one_parquet_file(gpt2, tmp_path):
    rows = [{"text": "one two", "n": 1}, {"text": "three", "n": 1.5, "more": {"a": [1]}}, {"text": "four"}]
    tiny.json_lines(tmp_path / "d.jsonl", rows)
    score(
        tmp_path / "d.jsonl",
        model=gpt2,
        target=tmp_path / "d.jsonl",
        output=tmp_path / "s.parquet",
        by="representation",
    )
    select(tmp_path / "s.parquet", weights=True, format="parquet", output=tmp_path / "out")
    found = pq.read_table(tmp_path / "out" / "weighed.parquet").to_pylist()
    assert [(row["text"], row["n"], row["more"]) for row in found] == [
        ("one two", 1, None), ("three", 1.5, {"a": [1]}), ("four", None, None)
    ]  # fmt: skip


MISTAKES = {
    "give --keep": {},
    "--format is for --weights": {"keep": 2, "format": "trl"},
    "did you mean 'ms-swift'": {"weights": True, "format": "ms_swift"},
    "is 99 and there are 10 rows": {"keep": 99},
    "has no scores by 'loss': it has alignment and representation": {"keep": 2, "by": "loss"},
    "has a column 'prompt' already": {"weights": True, "column": "prompt"},
    "which TRL has for something else": {"weights": True, "format": "trl", "column": "prompt"},
}


@pytest.mark.parametrize("sentence", MISTAKES)
def test_a_mistake_is_one_sentence(sentence, data, tmp_path):
    with pytest.raises(BadInput, match=sentence):
        select(data / "pairs.parquet", output=tmp_path / "out", **MISTAKES[sentence])
    assert not (tmp_path / "out").exists()


def test_scores_that_are_none(data, tmp_path):
    pq.write_table(pa.table({"id": ["a"], "alignment": [1.0]}), tmp_path / "s.parquet")
    with pytest.raises(BadInput, match="is no file of scores"):
        select(tmp_path / "s.parquet", keep=1, output=tmp_path / "out")
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        select(data / "pairs" / "a.jsonl", keep=1, output=tmp_path / "out")


def test_what_is_there_is_replaced_only_if_it_is_a_selection(data, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(BadInput, match="name a folder that is not there yet"):
        select(data / "pairs.parquet", keep=2, output=tmp_path / "mine", overwrite=True)
    with pytest.raises(BadInput, match="holds the scored data"):
        select(data / "pairs.parquet", keep=2, output=data / "pairs")
    select(data / "pairs.parquet", keep=2, output=tmp_path / "kept")
    with pytest.raises(BadInput, match="replace it with --overwrite"):
        select(data / "pairs.parquet", keep=5, output=tmp_path / "kept")
    assert select(data / "pairs.parquet", keep=5, output=tmp_path / "kept", overwrite=True).kept == 5
    assert len(rows_of(tmp_path / "kept")) == 5
    assert json.loads((tmp_path / "kept" / "selection.json").read_text())["kept"] == 5


def test_data_that_have_moved_or_changed(gpt2, tmp_path):
    tiny.json_lines(tmp_path / "d" / "a.jsonl", tiny.texts(4))
    named = {"model": gpt2, "target": tmp_path / "d" / "a.jsonl", "output": tmp_path / "s.parquet"}
    score(tmp_path / "d", by="representation", **named)
    (tmp_path / "d").rename(tmp_path / "e")
    with pytest.raises(BadInput, match="is not there: name the folder that the scored data lie in now by --data"):
        select(tmp_path / "s.parquet", keep=2, output=tmp_path / "kept")
    assert select(tmp_path / "s.parquet", keep=2, output=tmp_path / "kept", data=tmp_path / "e").kept == 2
    tiny.json_lines(tmp_path / "e" / "a.jsonl", tiny.texts(4, seed=5))
    with pytest.raises(BadInput, match="has changed since it was scored"):
        select(tmp_path / "s.parquet", keep=2, output=tmp_path / "more", data=tmp_path / "e")
