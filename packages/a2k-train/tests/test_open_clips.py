import logging
from pathlib import Path

import pytest
import torch

from a2k_train.open_clips import open_clips
from kp_io.audio import write_audio
from kp_io.formats import load_keypoints, save_keypoints
from kp_io.sequence import KeypointSequence


def write_manifest(folder: Path, *rows: str, header: str = "id,speaker,split") -> Path:
    path = folder / "manifest.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path, make) -> Path:
    """Clips a and b, of 12 frames each, without a manifest."""
    for seed, name in enumerate("ab"):
        clip = make(seed, frames=12)
        save_keypoints(tmp_path / f"{name}.npz", KeypointSequence(clip.keypoints, image_size=(224, 224)))
        write_audio(tmp_path / f"{name}.wav", clip.waveform, sample_rate=16_000)
    return tmp_path


class TestLoading:
    def test_only_the_splits_that_are_asked_for(self, corpus):
        assert [clip.id for clip in open_clips(corpus, splits=("val",)).clips()] == ["clip4", "clip5"]
        assert len(open_clips(corpus, splits=("train", "val"))) == 6

    def test_a_clip_is_as_it_was_written(self, corpus, make):
        clip, made = open_clips(corpus, splits=("train",)).clip(1), make(1, frames=60)
        assert (clip.id, clip.speaker, clip.split, clip.num_frames) == ("clip1", "speaker1", "train", 60)
        assert torch.equal(clip.keypoints, made.keypoints)
        assert torch.allclose(clip.waveform, made.waveform, atol=1e-4)
        assert clip.measured.dtype == torch.bool
        assert bool(clip.measured.all())

    @pytest.mark.parametrize("samples", [1, 7_679, 7_681, 20_000])
    def test_the_sound_is_as_long_as_the_face(self, folder, samples):
        write_manifest(folder, "a,ada,train")
        write_audio(folder / "a.wav", torch.full((samples,), 0.5), sample_rate=16_000)
        (clip,) = open_clips(folder, splits=("train",)).clips()
        assert len(clip.waveform) == 12 * 640

    def test_interpolated_frames_are_not_measured(self, folder):
        sequence = load_keypoints(folder / "a.npz")
        scores = torch.ones(12, 68)
        scores[3:5] = 0
        save_keypoints(folder / "a.npz", KeypointSequence(sequence.keypoints, scores, image_size=(224, 224)))
        write_manifest(folder, "a,ada,train")
        (clip,) = open_clips(folder, splits=("train",)).clips()
        assert (~clip.measured).nonzero().flatten().tolist() == [3, 4]

    def test_a_manifest_from_elsewhere(self, folder, tmp_path_factory):
        table = write_manifest(tmp_path_factory.mktemp("tables"), "b,bob,hard")
        assert list(open_clips(folder, splits=("hard",), manifest=table).ids) == ["b"]

    def test_clips_that_are_not_annotated_are_left_out_and_told(self, folder, caplog):
        write_manifest(folder, "a,ada,train", "c,cyd,train")
        with caplog.at_level(logging.WARNING, logger="a2k_train"):
            assert len(open_clips(folder, splits=("train",))) == 1
        assert "1 of 2 clips" in caplog.text


class TestWhatIsRefused:
    def test_a_speaker_in_two_splits(self, folder):
        write_manifest(folder, "a,ada,train", "b,ada,val")
        with pytest.raises(ValueError, match=r"every speaker in one split .* got ada in train and val"):
            open_clips(folder, splits=("train",))

    @pytest.mark.parametrize(("header", "missing"), [("id,split", "speaker"), ("file,speaker", "id, split")])
    def test_missing_columns(self, folder, header, missing):
        write_manifest(folder, "a,b", header=header)
        with pytest.raises(ValueError, match=f"missing {missing}$"):
            open_clips(folder, splits=("train",))

    def test_an_empty_table(self, folder):
        write_manifest(folder)
        with pytest.raises(ValueError, match=r"expected"):
            open_clips(folder, splits=("train",))

    def test_no_table(self, folder):
        with pytest.raises(FileNotFoundError, match=r"found no .*manifest\.csv"):
            open_clips(folder, splits=("train",))

    def test_no_clip_of_the_split(self, folder):
        write_manifest(folder, "a,ada,train")
        with pytest.raises(ValueError, match="expected annotated clips of split hard or val"):
            open_clips(folder, splits=("hard", "val"))

    def test_no_sound(self, folder):
        write_manifest(folder, "a,ada,train")
        (folder / "a.wav").unlink()
        with pytest.raises(FileNotFoundError, match=r"a\.wav"):
            open_clips(folder, splits=("train",))

    def test_another_frame_rate(self, folder):
        sequence = load_keypoints(folder / "a.npz")
        save_keypoints(folder / "a.npz", KeypointSequence(sequence.keypoints, fps=30.0, image_size=(224, 224)))
        write_manifest(folder, "a,ada,train")
        with pytest.raises(ValueError, match=r"at 25 fps, got 30 in a$"):
            open_clips(folder, splits=("train",))
