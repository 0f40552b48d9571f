import json

import pytest

from a2k_nets.config import ModelConfig
from a2k_train.config import LossWeights, TrainConfig, train_config_from_json, train_config_to_json


def test_json_brings_it_back():
    config = TrainConfig(
        model=ModelConfig(width=24, dilations=(1, 3)), losses=LossWeights(adversarial=0.1), steps=7, learning_rate=1e-4
    )
    assert train_config_from_json(train_config_to_json(config)) == config


def test_what_is_not_said_is_the_default():
    assert train_config_from_json("{}") == TrainConfig()
    assert train_config_from_json('{"losses": {"pose": 2.0}}').losses == LossWeights(pose=2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"batchsize": 3}', "'batchsize' of TrainConfig; did you mean 'batch_size'"),
        ('{"losses": {"velocty": 3}}', "'velocty' of LossWeights; did you mean 'velocity'"),
        ('{"model": {"wdth": 3}}', "'wdth' of ModelConfig; did you mean 'width'"),
        ('{"model": {"audio": {"hop": 3}}}', "'hop' of AudioConfig; did you mean 'hop_length'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(text, message):
    with pytest.raises(ValueError, match=message):
        train_config_from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"losses": 3}', '{"steps": "ten"}', '{"model": 3}'])
def test_what_is_no_config_is_refused(as_users_run_it, text):
    with pytest.raises(ValueError, match=r"expect|Expect"):
        train_config_from_json(text)


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"batch_size": -1},
        {"window_frames": 1},
        {"learning_rate": 0.0},
        {"checkpoint_every": 0},
        {"ema_decay": 1.0},
        {"random_reference": 1.5},
        {"smoothing_frames": 4},
    ],
)
def test_settings_that_do_not_fit_are_refused(settings):
    with pytest.raises(ValueError, match=f"expected.*{next(iter(settings))}"):
        TrainConfig(**settings)


def test_json_is_readable():
    assert json.loads(train_config_to_json(TrainConfig()))["model"]["audio"]["sample_rate"] == 16_000
