"""Files spoiled at random, byte by byte: they are read or refused in a sentence, and nothing else happens."""

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reweigh.data.own import Sources, read_own
from reweigh.errors import BadInput

INSERTED = [b",", b'"', b"\n", b"\xff", b"inf", b"1e999", b"\0", b";", b"\r", b"-", b"nan"]


def spoiled(good: bytes, chance: random.Random) -> bytes:
    found = bytearray(good)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        place, what = chance.randrange(max(len(found), 1)), chance.random()
        if what < 0.5 and found:
            found[place] = chance.randrange(256)
        elif what < 0.7:
            del found[place : place + chance.randrange(1, 20)]
        elif what < 0.9:
            found[place:place] = chance.choice(INSERTED)
        else:
            del found[place:]
    return bytes(found)


def table(desk, kind):
    path = desk.table(day=[f"2020-01-{1 + row % 28:02}" for row in range(40)])
    if kind == "parquet":
        arrow_csv, parquet = pytest.importorskip("pyarrow.csv"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow_csv.read_csv(path), desk.path("train.parquet"))
        path = desk.path("train.parquet")
    return Sources(train=path, target="label", clean_column="ok"), path


def image(desk, kind):
    sources = Sources(train=desk.images(each=2), clean=desk.images("clean", each=2, seed=1))
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(desk.path(f"train/cat/x.{kind}"))
    return sources, desk.path(f"train/cat/x.{kind}")


def array(desk, kind):
    return Sources(train=desk.arrays()), desk.path("train.npz")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (table, "csv"),
        (table, "parquet"),
        (array, "npz"),
        *[(image, kind) for kind in ("png", "jpg", "gif", "tif", "bmp")],
    ],
)
def test_a_spoiled_file_is_read_or_refused(make, kind, desk):
    sources, path = make(desk, kind)
    good, chance, refused = Path(path).read_bytes(), random.Random(0), list[str]()
    for _ in range(30):
        Path(path).write_bytes(spoiled(good, chance))
        try:
            read_own(sources, seed=0)
        except BadInput as sentence:
            refused.append(str(sentence))
    assert refused
    assert not [text for text in refused if "\n" in text or len(text) > 500]
    Path(path).write_bytes(good)
    read_own(sources, seed=0)
