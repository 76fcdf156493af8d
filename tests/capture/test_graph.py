"""What CUDA graphs promise, held on a processor by a stand-in; what only a card can show is in `test_cuda.py`."""

import pytest
import torch

import laws.captured as captured
from capture.stand_in import Captured
from capture.stand_in import stand_in as stand_in
from reweigh import L2RW, Reweigher
from reweigh.errors import BadInput
from zoo import named

FIXED = named("mlp", "batchnorm2d-train", "lstm", "encoder-layer-train", "tied-language-model", "groupnorm")


@pytest.mark.parametrize("capture", ["auto", "cudagraph"])
@pytest.mark.parametrize("case", FIXED, ids=str)
def test_graphs_give_what_python_gives(case, capture, stand_in):
    told = captured.nothing_is_otherwise(case, "auto", capture=capture)
    assert "weights and gradient by" in told
    assert "is Python's" not in told


BARRED = {
    "angular-margin": "a number of a tensor is read",
    "graph-network": "by a mask",
    "experts-top-two": "nonzero()",
}


@pytest.mark.parametrize("name", BARRED)
def test_what_a_graph_cannot_hold_is_seen_before_a_card_is_asked(name, stand_in, monkeypatch):
    monkeypatch.setattr(Captured, "captured", lambda *_: pytest.fail("a capture was begun"))
    assert BARRED[name] in captured.nothing_is_otherwise(named(name)[0], "auto", capture="auto")


def test_what_a_card_cannot_capture_after_all_is_python_s(stand_in, monkeypatch):
    def failing(*_):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(Captured, "captured", failing)
    told = captured.nothing_is_otherwise(named("mlp")[0], "auto", capture="auto")
    assert "is Python's: CUDA cannot capture it (operation not permitted when stream is capturing)" in told


def test_parameters_that_have_moved_are_seen(stand_in):
    scene = named("mlp")[0].build()
    reweigher = Reweigher(scene.model, scene.per_example_loss, rule=L2RW(), clean=[scene.clean], capture="auto")
    optimizer = torch.optim.SGD(scene.model.parameters(), lr=0.1)
    batches = captured.batches(named("mlp")[0])
    for batch in batches[:11]:
        reweigher.step(batch, optimizer)
    with torch.no_grad():
        for p in scene.model.parameters():
            p.data = p.data * 2.0
    twin = named("mlp")[0].build()
    twin.model.load_state_dict(scene.model.state_dict())
    plain = Reweigher(twin.model, twin.per_example_loss, rule=L2RW(), clean=[twin.clean])
    torch.testing.assert_close(reweigher.weigh(batches[11]), plain.weigh(batches[11]))
    weights = reweigher.backward(batches[12]).weights
    torch.testing.assert_close(weights, plain.weigh(batches[12]))


def test_results_are_copies(stand_in):
    """The next replay writes to the same memory; what was given out stays."""
    scene = named("mlp")[0].build()
    reweigher = Reweigher(scene.model, scene.per_example_loss, rule=L2RW(), clean=[scene.clean], capture="auto")
    found = []
    for batch in captured.batches(named("mlp")[0]):
        scene.model.zero_grad()
        done = reweigher.backward(batch)
        found.append((done.losses, done.losses.clone(), [p.grad for p in scene.model.parameters()]))
    assert all(torch.equal(one, other) for one, other, _ in found)
    places = [g.data_ptr() for _, _, gradients in found for g in gradients]
    assert len(set(places)) == len(places)


def test_a_model_elsewhere_cannot_be_captured():
    scene = named("mlp")[0].build()
    reweigher = Reweigher(scene.model, scene.per_example_loss, rule=L2RW(), clean=[scene.clean], capture="cudagraph")
    reweigher.backward(scene.train)  # at which it is checked, and not captured
    with pytest.raises(BadInput, match="needs all of the model on a CUDA device"):
        reweigher.backward(scene.train)


def test_another_word_is_refused():
    scene = named("mlp")[0].build()
    with pytest.raises(BadInput, match="capture is 'graph': choose 'off', 'auto', 'replay', 'compile', 'cudagraph'"):
        Reweigher(scene.model, scene.per_example_loss, rule=L2RW(), clean=[scene.clean], capture="graph")
