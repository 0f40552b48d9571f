import pytest

from a2k_nets.config.paper import PaperConfig
from a2k_nets.config.residual import ModelConfig
from a2k_train.config.toml_file import config_from_toml, config_to_toml, read_config
from a2k_train.config.train_config import LossWeights, PaperLossWeights, TrainConfig, defaults


def test_toml_brings_it_back():
    config = TrainConfig(
        model=ModelConfig(width=24, dilations=(1, 3)), losses=LossWeights(adversarial=0.1), steps=7, learning_rate=1e-4
    )
    assert config_from_toml(config_to_toml(config)) == config


@pytest.mark.parametrize("preset", ["residual", "paper"])
def test_the_defaults_of_each_preset_come_back(preset):
    assert config_from_toml(config_to_toml(defaults(preset))) == defaults(preset)
    assert config_from_toml(f'preset = "{preset}"') == defaults(preset)


def test_the_papers_numbers():
    config = defaults("paper")
    assert (config.learning_rate, config.batch_size, config.epochs, config.window_frames) == (1e-4, 32, 300, 64)
    assert {config.losses.regression, config.losses.adversarial, config.losses.piv, config.losses.triplet} == {1.0}


def test_what_is_not_said_is_the_default():
    assert config_from_toml("") == TrainConfig()
    assert config_from_toml("losses.pose = 2.0").losses == LossWeights(pose=2.0)
    assert config_from_toml('preset = "paper"\nmodel.audio.hop_length = 200').model.audio.n_mels == 64


class TestFiles:
    def test_changes_go_before_the_file(self, tmp_path):
        (tmp_path / "settings.toml").write_text('preset = "paper"\nepochs = 5\nmodel.width = 0.5')
        config = read_config(tmp_path / "settings.toml", changes=["model.width=0.25", "steps=9"])
        assert (config.model.width, config.steps, config.epochs) == (0.25, 9, 0)

    def test_a_preset_that_is_not_the_files(self, tmp_path):
        (tmp_path / "settings.toml").write_text('preset = "residual"')
        with pytest.raises(ValueError, match="expected settings of the preset paper"):
            read_config(tmp_path / "settings.toml", preset="paper")

    def test_the_file_is_named(self, tmp_path):
        (tmp_path / "settings.toml").write_text("stepz = 3")
        with pytest.raises(ValueError, match=r"settings\.toml: unknown setting 'stepz'"):
            read_config(tmp_path / "settings.toml")

    def test_a_change_that_is_none(self):
        with pytest.raises(ValueError, match="expected a change such as"):
            read_config(None, changes=["model.width is 3"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batchsize = 3", "'batchsize' of TrainConfig; did you mean 'batch_size'"),
        ("losses.velocty = 3", "'velocty' of LossWeights; did you mean 'velocity'"),
        ("model.wdth = 3", "'wdth' of ModelConfig; did you mean 'width'"),
        ("model.audio.hop = 3", "'hop' of AudioConfig; did you mean 'hop_length'"),
        ('preset = "paper"\nlosses.pivot = 1.0', "'pivot' of PaperLossWeights; did you mean 'piv'"),
        ('preset = "paper"\nmodel.variants = "final"', "'variants' of PaperConfig; did you mean 'variant'"),
        ('preset = "papr"', "preset"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(text, message):
    with pytest.raises(ValueError, match=message):
        config_from_toml(text)


@pytest.mark.parametrize("text", ["{", "7", "losses = 3", 'steps = "ten"', "model = 3", "a = ["])
def test_what_is_no_config_is_refused(as_users_run_it, text):
    with pytest.raises(ValueError, match=r"expect|Expect|unknown"):
        config_from_toml(text)


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"epochs": 3},
        {"batch_size": -1},
        {"window_frames": 1},
        {"learning_rate": 0.0},
        {"checkpoint_every": 0},
        {"ema_decay": 1.0},
        {"random_reference": 1.5},
        {"schedule": "cosine"},
        {"sampling": "all"},
        {"precision": "16"},
        {"gradient_clip": -1.0},
    ],
)
def test_settings_that_do_not_fit_are_refused(settings):
    with pytest.raises(ValueError, match=f"expected.*{next(iter(settings))}"):
        TrainConfig(**settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch_size = 2.5", "batch_size to be a whole number, got 2.5"),
        ("batch_size = true", "batch_size to be a whole number, got True"),
        ("seed = 99999999999", "a seed from"),
        ("learning_rate = nan", "learning_rate to be a finite number, got nan"),
        ("speaker_balance = inf", "speaker_balance to be a finite number"),
        ('augment = "no"', "augment to be true or false, got 'no'"),
        ("schedule = 1", "schedule to be a text, got 1"),
        ("losses.lip = [1]", "lip to be a finite number"),
        ("model.dilations = 1", "dilations to be a list of whole numbers, got 1"),
        ("model.dilations = [1, 1.5]", "dilations to be a list of whole numbers"),
        ("model.dilations = [0]", "at least one dilation, all >= 1"),
        ("model.eye_corners = [1]", "eye_corners to be 2 whole numbers"),
        ("model.eye_corners = [36, 36]", "two different eye_corners"),
        ("model.stable_points = []", "two stable_points"),
        ("model.kernel_size = 0", "kernel_size >= 1"),
        ("model.dropout = 1.0", "dropout in"),
        ("model.fps = 0", "fps of at least 1"),
        ("model.audio.n_mels = 0", "n_mels of at least 1"),
        ('preset = "paper"\nmodel.fps = 0', "fps of at least 1"),
        ('preset = "paper"\nmodel.width = "x"', "width to be a finite number"),
        ('preset = "paper"\nmodel.stable_points = [1]', "two stable_points"),
        ('preset = "listener"\nsilence = 0.1', "silence and tempo of 0 for the preset listener.* got 0.1 and 0"),
        ('preset = "listener"\ntempo = 0.2', "silence and tempo of 0 for the preset listener.* got 0 and 0.2"),
        ("frozen_norm = true", "frozen_norm only with the preset paper"),
        ('preset = "listener"\nfrozen_norm = true', "frozen_norm only with the preset paper"),
        ("model = 3", "settings of ModelConfig by name, got 3"),
        ("losses = 3", "settings of LossWeights by name, got 3"),
        ("model.audio = 3", "settings of AudioConfig by name, got 3"),
    ],
)
def test_values_of_another_kind_or_out_of_range_are_refused(as_users_run_it, text, message):
    with pytest.raises(ValueError, match=f"expected .*{message}"):
        config_from_toml(text)


def test_the_last_change_counts(as_users_run_it):
    assert read_config(None, changes=["model.width=16", "model.width=24"]).model.width == 24
    with pytest.raises(ValueError, match="settings of ModelConfig by name, got 5"):
        read_config(None, changes=["model.width=16", "model=5"])


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"settings\.toml: .*decode"):
        read_config(tmp_path / "settings.toml")


def test_a_triplet_that_is_none():
    with pytest.raises(ValueError, match="triplet_form to be one of margin, literal"):
        PaperLossWeights(triplet_form="hinge")


def test_presets_do_not_mix():
    with pytest.raises(ValueError, match="one preset"):
        TrainConfig(model=PaperConfig())


def test_the_names_of_0_1_0_are_read(tmp_path):
    old = tmp_path / "config.toml"
    old.write_text("losses.sway = 0.2\nmodel.ease_in_frames = 3")
    config = read_config(old)
    assert (config.losses.head_motion_gain, config.model.fade_in_frames) == (0.2, 3)
    changed = read_config(
        old, changes=["losses.head_motion_gain = 0.3", "losses.sway = 0.4", "model.fade_in_frames = 4"]
    )
    assert (changed.losses.head_motion_gain, changed.model.fade_in_frames) == (0.4, 4)
    assert LossWeights(sway=0.5) == LossWeights(head_motion_gain=0.5)
