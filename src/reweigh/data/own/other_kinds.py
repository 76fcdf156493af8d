"""Files that are not read, and what to do with them instead."""

from pathlib import Path

from ...errors import BadInput

USUAL = "give .csv, .tsv, .csv.gz, .jsonl, .parquet or .npz, or a folder with one folder of images a class"
_SHEET = "save the sheet as CSV"
_PARQUET = "write the table as Parquet, in pandas by frame.to_parquet"
_PACKED = "unpack it first"
_INSTEAD = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"), _SHEET),
    **dict.fromkeys((".feather", ".arrow", ".ipc", ".orc", ".avro", ".h5", ".hdf5"), _PARQUET),
    **dict.fromkeys((".pkl", ".pickle", ".dta", ".sav", ".sas7bdat", ".rds", ".rdata"), _PARQUET),
    **dict.fromkeys((".sqlite", ".sqlite3", ".db", ".html", ".md", ".xml"), "write the table as CSV"),
    **dict.fromkeys((".zip", ".xz", ".bz2", ".zst", ".7z", ".tar", ".tgz", ".rar"), _PACKED),
    **dict.fromkeys((".npy", ".pt", ".pth", ".mat"), "write x and y as .npz (numpy.savez)"),
}
OTHERS = frozenset((*_INSTEAD, ".json"))
"""How the names of files end of which it is known what to do with them."""
_LOOKED_AT = 4096


def refused(place: Path) -> BadInput:
    """What is said of a file of no kind that is read."""
    suffix = place.suffix.lower()
    instead = _of_json(place) if suffix == ".json" else _INSTEAD.get(suffix)
    if instead is None:
        return BadInput(f"{place} is of no kind that can be read: {USUAL}")
    return BadInput(f"{place} is a {suffix}, which is not read: {instead}")


def refuse_address(path: str | Path) -> None:
    """Data are read from this machine, twice.

    Raises:
        BadInput: if it is the address of something elsewhere.
    """
    if "://" in str(path):
        raise BadInput(f"{path} is an address, and data are read from files: download it first")


def _of_json(place: Path) -> str:
    """By its first character: one list of all rows, or an object a line."""
    if not place.is_file():
        return "give a file with one object a line, .jsonl"
    with place.open("rb") as file:
        start = file.read(_LOOKED_AT).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        lines = place.with_suffix(".jsonl").name
        return f"write one object a line, in a terminal by `jq -c '.[]' {place.name} > {lines}`, and name {lines}"
    return "where it has one object a line, call it .jsonl; else write the table as CSV"
