import pickle

import pytest
import torch
from torch.utils.data import DataLoader

from reweigh.data import Examples

NAMES = ("cat", "dog", "owl")


def animals(**changes) -> Examples:
    columns = {
        "x": torch.arange(12, dtype=torch.float32).reshape(4, 3),
        "y": torch.tensor([0, 1, 2, 1]),
        "ids": torch.tensor([30, 10, 20, 40]),
        "classes": NAMES,
    }
    return Examples(**(columns | changes))


def test_a_batch_holds_the_rows_asked_for_in_their_order():
    batch = animals().batch(torch.tensor([3, 0]))
    assert batch["x"].tolist() == [[9, 10, 11], [0, 1, 2]]
    assert batch["y"].tolist() == [1, 0]
    assert batch["id"].tolist() == [40, 30]


def test_true_labels_are_the_given_ones_unless_said():
    examples = animals()
    assert torch.equal(examples.true_y, examples.y)
    assert not examples.corrupted.any()


def test_new_labels_leave_the_true_ones_and_show_what_is_corrupted():
    before = animals()
    after = before.with_labels(torch.tensor([0, 2, 2, 0]))
    assert after.y.tolist() == [0, 2, 2, 0]
    assert after.true_y.tolist() == [0, 1, 2, 1]
    assert after.corrupted.tolist() == [False, True, False, True]
    assert before.y.tolist() == [0, 1, 2, 1]


def test_select_by_rows_and_by_mask_carries_every_column():
    noisy = animals().with_labels(torch.tensor([0, 2, 2, 0]))
    picked = noisy.select(torch.tensor([3, 1]))
    assert (picked.ids.tolist(), picked.y.tolist(), picked.true_y.tolist()) == ([40, 10], [0, 2], [1, 1])
    assert picked.x[:, 0].tolist() == [9, 3]
    assert noisy.select(noisy.corrupted).ids.tolist() == [10, 40]
    assert len(noisy.select(torch.zeros(4, dtype=torch.bool))) == 0


def test_a_plain_data_loader_collates_it_and_the_ids_survive_shuffling():
    examples = animals()
    loader = DataLoader(examples, batch_size=3, shuffle=True, generator=torch.Generator().manual_seed(1))
    batches = list(loader)
    assert [len(batch["id"]) for batch in batches] == [3, 1]
    first_value = dict(zip(examples.ids.tolist(), examples.x[:, 0].tolist(), strict=True))
    for batch in batches:
        assert [first_value[name] for name in batch["id"].tolist()] == batch["x"][:, 0].tolist()


def test_it_is_a_sequence_that_ends():
    assert [int(example["id"]) for example in animals()] == [30, 10, 20, 40]
    with pytest.raises(IndexError):
        animals()[4]


def test_it_travels_by_pickle():
    again = pickle.loads(pickle.dumps(animals()))
    assert torch.equal(again.x, animals().x)
    assert again.classes == NAMES
    assert not again.corrupted.any()


def test_whole_number_inputs_are_taken_as_they_are():
    assert animals(x=torch.zeros(4, 7, dtype=torch.int64)).x.dtype == torch.int64


def test_uint8_images_stay_bytes_in_memory_and_are_floats_in_batches():
    images = animals(x=torch.tensor([0, 51, 102, 255], dtype=torch.uint8).reshape(4, 1, 1, 1))
    assert images.x.dtype == torch.uint8
    batch = images.batch(torch.tensor([1, 3]))["x"]
    assert batch.dtype == torch.float32
    assert batch.flatten().tolist() == pytest.approx([0.2, 1])
    assert images[2]["x"].item() == pytest.approx(0.4)


def test_a_regression_has_a_number_an_example():
    examples = animals(y=torch.tensor([0.5, -1, 2, 7]), classes=("price",))
    assert examples.task.name == "regression"
    assert examples.with_labels(torch.tensor([0.5, -1, 3, 7])).corrupted.tolist() == [False, False, True, False]
    assert examples.select(torch.tensor([3]))[0]["y"].item() == 7


def test_several_labels_an_example_are_a_row_of_zeros_and_ones():
    given = torch.tensor([[0, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=torch.float32)
    examples = animals(y=given)
    assert (examples.task.name, animals().task.name) == ("multi-label", "classification")
    changed = given.clone()
    changed[1] = torch.tensor([1.0, 0, 0])
    assert examples.with_labels(changed).corrupted.tolist() == [False, True, False, False]
    assert examples.batch(torch.tensor([1, 0]))["y"].tolist() == [[0, 1, 1], [0, 0, 1]]
    assert examples.select(torch.tensor([False, True, False, True])).ids.tolist() == [10, 40]


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"y": torch.tensor([0, 1, 2])}, ("x has 4", "y has 3")),
        ({"ids": torch.arange(5)}, ("x has 4", "ids has 5")),
        ({"true_y": torch.zeros(2, dtype=torch.int64)}, ("true_y has 2",)),
        ({"ids": torch.tensor([9, 7, 9, 7])}, ("the id 9 in row 2",)),
        ({"ids": torch.tensor([1, 2, 2, 3])}, ("the id 2 in row 2",)),
        ({"y": torch.tensor([0, 1, 3, 1])}, ("label 3", "id 20", "0..2")),
        ({"y": torch.tensor([0, -1, 2, 1])}, ("label -1", "id 10")),
        ({"true_y": torch.tensor([0, 1, 2, 8])}, ("true label 8", "id 40")),
        ({"y": torch.tensor([0.0, 1, 2, 1], dtype=torch.float64)}, ("float64", "(N,) float32 numbers")),
        ({"y": torch.tensor([0.0, 1, float("nan"), 1]), "classes": ("price",)}, ("id 20", "finite number")),
        ({"y": torch.zeros(4, 2)}, ("(4, 2)", "(N, 3) float32")),
        ({"y": torch.tensor([[0, 0, 1], [0, 1, 1], [1, 0, 0.5], [0, 0, 0]])}, ("id 20", "zeros and ones")),
        ({"true_y": torch.zeros(4)}, ("true_y and y differ",)),
        ({"y": torch.zeros(4, 1, dtype=torch.int64)}, ("y must be", "(4, 1)")),
        ({"x": torch.tensor([[0.0], [1], [float("nan")], [2]])}, ("id 20", "NaN")),
        ({"x": torch.tensor([[0.0], [float("-inf")], [1], [2]])}, ("id 10", "infinity")),
        ({"x": torch.tensor(1.0)}, ("x is a single number",)),
        ({"classes": ()}, ("no classes",)),
    ],
)
def test_a_set_that_cannot_be_is_refused(changes, fragments, refused):
    with refused(*fragments):
        animals(**changes)


@pytest.mark.parametrize("rows", [[0, 4], [-1]])
def test_rows_that_are_not_there_are_refused(rows, refused):
    with refused(f"row {rows[-1]}", "4 examples"):
        animals().batch(torch.tensor(rows))


def test_a_mask_of_another_length_is_refused(refused):
    with refused("the rows", "bool"):
        animals().select(torch.ones(3, dtype=torch.bool))
