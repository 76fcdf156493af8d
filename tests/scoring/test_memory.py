"""Memory does not grow with the data: ten times the rows, the same peak."""

import json
import resource

import pytest
import torch

import tiny_language_models as tiny
from reweigh.scoring import score, select
from run.conftest import CONTEXT


def peaks(folder, model, rows):
    """In a process of its own: the most memory, in KiB, when all rows have been scored, and chosen."""
    torch.set_num_threads(1)
    data, output = folder / f"{rows}.jsonl", folder / f"{rows}.parquet"
    score(data, model=model, target=folder / "clean.jsonl", output=output, batch_size=256)
    scored = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    select(output, keep=0.3, output=folder / f"kept{rows}")
    select(output, weights=True, format="ms-swift", output=folder / f"weighed{rows}")
    chosen = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (folder / f"{rows}.json").write_text(json.dumps([scored, chosen]))


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_the_memory_of_ten_thousand(tmp_path):
    model = tiny.model(tmp_path / "model", width=8)
    tiny.json_lines(tmp_path / "clean.jsonl", tiny.texts(20, seed=1))
    some = tiny.texts(10_000)
    for rows, times in ((10_000, 1), (100_000, 10)):
        with (tmp_path / f"{rows}.jsonl").open("w") as file:
            for turn in range(times):
                file.writelines(json.dumps({**row, "id": f"{row['id']}-{turn}"}) + "\n" for row in some)
        process = CONTEXT.Process(target=peaks, args=(tmp_path, model, rows))
        process.start()
        process.join(1800)
        assert process.exitcode == 0
    (few, few_chosen), (many, many_chosen) = (
        json.loads((tmp_path / f"{n}.json").read_text()) for n in (10_000, 100_000)
    )
    assert many - few < 32 * 1024, (few, many)
    assert many_chosen - few_chosen < 48 * 1024, (few_chosen, many_chosen)
    assert len((tmp_path / "weighed100000" / "weighed.jsonl").read_text().splitlines()) == 100_000
