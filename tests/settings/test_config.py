import pytest

from reweigh.errors import BadInput
from reweigh.run.folder.stored import FREE, config_from, differences
from reweigh.settings.choices import parse_imbalance
from reweigh.settings.config import TrainConfig


def test_json_and_back_gives_the_same_settings():
    config = TrainConfig(dataset="mnist", layers=("hidden", "output"), lr=0.1)
    assert config_from(config.as_json(), "here") == config


def test_resolved_leaves_nothing_open():
    config = TrainConfig(dataset="cifar10", optimizer="adam").resolved()
    assert (config.model, config.epochs, config.lr, config.clean_batch_size) == ("resnet32", 20, 0.001, 100)
    assert config.resolved() == config
    assert TrainConfig(dataset="digits", steps=7).resolved().epochs is None


def test_differences_leave_out_what_does_not_change_the_outcome():
    config = TrainConfig(dataset="mnist")
    assert differences(config, TrainConfig(dataset="mnist", data_root="/data", checkpoint_every=7)) == []
    assert differences(config, TrainConfig(dataset="mnist", seed=1, lr=0.5)) == ["lr", "seed"]
    assert set(TrainConfig.__dataclass_fields__) >= FREE


@pytest.mark.parametrize("settings", [{}, {"dataset": "mnist", "colour": "red"}, {"dataset": "mnist", "download": 1}])
def test_settings_from_a_file_are_held_to_their_kinds(settings):
    with pytest.raises(BadInput, match="there: "):
        config_from(settings, "there")


def test_a_whole_number_will_do_for_a_real_one_but_not_the_other_way_round():
    assert TrainConfig(dataset="mnist", lr=1).lr == 1
    with pytest.raises(BadInput, match="epochs"):
        TrainConfig(dataset="mnist", epochs=1.5)
    with pytest.raises(BadInput, match="batch_size"):
        TrainConfig(dataset="mnist", batch_size=True)


def test_imbalance():
    assert parse_imbalance("none") is None
    assert parse_imbalance("long-tail:100") == 100
    for wrong in ("long-tail", "long-tail:", "long-tail:nan", "long-tail:inf", "tail:2", ""):
        with pytest.raises(BadInput, match="long-tail:FACTOR"):
            parse_imbalance(wrong)
