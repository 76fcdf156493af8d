"""What checked examples are called in the training file: kept, counted, and left out where it says nothing."""

import torch

from reweigh.data.own import Sources, read_own
from reweigh.run.job.prepare import prepare
from reweigh.settings import Settings


def read(desk, train, clean, test=True, **said):
    """Forty rows called no, yes, no, ..., and ten checked ones, with these columns."""
    paths = {"train": desk.table(ok=None, **train), "clean": desk.table("clean.csv", 10, ok=None, **clean)}
    if test:
        paths["test"] = desk.table("test.csv", 6, ok=None, **({"name": [*range(70, 76)]} if "name" in train else {}))
    return read_own(Sources(**paths | {"target": "label"} | said), seed=0)


def called(own):
    """From the row of a clean example to what it is called in the training file, and to its right label."""
    truth, classes = dict(zip(own.clean.ids.tolist(), own.clean.y.tolist(), strict=True)), own.train.classes
    pairs = zip(own.before.ids.tolist(), own.before.targets.tolist(), strict=True)
    return [(one - 40, classes[was], classes[truth[one]]) for one, was in pairs]


def told(own):
    return [note for note in own.notes if "another label there" in note]


def test_by_their_names_in_any_order(desk):
    right = ["no"] * 9 + ["yes"]
    own = read(desk, {"name": [*range(40)]}, {"name": [*range(39, 29, -1)], "label": right}, id_column="name")
    given = [("no", "yes")[row % 2] for row in range(39, 29, -1)]
    assert sorted(called(own)) == [(k, given[k], right[k]) for k in range(10)]
    said = "6 of the 10 checked examples that stand in the training set have another label there: 31 to 83"
    assert told(own) == [f"{said} % of labels like theirs are wrong"]


def test_without_names_by_what_they_look_like(desk):
    size = [row / 7 for row in range(40)]
    own = read(
        desk,
        {"size": size, "colour": ["red"] * 39 + ["blue"]},
        {"size": size[14:4:-1], "colour": ["red"] * 10, "label": ["no"] * 5 + ["yes"] * 5},
    )
    assert {row: was for row, was, _ in called(own)} == {k: ("no", "yes")[(14 - k) % 2] for k in range(10)}


def test_texts_that_stand_there_twice_count_twice(desk):
    words = [f"word number {row}" for row in range(39)]
    train = {"colour": None, "size": None, "text": [*words, words[0]]}
    own = read(
        desk,
        train,
        {"colour": None, "size": None, "text": words[:10], "label": ["yes"] * 5 + ["no"] * 5},
        test=False,
        text="text",
    )
    first = [pair for pair in called(own) if pair[0] == 0]
    assert first in ([], [(0, "no", "yes"), (0, "yes", "yes")])  # unless it is held back for testing
    assert len(called(own)) == len(own.clean) + (len(first) == 2)


def test_what_is_held_back_for_testing_says_nothing(desk):
    own = read(desk, {"name": [*range(40)]}, {"name": [*range(30, 40)]}, test=False, id_column="name")
    assert len(own.test) + len(own.clean) == 10
    assert sorted(row for row, _, _ in called(own)) == sorted((own.clean.ids - 40).tolist())
    assert f"none of the {len(own.clean)} checked examples that stand in the training set" in told(own)[0]


def test_rows_without_a_label_are_no_mistakes(desk):
    names, labels = [*range(40)], ["", *["yes", "no"] * 19, "no"]
    own = read(desk, {"name": names, "label": labels}, {"name": [*range(10)]}, id_column="name")
    assert 0 not in [row for row, _, _ in called(own)]


def test_none_where_nothing_stands_twice_or_the_checked_rows_are_of_the_file_itself(desk):
    assert read(desk, {}, {}).before is None
    own = read_own(Sources(train=desk.table(), target="label", clean_column="ok"), seed=0)
    assert own.before is None
    assert told(own) == []


def test_a_number_is_not_wrong_for_being_another(desk):
    of = {"train": 40, "clean": 30, "test": 6}
    columns = {part: [row / 3 for row in range(count)] for part, count in of.items()}
    paths = {
        part: desk.table(f"{part}.csv", count, ok=None, label=columns[part], name=[*range(count)])
        for part, count in of.items()
    }
    own = read_own(Sources(**paths, target="label", id_column="name"), seed=0)
    assert own.train.task.name == "regression"
    assert len(own.before.ids) == 24  # the six others are tested
    assert told(own) == []


def test_noise_that_is_put_in_leaves_it_out(desk):
    """Then the others have more mistakes than those that were checked, and are not called what the file says."""
    paths = {
        "train": desk.table(ok=None, name=[*range(40)]),
        "clean": desk.table("clean.csv", 10, ok=None, name=[*range(30, 40)]),
        "test": desk.table("test.csv", 6, ok=None, name=[*range(70, 76)]),
    }
    sources = Sources(**paths, target="label", id_column="name")
    as_it_is = prepare(Settings(data=sources))
    assert torch.equal(as_it_is.before.ids.sort().values, as_it_is.clean.ids)
    assert prepare(Settings(data=sources).but(noise="uniform:0.4")).before is None
