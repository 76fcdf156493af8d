import json

import pytest

from reweigh.digests import NAME
from reweigh.errors import BadInput
from reweigh.run.folder.named_again import check_named_again, resume_command
from reweigh.run.folder.stored import read_config, write_config
from reweigh.settings import Settings


def test_settings_are_read_as_they_were_written_however_the_file_is_laid_out(tmp_path):
    config = Settings.of(dataset="digits", layers=("a.*",), lr=0.1)
    mark, digests = write_config(tmp_path, config, {"torch": "2"}, {})
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=None))
    stored = read_config(tmp_path)
    assert (stored.config, stored.mark, stored.digests.run) == (config, mark, digests.run)


@pytest.mark.parametrize("change", [{"versions": {}}, {"data": {}}, {"more": 1}])
def test_an_edit_of_any_part_is_said(change, tmp_path):
    write_config(tmp_path, Settings.of(dataset="digits"), {"torch": "2"}, {})
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BadInput, match="is damaged or was edited since the run began"):
        read_config(tmp_path)


def test_a_digest_that_was_taken_away(tmp_path):
    _, digests = write_config(tmp_path, Settings.of(dataset="digits"), {}, {})
    digests.write(tmp_path / "x", b"1")
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    del content["digest"]
    path.write_text(json.dumps(content))
    with pytest.raises(BadInput, match="has lost its digest"):
        read_config(tmp_path)
    (tmp_path / NAME).unlink()
    assert read_config(tmp_path).digests.run is None  # of an earlier version


def test_code_is_named_again_or_not_used(tmp_path):
    check_named_again("mlp", None, "the run")
    check_named_again("m:f", "m:f", "the run")
    with pytest.raises(BadInput, match="name it yourself with --model m:f"):
        check_named_again("m:f", None, "the run")
    with pytest.raises(BadInput, match="was made with the model"):
        check_named_again("m:f", "m:g", "the run")
    assert resume_command(tmp_path, {"model": "m:f"}).endswith(" --model m:f --resume")
    assert "--model" not in resume_command(tmp_path, {"model": "mlp", "task": None})
