"""Models by name, for recipes and the command line: one name and one seed, one set of weights."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from reweigh import rng
from reweigh.errors import BadInput
from reweigh.models.image_body import efficientnet_lite0, pretrained_images
from reweigh.models.imported import imported
from reweigh.models.lenet import LeNet
from reweigh.models.mlp import MLP
from reweigh.models.pretrained import PREFIX, pretrained, reads_sentences
from reweigh.models.pretrained_pairs import pretrained_pairs
from reweigh.models.resnet import ResNet
from reweigh.models.table import TableNet
from reweigh.models.text_body import pretrained_sentences, sentences, tfidf
from reweigh.models.transformer import TransformerClassifier
from reweigh.models.translator import Translator
from reweigh.models.wide_resnet import WideResNet

MODELS: Mapping[str, Callable[..., nn.Module]] = {
    "mlp": MLP,
    "lenet": LeNet,
    "efficientnet-lite0": efficientnet_lite0,
    "resnet20": partial(ResNet, depth=20),
    "resnet32": partial(ResNet, depth=32),
    "resnet56": partial(ResNet, depth=56),
    "wrn-16-4": partial(WideResNet, depth=16, widen=4),
    "wrn-28-10": partial(WideResNet, depth=28, widen=10),
    "table": TableNet,
    "tfidf": tfidf,
    "minilm": sentences,
    "transformer": TransformerClassifier,
    "translator-tiny": Translator,
    "translator-small": partial(Translator, width=256, layers=3),
    "translator-base": partial(Translator, width=512, layers=6, heads=8),
}
TEXT_MODELS = ("tfidf", "minilm", "transformer")
PAIR_MODELS = ("translator-tiny", "translator-small", "translator-base")
IMAGE_MODELS = frozenset(name for name in MODELS if name not in {"mlp", "table", *TEXT_MODELS, *PAIR_MODELS})


def build(
    name: str | Callable[..., nn.Module],
    *,
    input_shape: tuple[int, ...],
    classes: int,
    seed: int = 0,
    device: str = "cpu",
    **options: Any,
) -> nn.Module:
    """A model on the CPU, its weights drawn from `seed` alone; the global random state stays as found.

    `name` is one of `MODELS`, "hf:" and the name or path of a Hugging Face model (of images, and where it
    encodes sentences, a frozen body under a new head; of texts else a whole model, and of pairs an encoder-decoder), or
    "module:function" of one's own, or that function.
    `input_shape` is the shape of one example: (channels, H, W) for pictures, (T,) for tokens, any for "mlp".
    On the `device` "meta" one of our models has names and shapes and takes no memory.
    `options` go to the model's constructor, such as `norm="group"` or `dropout=0.3`.

    Raises:
        BadInput: for an unknown name or option, or a shape or number of classes that the model cannot take.
    """
    with torch.random.fork_rng(devices=[]), torch.device(device):
        rng.seed_torch(seed)  # and no accelerator
        if not isinstance(name, str):
            return imported(name, input_shape, classes, **options)
        if name.startswith(PREFIX):
            return _of_hugging_face(name.removeprefix(PREFIX), input_shape, classes, options)
        if ":" in name:
            return imported(name, input_shape, classes, **options)
        return _known(name, input_shape, classes, options)


def _of_hugging_face(name: str, input_shape: tuple[int, ...], classes: int, options: dict[str, Any]) -> nn.Module:
    if len(input_shape) == 3:
        return pretrained_images(name, input_shape, classes)
    if "before_target" in options:
        return pretrained_pairs(name, classes, **options)
    if reads_sentences(name):
        terms, padding = options.get("terms"), options.get("padding", 0)
        return pretrained_sentences(name, classes, terms=terms, padding=padding)
    return pretrained(name, classes, **options)


def _known(name: str, input_shape: tuple[int, ...], classes: int, options: dict[str, Any]) -> nn.Module:
    if name not in MODELS:
        raise BadInput(f"model {name!r} is unknown: choose one of {', '.join(sorted(MODELS))}")
    _check(name, input_shape, classes)
    try:
        return MODELS[name](input_shape, classes, **options)
    except TypeError as refused:
        raise BadInput(f"model {name!r} does not take these options: {refused}") from refused


def _check(name: str, input_shape: tuple[int, ...], classes: int) -> None:
    wanted = 3 if name in IMAGE_MODELS else 1 if name in ("table", *TEXT_MODELS, *PAIR_MODELS) else None
    if (wanted is not None and len(input_shape) != wanted) or min(input_shape, default=0) < 1:
        meant = {3: "(channels, height, width)", 1: "(length,)", None: "sizes of at least 1"}[wanted]
        raise BadInput(f"model {name!r} wants input_shape={meant} but was given {tuple(input_shape)}")
    if classes < 1:
        raise BadInput(f"model {name!r} wants at least 1 class but was given classes={classes}")
