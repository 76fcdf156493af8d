import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.models import MODELS, Probe, build

SHAPES = {"transformer": (12,), "table": (5,), "mlp": (1, 8, 8), "lenet": (1, 28, 28)}
OF_PAIRS = {name for name in MODELS if name.startswith("translator-")}  # test_translator.py has them
SMALL = sorted(set(MODELS) - OF_PAIRS - {"wrn-28-10", "tfidf", "minilm"})  # of those two test_text_body


def example(name: str, batch: int = 4) -> tuple[tuple[int, ...], Tensor]:
    shape = SHAPES.get(name, (3, 16, 16))
    generator = torch.Generator().manual_seed(1)
    if name == "transformer":
        return shape, torch.randint(256, (batch, *shape), generator=generator)
    return shape, torch.rand(batch, *shape, generator=generator)


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_every_model_gives_one_row_of_logits_an_example(name: str) -> None:
    shape, x = example(name)
    assert build(name, input_shape=shape, classes=7)(x).shape == (4, 7)


@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_every_parameter_that_learns(name: str) -> None:
    shape, x = example(name)
    model = build(name, input_shape=shape, classes=3)
    F.cross_entropy(model(x), torch.tensor([0, 1, 2, 0])).backward()
    for key, parameter in model.named_parameters():
        if parameter.requires_grad or not isinstance(model, Probe):
            assert parameter.grad is not None, key
            assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize(
    ("name", "input_shape", "classes", "count"),
    [
        ("resnet20", (3, 32, 32), 10, 269_722),
        ("resnet32", (3, 32, 32), 10, 464_154),
        ("resnet56", (3, 32, 32), 10, 853_018),
        ("wrn-16-4", (3, 32, 32), 10, 2_748_890),
        ("wrn-28-10", (3, 32, 32), 10, 36_479_194),
        # 5x5 convolutions 416 + 12,832 + 51,264; 1024x100+100; 100x1+1
        ("lenet", (1, 28, 28), 1, 416 + 12_832 + 51_264 + 102_500 + 101),
    ],
)
def test_the_published_number_of_parameters(name: str, input_shape: tuple[int, ...], classes: int, count: int) -> None:
    with torch.device("meta"):
        model = MODELS[name](input_shape, classes)
    assert parameters(model) == count


@pytest.mark.parametrize("name", SMALL)
def test_one_seed_gives_one_set_of_weights(name: str) -> None:
    shape, _ = example(name)
    torch.manual_seed(11)
    first = build(name, input_shape=shape, classes=3, seed=5).state_dict()
    torch.manual_seed(12)
    second = build(name, input_shape=shape, classes=3, seed=5).state_dict()
    other = build(name, input_shape=shape, classes=3, seed=6).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_building_leaves_the_global_random_state_as_found() -> None:
    before = torch.get_rng_state()
    build("lenet", input_shape=(1, 8, 8), classes=10, seed=3)
    assert torch.equal(before, torch.get_rng_state())


def test_a_failed_build_leaves_the_global_random_state_as_found() -> None:
    before = torch.get_rng_state()
    with pytest.raises(BadInput):
        build("resnet32", input_shape=(3, 8, 8), classes=10, norm="nothing")
    assert torch.equal(before, torch.get_rng_state())


def test_options_reach_the_constructor() -> None:
    model = build("resnet32", input_shape=(3, 8, 8), classes=10, norm="group", width=8)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert sum(isinstance(m, nn.GroupNorm) for m in model.modules()) == 31
    assert model.get_submodule("output").in_features == 32


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        BadInput, match="'lenett' is unknown: choose one of efficientnet-lite0, lenet, minilm, mlp, resnet20"
    ):
        build("lenett", input_shape=(1, 28, 28), classes=10)


@pytest.mark.parametrize(
    ("name", "input_shape", "classes", "options", "said"),
    [
        ("lenet", (28, 28), 10, {}, r"\(channels, height, width\) but was given \(28, 28\)"),
        ("transformer", (3, 8, 8), 10, {}, r"\(length,\) but was given"),
        ("mlp", (), 10, {}, "at least 1"),
        ("lenet", (1, 0, 28), 10, {}, r"given \(1, 0, 28\)"),
        ("lenet", (1, 28, 28), 0, {}, "classes=0"),
        ("lenet", (1, 28, 28), 10, {"norm": "batch"}, "does not take these options: .*norm"),
        ("resnet32", (3, 8, 8), 10, {"norm": "layer"}, "norm='layer' is unknown: use 'batch' or 'group'"),
        ("resnet32", (3, 8, 8), 10, {"depth": 33}, "depth=33 .*6k"),
        ("wrn-16-4", (3, 8, 8), 10, {"depth": 17}, "depth=17 .*6j"),
        ("transformer", (8,), 10, {"width": 30}, "width=30 does not split into heads=4"),
    ],
)
def test_bad_input_is_one_sentence(name, input_shape, classes, options, said) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        build(name, input_shape=input_shape, classes=classes, **options)
    assert "\n" not in str(caught.value)
