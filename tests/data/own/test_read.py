"""Parts that come from several files, whatever their kind: overlaps, gaps, classes and names."""

import torch

from reweigh.data.own import Sources, read_own


def both(desk, train=None, clean=None, **said):
    paths = {"train": desk.table(ok=None, **train or {}), "clean": desk.table("clean.csv", 10, ok=None, **clean or {})}
    return read_own(Sources(**paths | {"target": "label"} | said), seed=0)


def test_ids_count_on_from_file_to_file(desk):
    own = both(desk, test=desk.table("test.csv", 6, ok=None))
    assert [len(part) for part in (own.train, own.clean, own.test)] == [40, 10, 6]
    assert (own.train.ids[0], own.clean.ids[0], own.test.ids[0]) == (0, 40, 50)
    assert own.names[41] == f"row 1 of {desk.path('clean.csv')}"
    assert own.names[55] == f"row 5 of {desk.path('test.csv')}"
    assert not any("held back" in note for note in own.notes)


def test_training_rows_that_are_clean_as_well_are_left_out(desk):
    train = [row / 7 for row in range(40)]
    same = {"size": train[5:15], "colour": ["red"] * 10}
    own = both(desk, train={"size": train, "colour": ["red"] * 39 + ["blue"]}, clean=same)
    assert own.train.ids.tolist() == [*range(5), *range(15, 40)]
    assert any("10 examples in the clean set as well left out of training" in note for note in own.notes)


def test_the_same_by_name(desk):
    names = {"train": {"name": list(range(40))}, "clean": {"name": [*range(30, 35), *range(90, 95)]}}
    own = both(desk, **names, id_column="name")
    assert len(own.train) == 35
    assert own.names[int(own.clean.ids[0])].endswith("clean.csv")


def test_tested_rows_are_in_no_other_part(desk):
    test = desk.table("test.csv", 6, ok=None, name=[0, 1, 30, 31, 98, 99])
    train, clean = {"name": list(range(40))}, {"name": [*range(30, 35), *range(90, 95)]}
    own = both(desk, train=train, clean=clean, id_column="name", test=test)
    assert [len(part) for part in (own.train, own.clean, own.test)] == [33, 8, 6]


def test_training_rows_without_a_label_leave_gaps(desk):
    own = both(desk, train={"label": ["", "yes", "NA", *["no", "yes"] * 18, "no"]})
    assert own.train.ids[:3].tolist() == [1, 3, 4]
    assert any("2 examples without a label" in note for note in own.notes)


def test_classes_of_the_clean_part_count_as_well(desk):
    own = both(desk, clean={"label": ["yes", "no", "maybe", "maybe"] * 2 + ["yes", "no"]})
    assert own.encoding.classes == ("maybe", "no", "yes")
    assert any("no training example has the class 'maybe'" in note for note in own.notes)


def test_what_is_held_back_is_stratified_and_depends_on_the_seed(desk):
    sources = Sources(train=desk.table("train.csv", 200, 100), target="label", clean_column="ok")
    one, again, other = (read_own(sources, seed=seed) for seed in (0, 0, 1))
    assert torch.bincount(one.test.y).tolist() == [15, 15]
    assert torch.equal(one.test.ids, again.test.ids)
    assert not torch.equal(one.test.ids, other.test.ids)
    assert not set(one.test.ids.tolist()) & set(one.clean.ids.tolist())


def test_a_list_of_rows(desk):
    desk.write("ids.txt", "\ufeff3\n4\r\n\n8\n9\n3\n")
    own = read_own(Sources(train=desk.table(ok=None), target="label", clean_ids=desk.path("ids.txt")), seed=0)
    assert sorted(own.clean.ids.tolist() + own.test.ids.tolist()) == [3, 4, 8, 9]


def test_a_list_of_names(desk):
    sources = Sources(
        train=desk.table(name=[f"p{row}" for row in range(40)], ok=None),
        target="label",
        id_column="name",
        clean_ids=desk.write("ids.txt", "p39\np38\np1\np2\n"),
    )
    own = read_own(sources, seed=0)
    assert sorted(own.clean.ids.tolist() + own.test.ids.tolist()) == [1, 2, 38, 39]
    assert own.names[int(own.clean.ids[0])] in ("p1", "p2", "p38", "p39")


def test_labels_that_no_clean_example_has_are_said(desk):
    own = both(desk, train={"label": ["a;b", "c"] * 20}, clean={"label": ["a", "b"] * 5}, task="multi-label")
    assert any("no clean example has the label 'c'" in note for note in own.notes)


def test_nothing_depends_on_the_global_generator(desk, marked):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    read_own(marked, seed=3)
    assert torch.equal(before, torch.get_rng_state())
