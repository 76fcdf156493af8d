"""Which kind of data lies at a path, and whether it may be read: plain files and folders, nothing else."""

from pathlib import Path

from ...errors import BadInput
from ...storage import home
from ...words import meant
from .csv_file import CsvFile
from .held import HeldTable
from .image_files import SUFFIXES as IMAGES
from .json_file import JsonFile
from .other_kinds import refuse_address, refused
from .parquet_file import ParquetFile, parts_at

JSON = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv", ".parquet", ".pq", ".txt", *JSON)

Table = HeldTable | ParquetFile
OwnTable = CsvFile | JsonFile | ParquetFile


def kind_at(path: str | Path) -> str:
    """ "table", "arrays" or "images", by what lies at `path`.

    Raises:
        BadInput: nothing is there, it is no plain file or folder, or its name ends in nothing that is known.
    """
    place = existing(path)
    suffix = kind_of_file(place)
    if parts_at(place):
        return "table"
    if place.is_dir() or suffix in IMAGES:
        return "images"
    if suffix == ".npz":
        return "arrays"
    if suffix in TABLES:
        return "table"
    raise refused(place)


def existing(path: str | Path) -> Path:
    """The path, once it is known to be a plain file or a folder, or a pattern of Parquet files."""
    refuse_address(path)
    place = home(path)
    if "*" in place.name and parts_at(place):
        return place
    if not place.exists():
        beside = [near.name for near in place.parent.iterdir()] if place.parent.is_dir() else []
        remedy = meant(place.name, sorted(beside)) if beside else "check the path"
        raise BadInput(f"there is no file or folder {place}: {remedy}")
    if not (place.is_dir() or place.is_file()):
        raise BadInput(f"{place} is neither a file nor a folder: write what it gives to a file first, it is read twice")
    return place


def open_table(path: str | Path) -> OwnTable:
    """The table at `path`, by the end of its name."""
    place = existing(path)
    if parts_at(place):
        return ParquetFile(place)
    if place.is_dir():
        raise BadInput(f"{place} is a folder where a table is expected: give a .csv, .tsv, .jsonl or .parquet file")
    if kind_of_file(place) in (".parquet", ".pq"):
        return ParquetFile(place)
    return JsonFile(place) if kind_of_file(place) in JSON else CsvFile(place)


def kind_of_file(place: Path) -> str:
    """The end of its name that says what it is, in small letters: ".csv" of table.CSV.gz."""
    name = place.name.lower().removesuffix(".gz")
    return Path(name).suffix if name != place.name.lower() else place.suffix.lower()
