"""Rows with their weights as trainers elsewhere take them, an object a program."""

from collections.abc import Mapping

from reweigh.scoring.formats.llama_factory import LlamaFactory
from reweigh.scoring.formats.marian import Marian
from reweigh.scoring.formats.ms_swift import MsSwift
from reweigh.scoring.formats.plain import Lines, OneParquet, Own
from reweigh.scoring.formats.rows import Format, Rows
from reweigh.scoring.formats.trl import Trl

FORMATS: Mapping[str, Format] = {
    one.name: one for one in (Own(), MsSwift(), LlamaFactory(), Trl(), Marian(), Lines(), OneParquet())
}

__all__ = ["FORMATS", "Format", "Rows"]
