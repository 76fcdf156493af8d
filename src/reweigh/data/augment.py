"""Random crops and flips of whole batches, the augmentation that the CIFAR results are reported with.

Every function takes the generator to draw from, so that a run which is resumed draws what it would have
drawn, and works on a batch at once, which is many times faster than one image after the other.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from ..errors import BadInput
from .checks import check_count


def augment(images: Tensor, generator: Generator, padding: int = 4) -> Tensor:
    """Pad, crop and mirror images (B, channels, H, W) at random; the same shape, as a new tensor."""
    return flip(crop(images, generator, padding), generator)


def crop(images: Tensor, generator: Generator, padding: int = 4) -> Tensor:
    """Put `padding` zeros around each image and cut a window of the old size out at a random place.

    Each of the (2 padding + 1)^2 places is as likely, independently for every image of (B, channels, H, W).
    """
    _check_images(images)
    check_count(padding, "the padding", at_least=0)
    batch, channels, height, width = images.shape
    corners = torch.randint(2 * padding + 1, (2, batch, 1), generator=generator, device=generator.device)
    top, left = corners.to(images.device)
    rows = top + torch.arange(height, device=images.device)  # (B, H)
    columns = left + torch.arange(width, device=images.device)  # (B, W)
    image = torch.arange(batch, device=images.device).view(-1, 1, 1, 1)
    channel = torch.arange(channels, device=images.device).view(1, -1, 1, 1)
    return pad(images, [padding] * 4)[image, channel, rows[:, None, :, None], columns[:, None, None, :]]


def flip(images: Tensor, generator: Generator) -> Tensor:
    """Mirror each image of (B, channels, H, W) left to right with probability 1/2."""
    _check_images(images)
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator, device=generator.device) < 0.5
    return torch.where(mirrored.to(images.device), images.flip(-1), images)


def _check_images(images: Tensor) -> None:
    if images.ndim != 4:
        raise BadInput(f"images have shape {tuple(images.shape)}: give a batch of (B, channels, height, width)")
