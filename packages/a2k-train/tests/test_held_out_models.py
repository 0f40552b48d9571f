import pytest
import torch

from a2k_nets.residual.model import Audio2Keypoint
from a2k_train.data.open_clips import open_clips
from a2k_train.data.speaker_folds import speaker_folds
from a2k_train.experiments.crossval import cross_validate
from a2k_train.experiments.held_out_models import is_crossval, load_held_out_models


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory, store_of_four):
    folder = tmp_path_factory.mktemp("crossval")
    cross_validate(tiny, store_of_four, folder, folds=2)
    return folder


@pytest.fixture(scope="module")
def store_of_four(corpus):
    return open_clips(corpus, splits=("train",))


def test_each_clip_is_heard_by_the_model_that_did_not_see_its_speaker(run, tiny, store_of_four):
    models = load_held_out_models(run, store_of_four)
    parts = speaker_folds(store_of_four.speakers, store_of_four.lengths.tolist(), folds=2, seed=tiny.seed)
    assert is_crossval(run)
    for fold, part in enumerate(parts):
        expected = Audio2Keypoint.from_pretrained(run / f"fold-{fold}").state_dict()
        for index in part:
            assert models[index][0] == fold
            ours = models[index][1].state_dict()
            assert all(torch.equal(ours[name], value) for name, value in expected.items())


def test_other_clips_are_refused(run, store_of_four):
    with pytest.raises(ValueError, match=r"cross-validated on.*give the same corpus and splits"):
        load_held_out_models(run, store_of_four.select([0, 1, 2]))


def test_one_checkpoint_listens_to_all(run, store_of_four):
    models = load_held_out_models(run / "fold-0", store_of_four)
    assert [fold for fold, _ in models] == [0, 0, 0, 0]
    assert not is_crossval(run / "fold-0")
    assert not is_crossval(None)


def test_a_run_that_is_not_done_is_refused(run, store_of_four, tmp_path):
    (tmp_path / "fold-0").mkdir()
    (tmp_path / "fold-1").mkdir()
    (tmp_path / "fold-0" / "config.toml").write_bytes((run / "fold-0" / "config.toml").read_bytes())
    with pytest.raises(ValueError, match=r"finished cross-validation, found no clips\.csv"):
        load_held_out_models(tmp_path, store_of_four)
