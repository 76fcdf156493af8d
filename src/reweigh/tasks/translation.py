"""A sequence from another: translations, learnt from pairs of texts by a language model's losses on the target.

The model is called as `model(source, given)`, where `given` are the target's tokens before each position, and gives logits
(B, T, V) of the next. What it writes by itself (`decoding`) is scored by BLEU and chrF as sacreBLEU has them. `classes` are
the pieces that tokens stand for; how they spell a text, and which tokens are no pieces, its `spelling` knows: usually pieces
are of bytes, and tokens 0, 1 and 2 are padding, the start and the end of a text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from reweigh.errors import BadInput, require
from reweigh.rightness.before import Before
from reweigh.rightness.judging import Judging
from reweigh.rightness.pairs.verify import OF_PAIRS, PairsView
from reweigh.rightness.rightness import Rightness
from reweigh.rightness.witness import Witness
from reweigh.rules import Drawn, Masks
from reweigh.tasks import bleu
from reweigh.tasks.decoding import written
from reweigh.tasks.language_model import IGNORED, LanguageModel
from reweigh.tasks.measures import Measure
from reweigh.tasks.pairs_seen import in_parts, pairs_seen
from reweigh.tasks.registry import task
from reweigh.tasks.shapes import Shapes, rounded, shape_of
from reweigh.tasks.spelling import BYTES, Spelling
from reweigh.tasks.spoken import Judged, Overview, Words
from reweigh.tasks.targets import Array, BoolArray, Targets

_LEAST_PART = 8
"""Fewer pairs of about the same length go along with others."""


@task("translation")
@dataclass(frozen=True)
class Translation(LanguageModel):
    """The target's tokens, (B, T), and how a text is made of them.

    Attributes:
        spelling: how tokens spell texts; its marks are the tokens that are no pieces, `padding` among them.
        beam: how many beginnings are followed at a time when a text is written; 1 takes the likeliest token each time.
        shapes: the widths of batches; without, or where none is wide enough, multiples of eight.
    """

    spelling: Spelling = BYTES
    beam: int = 1
    shapes: Shapes = ()

    measures: ClassVar = (Measure("test_bleu", "BLEU", share=False, doubtful=10.0),
                          Measure("test_chrf", "chrF", share=False))  # fmt: skip
    words: ClassVar = Words("pair", "pairs", "all pairs", "given pair", "Pairs", "else", "these")
    from_columns: ClassVar[bool] = True
    of_pairs: ClassVar[bool] = True
    usual: ClassVar[Mapping[str, Any]] = {
        "rule": Drawn.name, "layers": ("body",), "contrast": "input", "label_smoothing": 0.1, "lr_warm_up": 100,
    }  # fmt: skip

    def __post_init__(self) -> None:
        if not self.vocabulary:
            object.__setattr__(self, "vocabulary", len(self.classes))
        object.__setattr__(self, "padding", self.spelling.marks.padding)
        super().__post_init__()

    # Reading targets

    @classmethod
    def found_in(cls, targets: Targets) -> str | None:
        """Texts beside their sources ask for it."""
        return None if targets.tokens() is None else "its source stands beside it"

    @classmethod
    def fit(cls, train: Targets, others: Sequence[Targets] = ()) -> Self:
        """The task for these pieces.

        Raises:
            BadInput: if there is no source, so that nobody has made tokens of both sides.
        """
        found = train.tokens()
        if found is None:
            raise BadInput(f"{cls.name} learns from pairs of texts: name the other column of {train.where} by --source")
        require("sacrebleu", "translation")  # rather now than after the first epoch
        return cls(found.names, train.names).spelt(found.spelling)

    def spelt(self, spelling: Spelling) -> Self:
        """With tokens that spell texts so."""
        return replace(self, spelling=spelling)

    def encode(self, targets: Targets) -> Tensor:
        """y, (N, T) int32, filled up with `IGNORED`."""
        found = targets.tokens()
        assert found is not None
        return torch.from_numpy(found.numbers.astype(np.int32))

    def missing(self, targets: Targets) -> BoolArray:
        """None: who reads pairs leaves those out that lack a side."""
        return np.zeros(len(targets), dtype=bool)

    # Training

    def collate(self, examples: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Pairs as one batch: "x" (B, S), "given" and "y" (B, T), filled up at their ends, and "id"."""
        batch = super().collate(examples)
        before = [torch.cat([one["y"].new_full((1,), self.spelling.marks.start), one["y"][:-1]]) for one in examples]
        given = pad_sequence(before, batch_first=True, padding_value=self.padding)
        return {**batch, "given": torch.where(given == IGNORED, self.padding, given)}

    def completed(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch in the first shape that holds its longest sides, and with "given", the target before each position."""
        longest = self.lengths(batch["x"], batch["y"]).amax(0, keepdim=True).clamp(min=1)
        place = int(shape_of(longest, self.shapes)[0])
        widths = self.shapes[place] if place < len(self.shapes) else rounded(longest[0]).tolist()
        x, y = _wide(batch["x"], widths[0], self.padding), _wide(batch["y"], widths[1], IGNORED).long()
        given = torch.cat([y.new_full((len(y), 1), self.spelling.marks.start), y[:, :-1]], 1)
        return {**batch, "x": x, "y": y, "given": torch.where(given == IGNORED, self.padding, given)}

    def parted(self, batch: dict[str, Tensor]) -> Sequence[tuple[int, dict[str, Tensor]]]:
        """By the shape that each pair fits in, since one long text would have all others filled up to its own."""
        lengths = self.lengths(batch["x"], batch["y"])
        shape = shape_of(lengths, self.shapes) if self.shapes else rounded(lengths[:, 1])
        groups, left = list[Tensor](), torch.zeros(0, dtype=torch.int64)
        for which in shape.unique():
            left = torch.cat([left, torch.nonzero(shape == which).flatten()])
            if len(left) >= _LEAST_PART:
                groups, left = [*groups, left], left[:0]
        if not groups:
            groups, left = [left], left[:0]
        groups[-1] = torch.cat([groups[-1], left])  # the few longest go along with others: a contrast needs two
        return [(len(rows), self.completed(_rows(batch, rows))) for rows in groups]

    def lengths(self, x: Tensor, y: Tensor) -> Tensor:
        """(N, 2): how many tokens sources and targets have."""
        return torch.stack([(x != self.padding).sum(1), (y != IGNORED).sum(1)], 1)

    def inputs(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """The source, and the target before each position."""
        return batch["x"], batch["given"]

    @property
    def masks(self) -> Masks:
        """The source's tokens in the encoder, the target's in the decoder and where logits are made."""
        target = ("y", IGNORED)
        return {"*:input": target, "*encoder*": ("x", self.padding), "*decoder*": target}

    # Scoring and predicting

    def searched(self, beam: int) -> Self:
        """With texts that are looked for among so many at a time."""
        if beam < 1:
            raise BadInput(f"--beam is {beam}: give a number of at least 1")
        return replace(self, beam=beam)

    def outputs_of(self, model: Callable[..., Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """The texts that the model writes, (B, `decoding.LONGEST`) int64, filled up with `IGNORED`."""
        marks, source = self.spelling.marks, _cut(batch["x"], self.padding)
        found = written(model, source, start=marks.start, end=marks.end, padding=marks.padding, beam=self.beam)
        nothing = torch.isin(source, torch.tensor(sorted(marks.all), device=source.device)).all(1)
        return found.masked_fill(nothing[:, None], IGNORED)

    def predict(self, outputs: Tensor) -> Tensor:
        """The texts, as they were written."""
        return outputs

    def probabilities(self, outputs: Tensor) -> None:
        """None are told."""

    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """BLEU and chrF of the texts (N, L) beside the targets, from 0 to 100."""
        said, wanted = self._texts(outputs), self._texts(y)
        return {"test_bleu": bleu.bleu(said, wanted, self._language), "test_chrf": bleu.chrf(said, wanted)}

    def compare(self, outputs: Tensor, y: Tensor) -> float:
        """BLEU; what is counted of a pair of texts is kept."""
        return bleu.bleu(self._texts(outputs), self._texts(y), self._language)

    @property
    def scored_by(self) -> dict[str, str]:
        """sacreBLEU's signatures."""
        return bleu.signatures(self._language)

    @property
    def _language(self) -> str:
        return self.targets[0] if self.targets else ""

    def suggested(self, model: Callable[..., Tensor], batch: Mapping[str, Tensor]) -> Judged:
        """No other target is suggested, and nobody is asked."""
        return self.judge(batch["y"], batch["y"])

    def judge(self, outputs: Tensor, y: Tensor) -> Judged:
        """The target itself: which other would be right nobody knows."""
        unknown = torch.full((len(y),), torch.nan)
        return Judged(y, unknown, unknown)

    @property
    def judging(self) -> Judging:
        """By how much a target depends on its source."""
        return OF_PAIRS

    def seen(self, student: Any, clean: Any, train: Any, rows: Tensor) -> PairsView:
        """By a loss without smoothing, of the pairs as they are, and of checked ones that are spoilt."""

        marks, blank = self.spelling.marks, self.spelling.blank

        def loss(sources: Any, targets: Any) -> Tensor:
            both = zip(sources, targets, strict=True)
            whole = [
                {"x": torch.tensor([*marks.before_source, *x, marks.end]), "id": torch.tensor(0),
                 "y": torch.tensor([*marks.before_target, *y, marks.end])}
                for x, y in both
            ]  # fmt: skip
            return self.smoothed(0.0).loss(student, self.collate(whole))

        every = torch.arange(len(clean))
        starts = frozenset(token for token, piece in enumerate(self.classes) if piece.startswith(blank))
        return pairs_seen(in_parts(loss), self._sides(clean, every), self._sides(train, rows), starts)

    def _sides(self, examples: Any, rows: Tensor) -> tuple[list[list[int]], list[list[int]]]:
        """The pieces of both sides, without what stands for none."""
        sides: tuple[list[list[int]], list[list[int]]] = ([], [])
        for part in rows.split(1000):
            batch = examples.batch(part)
            for side, name in zip(sides, ("x", "y"), strict=True):
                side += [self._pieces(text) for text in batch[name].tolist()]
        return sides

    def judged(
        self, view: Witness, targets: Tensor, checked: Tensor, seed: int, was: Before | None = None
    ) -> Rightness:
        """A pair is as it was given: which other target would be right is not asked."""
        assert isinstance(view, PairsView)
        as_given, kinds = torch.zeros(len(targets), dtype=torch.int64), tuple(view.spoilt)
        return self.judging.judged(view, as_given, checked, np.asarray(["all"]), kinds=kinds, seed=seed)

    def contradicts(self, given: Array, suggested: Array) -> BoolArray:
        """Everywhere: a pair that is not trusted may be wrong, though nothing is suggested in its place."""
        return np.ones(len(given), dtype=bool)

    # Words for people

    def _pieces(self, tokens: Any) -> list[int]:
        """The tokens without what stands for no piece."""
        marks = self.spelling.marks.all
        return [token for token in map(int, tokens) if token != IGNORED and token not in marks]

    def text(self, tokens: Any) -> str:
        """The text that tokens spell."""
        spoken = self._pieces(tokens)
        return self.spelling.text(spoken, self.classes).strip() if spoken else ""

    def _texts(self, tokens: Tensor) -> list[str]:
        return [self.text(row) for row in tokens.tolist()]

    def told(self, label: Any) -> str:
        """The target's text."""
        return self.text(label)

    def source_told(self, x: Tensor) -> str:
        """The source's text."""
        return self.text(x)

    def overview(self, values: Tensor, cells: Sequence[Any]) -> Overview:
        """The first few."""
        return Overview(("the first translations",), (False,), [(str(cell),) for cell in cells[:5]])


def _cut(tokens: Tensor, fill: int) -> Tensor:
    """(B, L) without the columns at the end that are filled up in every row, but for what rounding leaves."""
    return tokens[:, : rounded(int((tokens != fill).sum(1).max().clamp(min=1)))]


def _wide(tokens: Tensor, width: int, fill: int) -> Tensor:
    """(B, width): cut, or filled up."""
    return functional.pad(tokens, (0, width - tokens.shape[1]), value=fill)


def _rows(batch: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: values[rows] for name, values in batch.items()}
