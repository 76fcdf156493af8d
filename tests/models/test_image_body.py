"""Networks that have learnt from ImageNet as bodies: what they are shown, and what is said where they cannot be had."""

import json
import sys

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, ResNetConfig, ResNetModel, ViTConfig, ViTForImageClassification

from reweigh.errors import BadInput, MissingExtra
from reweigh.models import Probe, build
from reweigh.models.image_body import ImageBody

PROCESSOR = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.2], "size": {"height": 16, "width": 16}}


def vit():
    config = ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=16, patch_size=8
    )
    return ViTForImageClassification(config)


def resnet():
    return ResNetModel(ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic"))


@pytest.fixture(params=[vit, resnet])
def saved(request, tmp_path):
    torch.manual_seed(0)
    model = request.param()
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return tmp_path, getattr(model, "vit", model).eval()


def test_a_vision_model_of_hugging_face(saved):
    folder, original = saved
    model = build(f"hf:{folder}", input_shape=(3, 16, 16), classes=5)
    x = torch.rand(3, 3, 16, 16)
    shown = (x - torch.tensor(PROCESSOR["image_mean"])[:, None, None]) / 0.2
    with torch.no_grad():
        states = original(pixel_values=shown).last_hidden_state
    assert torch.allclose(model.body(x), states.mean((2, 3)) if states.ndim == 4 else states.mean(1), atol=1e-5)
    assert isinstance(model, Probe)
    assert model(torch.rand(2, 1, 40, 30)).shape == (2, 5)  # any size, and grey


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ({"size": 12}, (12, 12)), ({"size": {"shortest_edge": 20}}, (20, 20)),
        ({"size": {"shortest_edge": 20}, "crop_size": {"height": 8, "width": 10}}, (8, 10)),
    ],
)  # fmt: skip
def test_the_size_is_what_the_processor_says(said, size, tmp_path):
    resnet().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**PROCESSOR, **said}))
    assert build(f"hf:{tmp_path}", input_shape=(3, 64, 64), classes=2).body.size == size


def test_what_cannot_be_had_is_said(tmp_path):
    with pytest.raises(BadInput, match="cannot be had as a Hugging Face model that reads images"):
        build(f"hf:{tmp_path}/nothing", input_shape=(3, 16, 16), classes=2)
    resnet().save_pretrained(tmp_path / "bare")
    with pytest.raises(BadInput, match="both the model and its image processor were saved"):
        build(f"hf:{tmp_path}/bare", input_shape=(3, 16, 16), classes=2)
    words = BertModel(
        BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=9)
    )
    words.save_pretrained(tmp_path / "words")
    (tmp_path / "words/preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    with pytest.raises(BadInput, match="cannot be had as a Hugging Face model that reads images"):
        build(f"hf:{tmp_path}/words", input_shape=(3, 16, 16), classes=2)


@pytest.mark.parametrize("shape", [(4, 16, 16), (2, 16, 16)])
def test_images_have_one_channel_or_three(shape):
    for name in ("efficientnet-lite0", "hf:anything"):
        with pytest.raises(BadInput, match="reads grey or coloured images"):
            build(name, input_shape=shape, classes=2)


def test_efficientnet_lite0(capsys):
    model = build("efficientnet-lite0", input_shape=(3, 32, 32), classes=3, seed=1)
    assert capsys.readouterr().out == ""
    assert model.body.size == (128, 128)
    assert build("efficientnet-lite0", input_shape=(3, 300, 150), classes=3).body.size == (224, 150)
    x = torch.rand(10, 3, 32, 32)
    features = model.body(x)
    assert features.shape == (10, 1280)
    assert torch.allclose(features[9:], model.body(x[9:]), atol=1e-4)  # no example sees another
    grey = torch.rand(2, 1, 32, 32)
    assert torch.equal(model.body(grey), model.body(grey.expand(-1, 3, -1, -1)))
    assert torch.equal(
        model.head[1].weight, build("efficientnet-lite0", input_shape=(3, 32, 32), classes=3, seed=1).head[1].weight
    )


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(MissingExtra, match=r"pip install 'reweigh\[images\]'"):
        build("efficientnet-lite0", input_shape=(3, 32, 32), classes=3)


def test_pixels_are_normalised_for_each_channel():
    body = ImageBody(
        nn.Identity(), lambda network, x: network(x).mean((2, 3)), (2, 2), [0.5, 0.25, 0.0], [0.5, 1.0, 2.0]
    )
    assert torch.allclose(body(torch.ones(1, 3, 2, 2)), torch.tensor([[1.0, 0.75, 0.5]]))
    assert not body.state_dict()
