"""Which pieces pairs are cut into: a Hugging Face model's own, a given SentencePiece model's, or new ones of both sides."""

from collections.abc import Iterable
from typing import Any

from ...errors import BadInput
from ...tasks.spelling import BYTES, Spelling
from .borrowed_pieces import BorrowedPieces, Languages, OfTokenizer
from .given_pieces import GivenPieces, OfSentencePiece
from .joint import JointPieces, Pieces, trained
from .sources import Sources
from .vocabulary import SIZE


def pieces_for(sources: Sources, tokenizer: str | None, texts: Iterable[str]) -> JointPieces:
    """The pieces of a new run: of the `tokenizer`, of `sources.pieces`, or made of the `texts` of both sides.

    Raises:
        BadInput: they cannot be had, or what is said of them does not go together.
        MissingExtra: if a library is not installed.
    """
    if tokenizer is not None:
        for name in ("pieces", "vocabulary"):
            if getattr(sources, name) is not None:
                raise BadInput(f"hf:{tokenizer} cuts texts into pieces of its own: leave --{name} out")
        return BorrowedPieces(tokenizer, _languages(sources), asked=sources.languages is not None)
    if sources.languages is not None:
        raise BadInput(
            "--languages is for models of Hugging Face that know many: name one by --model hf:NAME_OR_FOLDER"
        )
    if sources.pieces is None:
        return trained(texts, sources.vocabulary or SIZE)
    if sources.vocabulary is not None:
        raise BadInput(f"{sources.pieces} has pieces of its own, and --vocabulary says how many to make: leave one out")
    return GivenPieces.at(sources.pieces)


def pieces_of(kept: dict[str, Any]) -> JointPieces:
    """The pieces that an encoding's reader names."""
    if "tokenizer" in kept:
        return BorrowedPieces.restored(kept)
    return GivenPieces(kept["sentencepiece"]) if "sentencepiece" in kept else Pieces(kept["vocabulary"])


def spelling_of(kept: dict[str, Any]) -> Spelling:
    """How their tokens spell texts; nobody's tokenizer is loaded for that."""
    if "marks" in kept:
        return OfTokenizer.of(kept)
    return OfSentencePiece(kept["sentencepiece"]) if "sentencepiece" in kept else BYTES


def _languages(sources: Sources) -> Languages:
    if sources.languages is None:
        return str(sources.source), str(sources.target)
    both = [name.strip() for name in sources.languages.split(",")]
    if len(both) != 2 or not all(both):
        raise BadInput(f"--languages is {sources.languages!r}: give both, FROM,TO, such as deu_Latn,eng_Latn")
    return both[0], both[1]
