import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from reweigh.data.own import Encoding, Sources, read_new, read_own


def read(desk, **said):
    return read_own(Sources(**{"train": desk.path("train"), "clean": desk.path("clean")} | said), seed=0)


def test_folders_are_classes_and_bytes_stay_bytes(desk):
    desk.images(), desk.images("clean", seed=1)
    own = read(desk)
    assert own.train.x.shape == (12, 3, 12, 12)
    assert own.train.x.dtype == torch.uint8
    assert (own.encoding.classes, own.encoding.kind, own.encoding.model_options) == (("cat", "dog"), "images", {})
    assert (own.names[0], own.names[6], own.names[12]) == (
        "cat/0.png",
        "dog/0.png",
        f"cat/0.png of {desk.path('clean')}",
    )
    pixels = np.asarray(Image.open(desk.path("train/dog/0.png"))).transpose(2, 0, 1)
    np.testing.assert_array_equal(own.train.x[6].numpy(), pixels)
    assert own.train.batch(torch.tensor([6]))["x"].max() <= 1


def test_sizes_and_colours_that_differ(desk):
    desk.images(), desk.images("clean", seed=1)
    Image.new("L", (300, 200), 128).save(desk.path("train/cat/large.png"))
    own = read(desk)
    assert own.encoding.input_shape == (3, 12, 12)
    assert any("resized to 12 x 12" in note for note in own.notes)
    assert read(desk, image_size=20).encoding.input_shape == (3, 20, 20)


def test_grey_images_have_one_channel(desk):
    for part in ("train", "clean"):
        for label in ("a", "b"):
            for number in range(4):
                Path(desk.path(f"{part}/{label}")).mkdir(parents=True, exist_ok=True)
                shade = 10 * number + 100 * (part == "train") + 5 * (label == "b")
                Image.new("L", (100, 80), shade).save(desk.path(f"{part}/{label}/{number}.png"))
    own = read(desk)
    assert own.encoding.input_shape == (1, 64, 64)
    assert own.train.x[:, 0, 0, 0].tolist() == [100, 110, 120, 130, 105, 115, 125, 135]


def test_an_image_that_is_clean_as_well_is_not_trained_on(desk):
    desk.images(), desk.images("clean", seed=1)
    for name in ("copy.png", "again.png"):
        Path(desk.path(f"train/dog/{name}")).write_bytes(Path(desk.path("clean/cat/0.png")).read_bytes())
    own = read(desk)
    assert len(own.train) == 12
    assert any("2 examples in the clean set as well" in note for note in own.notes)


def test_a_list_of_file_names(desk):
    desk.images()
    ids = desk.write("ids.txt", "cat/1.png\ncat/2.png\ndog/3.png\ndog/4.png\n")
    own = read(desk, clean=None, clean_ids=ids)
    checked = {own.names[number] for number in own.clean.ids.tolist() + own.test.ids.tolist()}
    assert checked == {"cat/1.png", "cat/2.png", "dog/3.png", "dog/4.png"}


def test_new_images_with_classes_without_and_alone(desk):
    desk.images(), desk.images("clean", seed=1)
    own = read(desk)
    encoding = Encoding.from_json(json.loads(json.dumps(own.encoding.as_json())), "encoding.json")
    new = read_new(desk.path("train"), encoding)
    assert torch.equal(new.x, own.train.x)
    assert torch.equal(new.y, own.train.y)
    assert new.table["file"].to_pylist()[6] == new.names[6] == "dog/0.png"
    flat, one = read_new(desk.path("train/dog"), encoding), read_new(desk.path("train/dog/5.png"), encoding)
    assert (flat.y, one.y) == (None, None)
    assert torch.equal(flat.x, own.train.x[6:])
    assert torch.equal(one.batch(torch.tensor([0]))["x"][0], own.train[11]["x"])


def test_new_folders_that_are_no_classes_are_only_folders(desk):
    desk.images(), desk.images("clean", seed=1), desk.images("new", classes=("monday", "cat"))
    new = read_new(desk.path("new"), read(desk).encoding)
    assert (new.y, len(new.x)) == (None, 12)
