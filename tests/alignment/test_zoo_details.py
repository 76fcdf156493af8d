"""What the zoo's laws cannot say of all models at once: particular layers, `layers=`, arithmetic, surroundings."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import laws
import reference
from reweigh import alignments
from reweigh.errors import EngineRefused, ReweighError
from zoo import named

EXACT = ("ghost", "forward", "double")


@pytest.mark.parametrize("engine", laws.ENGINES)
def test_a_padding_row_does_no_harm_along_a_clean_gradient(engine):
    """Backward drops the padding row, so a clean gradient has no part in it and every engine is right along it."""
    (case,) = named("embedding-padding")
    scene, twin = case.build(), case.build()
    direction = reference.loop_clean_direction(twin.model, twin.per_example_loss, twin.clean)
    found = alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)
    laws.assert_close(found, reference.loop_alignments(*twin[:3], direction), laws.bound(case, engine))


@pytest.mark.parametrize("engine", laws.ENGINES)
@pytest.mark.parametrize("layers", ["0", ["2", "4"], "[24]", lambda name, part: isinstance(part, nn.Linear)])
def test_layers_restrict_the_sum_to_their_parameters(engine, layers):
    (case,) = named("mlp")
    scene, twin = case.build(), case.build()
    direction = reference.random_direction(scene.model)
    found = alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine, layers=layers)
    roots = {"0": ["0"], "[24]": ["2", "4"]}.get(layers if isinstance(layers, str) else "")
    roots = roots or (layers if isinstance(layers, list) else ["0", "2", "4"])
    part = {name: v for name, v in direction.items() if name.split(".")[0] in roots}
    laws.assert_close(found, reference.loop_alignments(*twin[:3], part), laws.bound(case, engine))


@pytest.mark.parametrize("engine", laws.ENGINES)
def test_a_name_missing_from_the_direction_counts_as_zero(engine):
    (case,) = named("lenet")
    scene, twin = case.build(), case.build()
    direction = reference.random_direction(scene.model)
    direction = {name: v for name, v in direction.items() if name.endswith("weight")}
    found = alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)
    laws.assert_close(found, reference.loop_alignments(*twin[:3], direction), laws.bound(case, engine))


@pytest.mark.parametrize(("case", "engine"), laws.pairs(named("mlp", "batchnorm2d-train", "encoder-layer-eval")))
def test_no_grad_around_the_call_changes_nothing(case, engine):
    """The weights are often asked for under no_grad; the gradients are the library's own business."""
    scene = case.build()
    direction = reference.random_direction(scene.model)
    usual = alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)
    with torch.no_grad():
        found = alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)
        assert not torch.is_grad_enabled()
    laws.assert_close(found, usual, 1e-12)


@pytest.mark.parametrize("engine", laws.ENGINES)
def test_inference_mode_is_refused(engine):
    """Tangents vanish silently under inference_mode: zeros would be the wrong answer."""
    (case,) = named("mlp")
    scene = case.build()
    direction = reference.random_direction(scene.model)
    with torch.inference_mode(), pytest.raises(ReweighError, match="inference"):
        alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)


# bfloat16 has 8 bits: each operation rounds to 4e-3, the loop's own backward passes too. What can be asked is agreement
# within a few such roundings. A difference quotient needs a step of 0.1 to see anything, and a model that is curved at
# that scale makes it useless: then it has to be refused.
AUTOCAST = {"ghost": 3e-2, "forward": 3e-2, "double": 3e-2, "finite": 0.3, "auto": 3e-2}


@pytest.mark.parametrize("where", ["inside", "outside"])
@pytest.mark.parametrize("engine", laws.ENGINES)
@pytest.mark.parametrize("case", named("mlp", "lenet", "encoder-layer-train", "resnet"), ids=str)
def test_bfloat16_autocast(case, engine, where):
    """Also a trap: autocast caches cast weights, and an engine that moves weights would be shown the old ones."""
    scene, twin = case.build(dtype=torch.float32), case.build(dtype=torch.float32)

    def autocast_loss(model, batch):
        with torch.autocast("cpu", torch.bfloat16):
            return scene.per_example_loss(model, batch)

    direction = reference.loop_clean_direction(twin.model, autocast_loss, twin.clean)
    truth = reference.loop_alignments(twin.model, autocast_loss, twin.train, direction)
    outside = torch.autocast("cpu", torch.bfloat16, enabled=where == "outside")
    loss = scene.per_example_loss if where == "outside" else autocast_loss
    try:
        with outside:
            loss(scene.model, scene.train)  # as in a training loop: autocast's cache knows the weights by now
            found = alignments(scene.model, loss, scene.train, direction, engine=engine)
    except EngineRefused:
        assert engine == "finite" or (engine == "ghost" and "ghost" in case.refused_by)
        return
    laws.assert_close(found, truth, AUTOCAST[engine])


@pytest.mark.parametrize("engine", EXACT)
def test_a_sum_over_many_examples_of_one(engine):
    """B = 1 keeps its dimension."""
    (case,) = named("mlp")
    scene = case.build()
    direction = reference.random_direction(scene.model)
    one = laws.part_of(scene.train, slice(0, 1))
    found = alignments(scene.model, scene.per_example_loss, one, direction, engine=engine)
    truth = reference.loop_alignments(scene.model, scene.per_example_loss, one, direction)
    assert found.shape == (1,)
    laws.assert_close(found, truth, 1e-10)


@pytest.mark.parametrize(("case", "engine"), laws.pairs(named("layernorm", "batchnorm1d-train")))
def test_a_direction_of_zeros_gives_zeros(case, engine):
    scene = case.build()
    direction = {name: torch.zeros_like(v) for name, v in reference.random_direction(scene.model).items()}
    with pytest.warns(UserWarning, match="the direction is exactly zero"):
        found = alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)
    assert torch.equal(found, torch.zeros(6, dtype=torch.float64))


@pytest.mark.parametrize("engine", laws.ENGINES)
def test_an_example_whose_loss_is_constant_has_alignment_zero(engine):
    (case,) = named("mlp")
    scene = case.build()
    mask = torch.tensor([1.0, 0, 1, 0, 1, 1], dtype=torch.float64)

    def masked(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none") * mask

    direction = reference.random_direction(scene.model)
    found = alignments(scene.model, masked, scene.train, direction, engine=engine)
    assert torch.equal(found == 0, mask == 0)
