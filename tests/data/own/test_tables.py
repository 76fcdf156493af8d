import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
import torch

from reweigh.data.own import Encoding, Sources, csv_file, parquet_file, read_new, read_own

RANDOM = np.random.default_rng(0)


@pytest.fixture
def wide(desk):
    """The same table of 400 rows as CSV and as Parquet, with every kind of column and gaps."""
    gaps = RANDOM.random(400) < 0.1
    days = np.datetime64("2020-01-01") + RANDOM.integers(0, 900, 400).astype("timedelta64[D]")
    table = pa.table(
        {
            "number": pa.array(RANDOM.normal(50, 10, 400).round(3), mask=gaps),
            "whole": RANDOM.integers(0, 100, 400),
            "word": pa.array(RANDOM.choice(["red", "green", "blue"], 400), mask=gaps[::-1].copy()),
            "truth": RANDOM.random(400) < 0.5,
            "day": pa.array(days),
            "constant": ["x"] * 400,
            "name": [f"person {row}" for row in range(400)],
            "label": RANDOM.choice(["<=50K", ">50K"], 400),
            "ok": np.arange(400) % 10 == 0,
        }
    )
    arrow_csv.write_csv(table, desk.path("wide.csv"))
    pq.write_table(table, desk.path("wide.parquet"))
    return table


def read(path, **said):
    return read_own(Sources(**{"train": path, "target": "label", "clean_column": "ok"} | said), seed=0)


def test_csv_and_parquet_of_one_table_are_the_same_examples(desk, wide):
    one, other = (read(desk.path(name)) for name in ("wide.csv", "wide.parquet"))
    assert torch.equal(one.train.x, other.train.x)
    assert torch.equal(one.train.y, other.train.y)
    assert one.encoding.model_options == other.encoding.model_options == {"categories": (4, 3)}
    assert one.encoding.input_shape == (4 + 2,)


ZONED, SPAN, CLOCK = pa.timestamp("us", "Europe/Berlin"), pa.duration("us"), pa.time64("us")


@pytest.mark.parametrize("kind", [pa.timestamp("us", "UTC"), ZONED, SPAN, CLOCK])
def test_times_with_a_type_and_the_same_as_text(desk, kind):
    """A frame with zones or durations is learnt from, and what is new comes as CSV from the same program."""
    times = pa.array(RANDOM.integers(0, 86_400, 60) * 10**6).cast(kind)
    table = pa.table({"when": times, "label": ["a", "b"] * 30, "ok": [True] * 20 + [False] * 40})
    pq.write_table(table, desk.path("typed.parquet"))
    spelled = times.to_pandas() if kind == SPAN else times.to_pylist()
    arrow_csv.write_csv(table.set_column(0, "when", [[str(cell) for cell in spelled]]), desk.path("text.csv"))
    encoding = read(desk.path("typed.parquet")).encoding
    one, other = (read_new(desk.path(name), encoding) for name in ("typed.parquet", "text.csv"))
    assert one.x.std() > 0.9
    assert torch.equal(one.x, other.x)
    assert (one.notes, other.notes) == ((), ())


def test_columns_are_standardised_and_gaps_are_marked(desk, wide):
    own = read(desk.path("wide.csv"))
    whole = torch.cat([own.train.x, own.clean.x, own.test.x])
    plans = own.encoding.reader["columns"]
    assert [plan["name"] for plan in plans] == ["number", "whole", "day", "word", "truth"]
    assert whole[:, 0].mean().abs() < 1e-5
    assert whole[:, 2].mean().abs() < 1e-5
    assert int(whole[:, 1].sum()) == wide["number"].null_count
    assert ((whole[:, 1] == 1) <= (whole[:, 0] == 0)).all()
    assert (whole[:, -2] == 0).sum() in (0, wide["word"].null_count)


def test_parts_add_up_and_ids_lead_back_to_the_rows(desk, wide):
    own = read(desk.path("wide.csv"), id_column="name")
    assert [len(part) for part in (own.train, own.clean, own.test)] == [360, 28, 12]
    ids = torch.cat([own.train.ids, own.clean.ids, own.test.ids])
    assert ids.sort().values.tolist() == list(range(400))
    assert (own.clean.ids % 10 == 0).all()
    assert (own.test.ids % 10 == 0).all()
    for row, part in ((5, own.train), (17, own.train), (0, own.clean)):
        identity = int(part.ids[row])
        assert own.names[identity] == f"person {identity}"
        assert own.encoding.classes[int(part.y[row])] == wide["label"][identity].as_py()


def test_notes_say_what_was_done(desk, wide):
    notes = " ".join(read(desk.path("wide.csv")).notes)
    for fragment in ("classification of 'label'", "'constant'", "'name'", "12 examples of the 40 clean ones"):
        assert fragment in notes


def test_blocks_make_no_difference(desk, wide, monkeypatch):
    whole = [read(desk.path(name)) for name in ("wide.csv", "wide.parquet")]
    monkeypatch.setattr(csv_file, "BLOCK", 1500)
    monkeypatch.setattr(parquet_file, "ROWS", 7)
    pieces = [read(desk.path(name)) for name in ("wide.csv", "wide.parquet")]
    for one, other in zip(whole, pieces, strict=True):
        assert torch.allclose(one.train.x, other.train.x, atol=1e-5)
        assert one.notes == other.notes


def test_new_files_are_read_by_the_training_files_plan(desk, wide):
    own = read(desk.path("wide.csv"), id_column="name")
    encoding = Encoding.from_json(json.loads(json.dumps(own.encoding.as_json())), "encoding.json")
    new = read_new(desk.path("wide.parquet"), encoding)
    assert torch.equal(new.x[own.train.ids], own.train.x)
    assert torch.equal(new.y[own.train.ids], own.train.y)
    assert (new.names[3], new.table.num_rows) == ("person 3", 400)


def test_new_rows_may_lack_target_and_names_and_bring_new_categories(desk, wide):
    encoding = read(desk.path("wide.csv"), id_column="name").encoding
    few = wide.select(["truth", "word", "day", "whole", "number"]).slice(0, 3)
    few = few.set_column(1, "word", [["mauve", "red", None]])
    arrow_csv.write_csv(few, desk.path("new.csv"))
    new = read_new(desk.path("new.csv"), encoding)
    words = next(plan["values"] for plan in encoding.reader["columns"] if plan["name"] == "word")
    place = [plan["name"] for plan in encoding.reader["columns"]][-2:].index("word") - 2
    assert new.x[:, place].tolist() == [0, words.index("red") + 1, 0]
    assert (new.y, new.names[2]) == (None, "row 2")
    assert new.table.column_names == few.column_names


def test_a_target_with_gaps_gives_no_score(desk, wide):
    encoding = read(desk.path("wide.csv")).encoding
    gaps = wide.slice(0, 4).set_column(7, "label", [["<=50K", None, ">50K", ">50K"]])
    arrow_csv.write_csv(gaps, desk.path("new.csv"))
    assert read_new(desk.path("new.csv"), encoding).y is None


def test_columns_to_drop_are_not_needed_later(desk, wide):
    encoding = read(desk.path("wide.csv"), drop=("word", "day")).encoding
    arrow_csv.write_csv(wide.select(["number", "whole", "truth"]), desk.path("new.csv"))
    assert read_new(desk.path("new.csv"), encoding).x.shape == (400, 4)


def test_numbers_and_several_labels_as_targets(desk, wide):
    own = read(desk.path("wide.csv"), target="whole", task="regression", drop=("number",))
    assert (own.train.task.name, own.encoding.outputs) == ("regression", 1)
    mean, deviation = own.encoding.target_scale
    assert float(own.train.y[0]) * deviation + mean == pytest.approx(
        wide["whole"][int(own.train.ids[0])].as_py(), rel=1e-5
    )
    tags = wide.append_column("tags", [["a;b" if row % 3 else "c" for row in range(400)]])
    arrow_csv.write_csv(tags, desk.path("tags.csv"))
    several = read(desk.path("tags.csv"), target="tags", task="multi-label")
    assert several.train.y.shape == (360, 3)
    assert several.encoding.classes == ("a", "b", "c")
