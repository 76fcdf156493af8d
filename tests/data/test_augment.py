import pytest
import torch
from torch.nn.functional import pad

from reweigh.data.augment import augment, crop, flip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered(batch: int, channels: int = 2, height: int = 6, width: int = 5) -> torch.Tensor:
    size = batch * channels * height * width
    return torch.arange(1, size + 1, dtype=torch.float32).reshape(batch, channels, height, width)


def test_every_crop_is_a_window_of_its_own_padded_image():
    images = numbered(40)
    padded, places = pad(images, [2] * 4), set()
    for image, window in zip(padded, crop(images, generator(), padding=2), strict=True):
        found = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if torch.equal(image[:, top : top + 6, left : left + 5], window)
        ]
        assert len(found) == 1
        places.add(found[0])
    assert len(places) > 15  # of 25, independently for each image


def test_a_flip_mirrors_about_half_of_the_images_and_leaves_the_rest():
    images = numbered(400)
    mirrored = 0
    for image, result in zip(images, flip(images, generator()), strict=True):
        mirrored += torch.equal(result, image.flip(-1))
        assert torch.equal(result, image.flip(-1)) or torch.equal(result, image)
    assert 150 < mirrored < 250


@pytest.mark.usefixtures("untouched_global_rng")
def test_augmenting_repeats_with_its_generator_and_leaves_the_images_alone():
    images = numbered(30)
    before = images.clone()
    first, again, other = (augment(images, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(images, before)
    assert first.shape == images.shape


def test_no_padding_is_no_crop():
    assert torch.equal(crop(numbered(3), generator(), padding=0), numbered(3))


@pytest.mark.parametrize("change", [crop, flip, augment])
def test_one_image_in_place_of_a_batch_is_refused(change, refused):
    with refused("shape (3, 8, 8)", "(B, channels, height, width)"):
        change(torch.zeros(3, 8, 8), generator())


def test_a_negative_padding_is_refused(refused):
    with refused("padding is -1"):
        crop(numbered(2), generator(), padding=-1)
