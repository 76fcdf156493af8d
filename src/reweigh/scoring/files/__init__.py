"""The files of a data set: Parquet and JSON lines, a file a shard, read and written by windows of rows."""

from reweigh.scoring.files.find import digest_of, find_shards
from reweigh.scoring.files.json_lines import line_of
from reweigh.scoring.files.source import WINDOW, Kind, Row, Shard, in_windows

__all__ = ["WINDOW", "Kind", "Row", "Shard", "digest_of", "find_shards", "in_windows", "line_of"]
