"""A teacher's faces for speech without video, and the training that learns from them."""

from dataclasses import replace

import pytest
import torch

from a2k_nets import Audio2Keypoint
from a2k_nets.checkpoints.checkpoint import read_tensors
from a2k_nets.config import ListenerConfig
from a2k_nets.config.residual import ModelConfig
from a2k_nets.pretrained import load_model
from a2k_train.config.train_config import LossWeights, TrainConfig
from a2k_train.data.clip_store import ClipStore
from a2k_train.experiments.crossval import cross_validate
from a2k_train.experiments.held_out_models import held_out_teachers
from a2k_train.recipes.ears.lessons import Lessons
from a2k_train.recipes.prepare_store import prepare_store
from a2k_train.training.fit import fit
from a2k_train.training.trainer import Trainer

SETTINGS = TrainConfig(
    model=ModelConfig(width=8, dilations=(1, 2), lookahead_hops=2),
    steps=4,
    batch_size=3,
    window_frames=16,
    checkpoint_every=2,
    taught_windows=5,
)


@pytest.fixture(scope="module")
def teacher():
    return load_model("listener")


@pytest.fixture(scope="module")
def speech(store):
    heard = prepare_store(replace(SETTINGS, losses=LossWeights(features=1.0)), store)
    return replace(heard, keypoints=torch.zeros(1, 68, 2).expand(heard.num_frames, 68, 2))


class TestLessons:
    def test_the_teacher_speaks_with_other_faces(self, teacher, speech, store):
        lessons = Lessons(teacher, speech)
        windows = lessons.sampler(windows=2, window_frames=64).batch(0)
        face = store.keypoints[:1]
        other = 2 * face + 50
        lesson = lessons.teach(windows, torch.cat((face, other)))
        again = lessons.teach(windows, torch.cat((other, face)))
        torch.testing.assert_close(again.keypoints[0], 2 * lesson.keypoints[0] + 50, atol=0.05, rtol=0)
        # The head is still: points that do not move with speech stay where they are.
        noses = lesson.keypoints[:, :, 27:29] - torch.cat((face, other))[:, None, 27:29]
        lips = lesson.keypoints[:, :, 66] - lesson.keypoints[:, :1, 66]
        assert noses[0].abs().max() < 0.5 * lips[0].abs().max()

    def test_edges_and_what_lies_past_the_end_do_not_count(self, teacher, speech):
        lessons = Lessons(teacher, speech.select([3]))  # ten frames
        windows = lessons.sampler(windows=1, window_frames=30).batch(0)
        lesson = lessons.teach(windows, load_model("small").normalizer.mean_face[None] * 60 + 100)
        assert torch.nonzero(lesson.mask[0]).flatten().tolist() == [4, 5, 6, 7, 8, 9]

    def test_refused(self, teacher, speech, store):
        with pytest.raises(ValueError, match="expected a teacher of the preset listener, got one of residual"):
            Lessons(load_model("small"), speech)
        with pytest.raises(ValueError, match="expected speech with the features"):
            Lessons(teacher, store)


class TestTraining:
    def test_the_network_follows_the_teacher(self, teacher, speech, store, tmp_path):
        losses = []
        settings = replace(SETTINGS, steps=60, augment=False, learning_rate=1e-2, schedule="constant")
        lessons = Lessons(teacher, speech)
        fit(settings, store, tmp_path, lessons=lessons, on_step=lambda step, values: losses.append(values["taught"]))
        assert sum(losses[-10:]) < 0.9 * sum(losses[:10])

    def test_a_run_resumes_to_the_same_weights(self, teacher, speech, store, tmp_path):
        lessons = Lessons(teacher, speech)
        fit(SETTINGS, store, tmp_path / "whole", lessons=lessons)
        trainer = Trainer(SETTINGS, store, lessons=lessons)
        for _ in range(2):
            trainer.train_step()
        (tmp_path / "resumed").mkdir()
        trainer.save(tmp_path / "resumed" / "state.safetensors")
        fit(SETTINGS, store, tmp_path / "resumed", lessons=lessons)
        weights = [read_tensors(tmp_path / name / "model.safetensors")[0] for name in ("whole", "resumed")]
        assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])

    def test_a_teacher_and_windows_go_together(self, teacher, speech, store):
        with pytest.raises(ValueError, match="taught_windows = 5 and no teacher"):
            Trainer(SETTINGS, store)
        with pytest.raises(ValueError, match="taught_windows = 0 and a teacher"):
            Trainer(replace(SETTINGS, taught_windows=0), store, lessons=Lessons(teacher, speech))


class TestFolds:
    def test_each_fold_has_the_teacher_that_held_it_out(self, speech, make, tmp_path):
        clips = ClipStore.from_clips([make(seed, frames=60, speaker=f"speaker{seed}") for seed in range(4)])
        small = ListenerConfig(width=8, dilations=(1, 2), window_hop=20, window_overlap=5)
        listener = TrainConfig(
            model=small, steps=2, batch_size=3, window_frames=16, silence=0.0, tempo=0.0, sound_variants=1
        )
        cross_validate(listener, clips, tmp_path / "teachers", folds=2)
        teachers = held_out_teachers(tmp_path / "teachers", clips, folds=2, seed=0)
        for fold, teacher in enumerate(teachers):
            expected = Audio2Keypoint.from_pretrained(tmp_path / "teachers" / f"fold-{fold}").state_dict()
            assert all(torch.equal(value, expected[name]) for name, value in teacher.state_dict().items())
        used = []

        def lessons(fold):
            used.append(fold)
            return Lessons(teachers[fold], speech)

        table = cross_validate(SETTINGS, clips, tmp_path / "students", folds=2, lessons=lessons)
        assert used == [0, 1]
        assert "model" in table.values
        with pytest.raises(ValueError, match="got other folds"):
            held_out_teachers(tmp_path / "teachers", clips, folds=3, seed=0)
        with pytest.raises(ValueError, match="run folder of a cross-validation as teachers"):
            held_out_teachers(tmp_path / "students" / "fold-0", clips, folds=2, seed=0)
