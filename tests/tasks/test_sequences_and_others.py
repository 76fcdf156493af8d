"""What tasks are asked beside losses and scores: most of them say nothing, and refuse what means nothing."""

import pytest
import torch

from reweigh.data import Examples, Loader
from reweigh.errors import BadInput
from reweigh.tasks import Classification, LanguageModel, Regression, Translation

PIECES = ("[PAD]", "[START]", "[END]", "Ġa", "Ġb", "Ġc")
PLAIN = (Classification(("x", "y")), Regression(("x",)))


@pytest.mark.parametrize("task", PLAIN, ids=lambda task: task.name)
def test_a_batch_is_as_it_is_and_nothing_is_smoothed_or_searched(task):
    batch = {"x": torch.rand(3, 2), "y": torch.zeros(3), "id": torch.arange(3)}
    assert task.completed(batch) is batch
    assert task.shapes == ()
    with pytest.raises(NotImplementedError, match=f"{task.name} is no task of pairs"):
        task.lengths(batch["x"], batch["y"])
    assert task.inputs(batch) == (batch["x"],)
    assert task.source_told(batch["x"][0]) is None
    assert (task.scored_by, task.usual, task.of_pairs) == ({}, {}, False)
    assert task.smoothed(0.0) is task
    assert task.searched(1) is task
    assert task.seen(None, None, None, torch.arange(1)) is None
    with pytest.raises(BadInput, match=f"label smoothing is for sequences of tokens, and the task is {task.name}"):
        task.smoothed(0.1)
    with pytest.raises(BadInput, match=f"--beam is for sequences that a model writes, and the task is {task.name}"):
        task.searched(5)


def test_answers_are_the_outputs_and_comparisons_the_score():
    task, model = PLAIN[0], torch.nn.Linear(2, 2)
    batch = {"x": torch.rand(8, 2), "y": torch.arange(8) % 2}
    outputs = task.outputs_of(model, batch)
    assert torch.equal(outputs, model(batch["x"]))
    assert task.compare(outputs, batch["y"]) == task.scores(outputs, batch["y"])[task.compared]
    assert torch.equal(task.suggested(model, batch).suggested, outputs.argmax(1))


def test_a_language_model_may_be_smoothed():
    task = LanguageModel(vocabulary=5)
    logits, y = torch.randn(1, 2, 5), torch.tensor([[3, -100]])
    smooth = task.smoothed(0.5).token_losses(logits, y)
    mean = -logits.log_softmax(2)[0, 0].mean()
    torch.testing.assert_close(smooth[0, 0], 0.5 * task.token_losses(logits, y)[0, 0] + 0.5 * mean)
    assert smooth[0, 1] == 0


SHAPES = ((8, 8), (16, 16), (24, 24))


def translations(count=60):
    lengths = torch.randint(1, 20, (count,), generator=torch.Generator().manual_seed(0))
    y = torch.full((count, 24), -100, dtype=torch.int32)
    x = torch.zeros(count, 24, dtype=torch.int64)
    for row, length in enumerate(lengths.tolist()):
        y[row, :length], x[row, :length] = 3, 4
        y[row, length], x[row, length] = 2, 2
    return Examples(x, y, torch.arange(count), PIECES, task=Translation(PIECES, ("en",), shapes=SHAPES))


def test_a_loader_brings_examples_of_about_the_same_length_together():
    source = translations()
    widths, seen = [], []
    for rows, batch, _ in Loader(source, 6, seed=0).epoch(0):
        longest = int(source.lengths[rows].max())
        assert batch["x"].shape[1] == batch["y"].shape[1] == batch["given"].shape[1] == -(-longest // 8) * 8
        widths.append(batch["x"].shape[1])
        seen += rows.tolist()
    assert sorted(seen) == list(range(60))
    assert set(widths) == {8, 16, 24}


def test_a_loader_of_lengths_goes_on_in_the_middle_of_an_epoch():
    source, begun = translations(), Loader(translations(), 6, seed=0)
    whole = [rows.tolist() for rows, *_ in Loader(source, 6, seed=0).epoch(0)]
    batches = begun.epoch(0)
    first = [next(batches).rows.tolist() for _ in range(4)]
    again = Loader(source, 6, seed=0)
    again.load_state_dict(begun.state_dict())
    assert first + [rows.tolist() for rows, *_ in again.epoch(0)] == whole


def test_chosen_and_joined_examples_keep_their_true_targets_as_one():
    part = translations().select(torch.arange(10))
    assert part.true_y is part.y
    assert not part.corrupted.any()
