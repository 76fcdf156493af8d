"""The pieces of a Hugging Face encoder-decoder, by name or path: its own tokenizer cuts sources and targets, and joins them.

Code that comes with it is never run. What such a model wants before a text is found by cutting an empty one: nothing for
Marian and T5, a token for the language for NLLB, which then has to be told both languages.
"""

import functools
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import BadInput, MissingExtra
from ...hub import quiet
from ...tasks.spelling import Marks
from ...words import listed, shown
from .joint import JointPieces

Languages = tuple[str, str]


def _loaded(name: str) -> tuple[Any, Any]:
    """The tokenizer and the configuration, from the disk or the hub; those in a folder as they are there now.

    Raises:
        BadInput: they cannot be had, or the model is no encoder-decoder.
        MissingExtra: if a library is not installed.
    """
    folder = Path(name)
    return _kept(name, max((file.stat().st_mtime_ns for file in folder.iterdir()), default=0) if folder.is_dir() else 0)


@functools.lru_cache(maxsize=2)
def _kept(name: str, _changed: int) -> tuple[Any, Any]:
    try:
        with quiet() as library, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")  # an extra brings it
            config = library.AutoConfig.from_pretrained(name, trust_remote_code=False)
            if config.is_encoder_decoder:
                return library.AutoTokenizer.from_pretrained(name, trust_remote_code=False), config
    except ImportError as missing:
        if "sentencepiece" not in str(missing).lower():
            raise
        raise MissingExtra(
            f"the tokenizer of hf:{name} needs sentencepiece, which is not installed: run "
            "`pip install 'reweigh[sentencepiece]'` and try again"
        ) from missing
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as refused:
        raise BadInput(
            f"the tokenizer of hf:{name} cannot be loaded ({type(refused).__name__}): give a folder to which the model and "
            "its tokenizer were saved, or a name on the hub that is downloaded or can be"
        ) from refused
    raise BadInput(
        f"hf:{name} is no encoder-decoder (it is a {config.model_type}), and makes no text of another: name one such as "
        "Marian, T5 or NLLB"
    )


@dataclass(frozen=True)
class OfTokenizer:
    """How the tokenizer joins pieces; it is loaded when it is first asked."""

    name: str
    marks: Marks
    blank: str

    @functools.cached_property
    def _tokenizer(self) -> Any:
        return _loaded(self.name)[0]

    def __getstate__(self) -> dict[str, Any]:
        """Without the tokenizer, which is loaded again where it is asked."""
        return {"name": self.name, "marks": self.marks, "blank": self.blank}

    def text(self, tokens: Sequence[int], names: Sequence[str]) -> str:
        """As the tokenizer decodes, without special tokens."""
        known = [token for token in tokens if token < len(self._tokenizer)]
        return str(self._tokenizer.decode(known, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        marks = {**asdict(self.marks), "others": sorted(self.marks.others)}
        return {"tokenizer": self.name, "marks": marks, "blank": self.blank}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "OfTokenizer":
        """What `as_json` wrote down; nothing is loaded."""
        found = dict(kept["marks"])
        padding, start, end = (int(found[name]) for name in ("padding", "start", "end"))
        source, target = (tuple(map(int, found[name])) for name in ("before_source", "before_target"))
        marks = Marks(padding, start, end, source, target, frozenset(map(int, found["others"])))
        return cls(str(kept["tokenizer"]), marks, str(kept["blank"]))


class BorrowedPieces(JointPieces):
    """The tokenizer of an encoder-decoder.

    Raises:
        BadInput: it cannot be had, does not know the languages, or cuts texts in a way of its own.
        MissingExtra: if a library is not installed.
    """

    def __init__(self, name: str, languages: Languages, *, asked: bool = False) -> None:
        """By its name; `languages` are those of both sides, and were `asked` for by the user."""
        self.name, self.languages = name, languages
        self._tokenizer, self._config = _loaded(name)
        self._check_vocabulary()
        self._set_languages(asked)
        marks, names = self._marks(), self.names
        blank = "▁" if any(piece.startswith("▁") for piece in names) else "Ġ"
        self.spelling = OfTokenizer(name, marks, blank)
        positions = getattr(self._config, "max_position_embeddings", None) or self.longest
        self.longest = min(int(self._tokenizer.model_max_length), int(positions), self.longest)

    @classmethod
    def restored(cls, kept: dict[str, Any]) -> "BorrowedPieces":
        """The tokenizer of what `as_json` wrote down."""
        source, target = kept["languages"]
        return cls(str(kept["tokenizer"]), (str(source), str(target)))

    @property
    def names(self) -> tuple[str, ...]:
        """The pieces in the order of their tokens; models have more outputs than that now and then."""
        pieces = self._tokenizer.convert_ids_to_tokens(range(len(self._tokenizer)))
        return (*map(str, pieces), *(f"[{token}]" for token in range(len(self._tokenizer), self._outputs)))

    @property
    def told(self) -> dict[str, Any]:
        """The marks that a model must know, and that it writes by itself."""
        marks = self.spelling.marks
        return {
            "padding": marks.padding,
            "start": marks.start,
            "end": marks.end,
            "before_target": list(marks.before_target),
        }

    def as_json(self) -> dict[str, Any]:
        """Whose it is, the languages, and the marks."""
        assert isinstance(self.spelling, OfTokenizer)
        return {**self.spelling.as_json(), "languages": list(self.languages)}

    @property
    def _outputs(self) -> int:
        config = getattr(self._config, "decoder", self._config)  # where encoder and decoder are models of their own
        return int(getattr(config, "decoder_vocab_size", None) or config.vocab_size)

    def _check_vocabulary(self) -> None:
        if getattr(self._tokenizer, "separate_vocabs", False):
            raise BadInput(f"hf:{self.name} has a vocabulary for each side: name a model that has one for both")
        if len(self._tokenizer) > self._outputs:
            raise BadInput(
                f"the tokenizer of hf:{self.name} knows {len(self._tokenizer):,} pieces and the model {self._outputs:,}: "
                "save both together again, after `resize_token_embeddings`"
            )

    def _set_languages(self, asked: bool) -> None:
        """Tell the tokenizer the languages, where it wants to know them."""
        if not hasattr(self._tokenizer, "src_lang"):
            if asked:
                raise BadInput(f"hf:{self.name} is for two languages, and asks for no names: leave --languages out")
            return
        for code in self.languages:
            try:
                self._tokenizer.src_lang = code
                first = self._tokenizer("")["input_ids"][0]
            except KeyError:
                first = self._tokenizer.unk_token_id
            if first in (self._tokenizer.unk_token_id, None):
                raise BadInput(
                    f"hf:{self.name} knows no language {shown(code)}: name both as it does by --languages, FROM,TO, out of "
                    f"{listed(self._known())}"
                )
        self._tokenizer.src_lang, self._tokenizer.tgt_lang = self.languages

    def _known(self) -> list[str]:
        """What it calls the languages."""
        tokenizer = self._tokenizer
        named = set(map(str, tokenizer.special_tokens_map.values()))
        others = [str(token) for token in tokenizer.all_special_tokens if str(token) not in named]
        return list(getattr(tokenizer, "lang_code_to_token", None) or others)

    def _marks(self) -> Marks:
        """What stands before and behind an empty text, and what else is no piece."""
        tokenizer, config = self._tokenizer, self._config
        padding, end, unknown = tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id
        source, target = tokenizer("")["input_ids"], tokenizer(text_target="")["input_ids"]
        start: Any = getattr(config, "decoder_start_token_id", None)
        if None in (padding, end, start) or padding in (end, unknown) or not source[-1:] == target[-1:] == [end]:
            raise BadInput(
                f"the texts of hf:{self.name} do not end in a token of their own behind which others can fill them up: name "
                "another model, such as Marian, T5 or NLLB"
            )
        others = frozenset(token for token in tokenizer.all_special_ids if token != unknown)
        return Marks(padding, int(start), end, tuple(source[:-1]), tuple(target[:-1]), others)

    def _cut(self, texts: Sequence[str], side: str) -> Iterable[Sequence[int]]:
        given: dict[str, Any] = {"text_target" if side == "target" else "text": list(texts)}
        found = self._tokenizer(**given, add_special_tokens=False, split_special_tokens=True, verbose=False)[
            "input_ids"
        ]
        marks = self.spelling.marks.all  # a text that spells one is a text
        return ([token for token in ids if token not in marks] for ids in found)
