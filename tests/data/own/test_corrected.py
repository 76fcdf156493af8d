"""A column that says what is right of rows that were checked: they are the clean set, and what they were called is known."""

import json

import numpy as np
import pandas
import pytest

from reweigh.data.own import Sources, read_own
from reweigh.errors import BadInput

WRONG, CHECKED, ROWS = (0, 3, 6), 12, 40
GIVEN = [("no", "yes")[row % 2] for row in range(ROWS)]
RIGHT = [("no", "yes")[(row % 2) ^ (row in WRONG)] for row in range(ROWS)]


def sheet(desk, right, **columns):
    return desk.table(ok=None, right=right, **columns)


def checked(labels=RIGHT, rows=range(CHECKED)):
    return [labels[row] if row in rows else "" for row in range(ROWS)]


def read(desk, right=None, columns=None, **said):
    """Forty rows called no, yes, no, ..., of which twelve were checked and three of these found wrong."""
    train = sheet(desk, checked() if right is None else right, **columns or {})
    test = desk.table("test.csv", 6, ok=None) if "test" not in said else said["test"]
    said |= {"train": train, "test": test}
    return read_own(Sources(**{"target": "label", "clean_target": "right"} | said), seed=0)


def labels(own, part):
    return {row: own.train.classes[y] for row, y in zip(part.ids.tolist(), part.y.tolist(), strict=True)}


def called(own):
    return {
        row: own.train.classes[y] for row, y in zip(own.before.ids.tolist(), own.before.targets.tolist(), strict=True)
    }


def test_its_rows_are_the_clean_set_with_its_labels_and_the_others_are_as_given(desk):
    own = read(desk)
    assert labels(own, own.clean) == {row: RIGHT[row] for row in range(CHECKED)}
    assert labels(own, own.train) == {row: GIVEN[row] for row in range(CHECKED, ROWS)}
    assert called(own) == {row: GIVEN[row] for row in range(CHECKED)}
    said = "3 of the 12 checked examples that stand in the training set have another label there: 9 to 53 % of labels"
    assert [note for note in own.notes if note.startswith(said)]


def test_nobody_learns_from_it(desk):
    assert (
        read(desk).train.x.shape
        == read_own(Sources(train=desk.table("plain.csv"), target="label", clean_column="ok"), seed=0).train.x.shape
    )


def test_it_is_what_a_file_of_the_checked_rows_is(desk):
    """With names: the same examples, labels and former labels."""
    names = [f"n{row}" for row in range(ROWS)]
    test = desk.table("test.csv", 6, ok=None, name=[f"t{row}" for row in range(6)])
    own = read(desk, columns={"name": names}, id_column="name", test=test)
    frame = pandas.read_csv(desk.path("train.csv"), keep_default_na=False)
    frame[frame.right != ""].assign(label=lambda rows: rows.right).to_csv(desk.path("clean.csv"), index=False)
    sources = {"train": desk.path("train.csv"), "clean": desk.path("clean.csv"), "test": test, "drop": ("right",)}
    apart = read_own(Sources(**sources, target="label", id_column="name"), seed=0)
    by_name = [
        {own.names[row]: label for row, label in labels(own, own.clean).items()},
        {apart.names[row].split(" of ")[0]: label for row, label in labels(apart, apart.clean).items()},
    ]
    assert by_name[0] == by_name[1]
    assert labels(own, own.train) == labels(apart, apart.train)
    assert [called(own)[row] for row in range(CHECKED)] == [called(apart)[ROWS + row] for row in range(CHECKED)]


def test_some_are_held_back_for_testing_with_what_is_right(desk):
    own = read(desk, test=None)
    both = labels(own, own.clean) | labels(own, own.test)
    assert both == {row: RIGHT[row] for row in range(CHECKED)}
    assert len(own.test) in (3, 4)
    assert set(called(own)) == set(own.clean.ids.tolist())


def test_a_class_that_nobody_called_anything_before(desk):
    own = read(desk, right=["perhaps", *checked()[1:]])
    assert own.train.classes == ("no", "perhaps", "yes")
    assert labels(own, own.clean)[0] == "perhaps"


def test_rows_without_a_given_label_are_checked_all_the_same(desk):
    own = read(desk, columns={"label": ["", *GIVEN[1:]]})
    assert labels(own, own.clean)[0] == RIGHT[0]
    assert set(called(own)) == set(range(1, CHECKED))  # what it was called nobody knows


def test_a_gap_makes_floats_of_whole_numbers_and_they_are_the_same_labels(desk):
    """As pandas writes a column of numbers that is empty in most rows."""
    frame = pandas.DataFrame({
        "size": np.arange(ROWS) / 7, "label": [row % 2 for row in range(ROWS)],
        "right": [(row % 2) ^ (row in WRONG) if row < CHECKED else None for row in range(ROWS)],
    })  # fmt: skip
    assert frame.right.dtype == float
    for path in ("train.csv", "train.parquet"):
        getattr(frame, f"to_{path.rpartition('.')[2]}")(desk.path(path), index=False)
        own = read_own(Sources(train=desk.path(path), target="label", clean_target="right", test_share=0.2), seed=0)
        assert own.train.classes == ("0", "1")
        both = labels(own, own.clean) | labels(own, own.test)
        assert both == {row: str((row % 2) ^ (row in WRONG)) for row in range(CHECKED)}


def test_json_lines_in_which_it_is_left_out(desk):
    rows = [
        {"size": row / 7, "label": GIVEN[row]} | ({"right": RIGHT[row]} if row < CHECKED else {}) for row in range(ROWS)
    ]
    path = desk.write("train.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    own = read_own(Sources(train=path, target="label", clean_target="right"), seed=0)
    assert labels(own, own.clean) | labels(own, own.test) == {row: RIGHT[row] for row in range(CHECKED)}


def test_texts(desk):
    columns = {"text": [f"word number {row}" for row in range(ROWS)], "size": None, "colour": None}
    test = desk.table("texts.csv", 6, ok=None, text=["one"] * 6, size=None, colour=None)
    own = read(desk, columns=columns, text="text", test=test)
    assert labels(own, own.clean) == {row: RIGHT[row] for row in range(CHECKED)}


def test_numbers(desk):
    given = [row / 3 for row in range(ROWS)]
    right = [given[row] + 100 * (row in WRONG) if row < CHECKED else "" for row in range(ROWS)]
    own = read(desk, right, test=None, columns={"label": given})
    assert own.train.task.name == "regression"
    mean, deviation = own.train.task.scale
    found = {row: y * deviation + mean for part in (own.clean, own.test)
             for row, y in zip(part.ids.tolist(), part.y.flatten().tolist(), strict=True)}  # fmt: skip
    assert found == {row: pytest.approx(right[row], abs=1e-4) for row in range(CHECKED)}


def test_several_labels_of_a_cell(desk):
    given = [("a;b", "a", "")[row % 3] for row in range(ROWS)]
    right = ["b" if row in WRONG else ("a;b", "a", "b;a")[row % 3] if row < CHECKED else "" for row in range(ROWS)]
    own = read(desk, right, test=None, columns={"label": given}, task="multi-label", test_share=0.2)
    said = {row: y for part in (own.clean, own.test) for row, y in zip(part.ids.tolist(), part.y.tolist(), strict=True)}
    assert said[0] == [0, 1]
    assert said[2] == [1, 1]


# ---- beside a mark


def test_beside_a_mark_it_holds_only_what_was_wrong(desk):
    """As most people do it: what was found right is marked as seen, and nothing is written beside it."""
    own = read(
        desk, checked(rows=WRONG), columns={"seen": [int(row < CHECKED) for row in range(ROWS)]}, clean_column="seen"
    )
    assert labels(own, own.clean) == {row: RIGHT[row] for row in range(CHECKED)}
    assert called(own) == {row: GIVEN[row] for row in range(CHECKED)}


def test_beside_a_list_of_ids(desk):
    ids = desk.write("ids.txt", "".join(f"{row}\n" for row in range(CHECKED)))
    own = read(desk, checked(rows=WRONG), clean_ids=ids)
    assert labels(own, own.clean) == {row: RIGHT[row] for row in range(CHECKED)}


def test_what_is_corrected_and_not_marked_counts_as_checked_and_is_said(desk):
    seen = [int(row < CHECKED and row not in WRONG[:2]) for row in range(ROWS)]
    own = read(desk, checked(rows=WRONG), columns={"seen": seen}, clean_column="seen")
    assert set(own.clean.ids.tolist()) == set(range(CHECKED))
    assert "2 rows with something in column 'right' count as checked, though not marked as such" in own.notes


def test_what_was_found_right_and_left_empty_tells_no_share(desk):
    """All that were checked and stand there were wrong: not that all labels are."""
    own = read(desk, checked(rows=WRONG))
    assert own.before is None
    assert labels(own, own.clean) == {row: RIGHT[row] for row in WRONG}
    said = next(note for note in own.notes if note.startswith("none of the 3 rows with something in column 'right'"))
    assert said.endswith("say which rows were checked, with --clean-column")
    assert not any("another label there" in note for note in own.notes)


# ---- what cannot be used


@pytest.mark.parametrize(
    ("said", "right", "sentence"),
    [
        ({}, [""] * ROWS, "none of the 40 rows"),
        ({}, RIGHT, "all of the 40 rows"),
        ({"clean": "train.csv"}, None, "the clean set is given by --clean and --clean-target"),
        ({"clean_target": "rihgt"}, None, "has no column 'rihgt' (--clean-target): did you mean 'right'"),
        ({"clean_target": "label"}, None, "is named for two parts"),
        ({"target": "label,colour"}, None, "--clean-target is one column, and the targets of"),
    ],
)
def test_in_one_sentence(said, right, sentence, desk):
    train = sheet(desk, checked() if right is None else right)
    said = {"target": "label", "clean_target": "right"} | said
    if "clean" in said:
        said["clean"] = train
    with pytest.raises(BadInput) as refused:
        read_own(Sources(train=train, **said), seed=0)
    assert sentence in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("word", ["ok", "OK", "x", "✓", "same", "Yes!"[:3]])
def test_a_word_that_says_that_the_given_label_is_right_is_no_class(word, desk):
    """Who goes over a sheet writes ok beside a label as often as the label again."""
    given, right = (["ham", "spam"] * (ROWS // 2), [word] * CHECKED + [""] * (ROWS - CHECKED))
    right[3] = "ham"
    with pytest.raises(BadInput) as refused:
        read(desk, right, columns={"label": given})
    assert f"row 0 of {desk.path('train.csv')} has {word!r} in column 'right', where no given label is" in str(
        refused.value
    )
    assert "with --clean-column" in str(refused.value)


def test_where_it_is_a_label_it_is_one(desk):
    """Classes may be called yes and no, or ok."""
    given = ["ok", "broken"] * (ROWS // 2)
    own = read(desk, checked(given), test=None, columns={"label": given})
    assert own.train.classes == ("broken", "ok")


def test_a_checked_row_that_has_neither_label(desk):
    columns = {"label": ["", *GIVEN[1:]], "seen": [int(row < CHECKED) for row in range(ROWS)]}
    with pytest.raises(BadInput, match=r"row 0 of .* is a clean example without a label"):
        read(desk, checked(rows=WRONG[1:]), columns=columns, clean_column="seen")


@pytest.mark.parametrize("kind", ["images", "arrays"])
def test_where_there_are_no_columns_it_means_nothing(kind, desk):
    path = desk.images() if kind == "images" else desk.arrays()
    with pytest.raises(BadInput, match=f"--clean-target means nothing for {kind} such as"):
        read_own(Sources(train=path, clean_target="right"), seed=0)


def test_a_column_of_lists(desk):
    frame = pandas.DataFrame({"size": np.arange(8) / 7, "label": list("abababab"), "right": [["a"]] * 4 + [None] * 4})
    frame.to_parquet(desk.path("train.parquet"))
    with pytest.raises(BadInput, match=r"column 'right' of .* holds lists or bytes"):
        read_own(Sources(train=desk.path("train.parquet"), target="label", clean_target="right"), seed=0)
