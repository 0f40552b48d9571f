import logging
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from a2k_train.data.open_clips import open_clips
from a2k_train.data.window_sampler import WindowSampler
from kp_io import ClipRules, CorpusOptions, build_corpus, write_video
from kp_io.formats.registry import load_keypoints, save_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import encode_flac, read_audio, write_audio

SPEECH = Path(__file__).parents[3] / "examples" / "assets" / "sense_and_sensibility_0870.wav"


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

    def test_names_match_in_any_unicode_form(self, folder):
        composed, split = (unicodedata.normalize(form, "ü") for form in ("NFC", "NFD"))
        for suffix in (".npz", ".wav"):
            (folder / f"a{suffix}").rename(folder / f"{split}{suffix}")
        write_manifest(folder, f"{composed},ada,train")
        assert [clip.id for clip in open_clips(folder, splits=("train",)).clips()] == [composed]

    def test_interpolated_frames_are_not_measured(self, folder):
        sequence = load_keypoints(folder / "a.npz")
        scores = torch.ones(12, 68)
        scores[3:5] = 0
        save_keypoints(folder / "a.npz", KeypointSequence(sequence.keypoints, scores, image_size=(224, 224)))
        write_manifest(folder, "a,ada,train")
        (clip,) = open_clips(folder, splits=("train",)).clips()
        assert (~clip.measured).nonzero().flatten().tolist() == [3, 4]

    def test_a_table_from_a_spreadsheet(self, folder):
        (folder / "manifest.csv").write_text("id,speaker,split\na,ada,train\n", encoding="utf-8-sig")
        assert open_clips(folder, splits=("train",)).ids == ("a",)

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
        with pytest.raises(ValueError, match=r"expected annotated clips .* for the 0 rows"):
            open_clips(folder, splits=("train",))

    def test_an_id_that_is_there_twice(self, folder):
        write_manifest(folder, "a,ada,train", "b,bob,train", "a,ada,train")
        with pytest.raises(ValueError, match=r"every id once .* got a again"):
            open_clips(folder, splits=("train",))

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"id,speaker,split\n" + 200_000 * b"a" + b",ada,train\n"])
    def test_a_table_that_is_none(self, folder, content):
        (folder / "manifest.csv").write_bytes(content)
        with pytest.raises(ValueError, match=r"expected a table of clips .*manifest\.csv"):
            open_clips(folder, splits=("train",))

    def test_no_table(self, folder):
        with pytest.raises(FileNotFoundError, match=r"found no .*manifest\.csv"):
            open_clips(folder, splits=("train",))

    def test_no_clip_of_the_split(self, folder):
        write_manifest(folder, "a,ada,train")
        with pytest.raises(ValueError, match=r"expected clips of split hard or val .* got train only"):
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


class TestCorpus:
    @pytest.fixture
    def six(self, make):
        return [make(seed, frames=60, split="train" if seed < 4 else "val") for seed in range(6)]

    def test_it_holds_the_same_as_single_files(self, corpus, six, write_corpus, tmp_path):
        files = open_clips(corpus, splits=("train", "val"))
        shards = open_clips(write_corpus(tmp_path, six), splits=("train", "val"))
        assert (shards.ids, shards.speakers, shards.splits) == (files.ids, files.speakers, files.splits)
        for name in ("keypoints", "measured", "sound", "lengths"):
            assert torch.equal(getattr(shards, name), getattr(files, name))

    def test_interpolated_frames_are_not_measured(self, make, write_corpus, tmp_path):
        clip = make(0, frames=12)
        measured = torch.arange(12) % 3 != 1
        store = open_clips(write_corpus(tmp_path, [replace(clip, measured=measured)]), splits=("train",))
        assert torch.equal(store.measured, measured)

    def test_a_splits_order_is_the_shards_order(self, six, write_corpus, tmp_path):
        write_corpus(tmp_path, six)
        assert open_clips(tmp_path, splits=("train",)).ids == ("clip0", "clip1", "clip2", "clip3")
        assert open_clips(tmp_path, splits=("val", "val")).ids == ("clip4", "clip5")

    @pytest.mark.parametrize("cache", ["memory", "disk"])
    def test_one_clip(self, six, write_corpus, tmp_path, cache):
        store = open_clips(write_corpus(tmp_path, six[:1]), splits=("train",), cache=cache)
        assert len(WindowSampler(store, window_frames=64, batch_size=4, sampling="epochs").batch(2).mask) == 4

    @pytest.mark.parametrize("cache", ["memory", "disk"])
    def test_pictures_are_brought_to_one_height(self, six, write_corpus, tmp_path, cache):
        store = open_clips(write_corpus(tmp_path, six), splits=("train",), frame_height=224, cache=cache)
        # Pixel centres are whole numbers: half a pixel is the picture's edge.
        assert torch.allclose(store.clip(2).keypoints + 0.5, (six[2].keypoints + 0.5) / 2, atol=1e-4)

    def test_a_corpus_from_real_pictures_and_speech(self, make, tmp_path):
        pytest.importorskip("pyarrow", reason="needs the extra kp-io[build]")
        portrait = pytest.importorskip("skimage.data", reason="needs scikit-image").astronaut()[:400, 30:430]
        speech = read_audio(SPEECH)[:20_000]
        for speaker in ("ada", "bob"):
            (tmp_path / "videos" / speaker).mkdir(parents=True)
            write_video(tmp_path / "videos" / speaker / "talk.mp4", 30 * [portrait], audio=speech)

        class Drawn:
            name, batch_size = "drawn", 1

            def detect(self, image):
                return self.track([image], None)

            def track(self, images, previous):
                return [(make(0, frames=1).keypoints[0], torch.ones(68)) for _ in images]

        options = CorpusOptions(ClipRules(height=200), val=0, test=0)
        build_corpus(tmp_path / "videos", tmp_path / "corpus", options=options, make_detector=Drawn)
        store = open_clips(tmp_path / "corpus", splits=("train",))
        assert (store.ids, store.speakers) == (("ada/talk", "bob/talk"), ("ada", "bob"))
        assert store.lengths.tolist() == [30, 30]
        # AAC is lossy; it is the same speech at the same time all the same.
        heard = store.clip(1).waveform
        assert float(torch.corrcoef(torch.stack((heard[:19_200], speech[:19_200])))[0, 1]) > 0.9

    def test_faces_of_one_size(self, six, write_corpus, tmp_path):
        clips = [replace(clip, keypoints=(0.5 + 0.1 * i) * clip.keypoints) for i, clip in enumerate(six)]
        write_corpus(tmp_path / "corpus", clips, clips_per_shard=4)
        store = open_clips(tmp_path / "corpus", splits=("train",), face_size=140.0)
        for clip in store.clips():
            first = clip.keypoints[0]
            assert float((first.amax(0) - first.amin(0)).max()) == pytest.approx(140)

    def test_a_changed_corpus_is_read_anew(self, six, write_corpus, tmp_path):
        kept = tmp_path / "kept"
        for clips in (six, six[:3]):
            write_corpus(tmp_path / "corpus", clips, clips_per_shard=4)
            store = open_clips(tmp_path / "corpus", splits=("train",), cache="disk", cache_folder=kept)
            assert store.ids == tuple(clip.id for clip in clips if clip.split == "train")
        assert len([path for path in kept.iterdir() if path.is_dir()]) == 2
        open_clips(tmp_path / "corpus", splits=("train",), cache="disk", cache_folder=kept)
        assert len([path for path in kept.iterdir() if path.is_dir()]) == 2

    def test_an_unfinished_corpus_is_told(self, six, write_corpus, tmp_path, caplog):
        write_corpus(tmp_path, six)
        (tmp_path / "summary.json").unlink()
        with caplog.at_level(logging.WARNING, logger="a2k_train"):
            assert len(open_clips(tmp_path, splits=("train",))) == 4
        assert "not finished" in caplog.text

    @pytest.mark.parametrize(
        ("columns", "options", "message"),
        [
            ({"schema_version": 2}, {}, "schema version 1, got 2 in .*00000.parquet"),
            ({"fps": 30.0}, {}, "keypoints at 25 fps, got 30 in clip0"),
            ({"audio": lambda clip: encode_flac(clip.waveform[::2], sample_rate=8_000)}, {}, "16000 Hz, got 8000"),
            ({"audio": b"no sound"}, {}, "FLAC"),
            ({"speaker": "ada"}, {}, "every speaker in one split .* got ada in train and val"),
            ({"detector": lambda clip: f"of {clip.id}"}, {}, "one detector, got of clip0 and, in clip1, of clip1"),
            ({}, {"dims": 3}, "keypoints with depth, got 2-D ones in clip0"),
            ({}, {"dims": 4}, "2 or 3 coordinates"),
            ({}, {"fps": 24.0, "sample_rate": 16_001}, "whole number of samples"),
            ({}, {"cache": "tape"}, "memory or disk, got 'tape'"),
            ({}, {"manifest": "table.csv"}, "no table beside the corpus"),
        ],
    )
    def test_what_is_refused(self, six, write_corpus, tmp_path, columns, options, message):
        write_corpus(tmp_path, six, **columns)
        with pytest.raises(ValueError, match=message):
            open_clips(tmp_path, **({"splits": ("train",)} | options))

    def test_a_shard_without_a_column(self, six, write_corpus, tmp_path):
        write_corpus(tmp_path, six)
        shard = next(tmp_path.glob("data/train-*.parquet"))
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(parquet.read_table(shard).drop_columns(["scores"]), shard)
        with pytest.raises(ValueError, match=r"all columns of a shard in .*00000\.parquet, missing scores"):
            open_clips(tmp_path, splits=("train",))

    def test_detectors_may_be_mixed_on_purpose(self, six, write_corpus, tmp_path):
        write_corpus(tmp_path, six, detector=lambda clip: f"of {clip.id}")
        assert len(open_clips(tmp_path, splits=("train",), mixed_detectors=True)) == 4

    def test_no_shard(self, six, write_corpus, tmp_path):
        write_corpus(tmp_path, six)
        with pytest.raises(FileNotFoundError, match="split 'hard'"):
            open_clips(tmp_path, splits=("train", "hard"))
        for shard in tmp_path.glob("data/*"):
            shard.unlink()
        with pytest.raises(FileNotFoundError, match="found no shard in"):
            open_clips(tmp_path, splits=("train",))

    def test_a_damaged_shard(self, six, write_corpus, tmp_path):
        write_corpus(tmp_path, six)
        (tmp_path / "data" / "train-00001.parquet").write_bytes(b"half a shard")
        with pytest.raises(ValueError, match=r"damaged file .*train-00001"):
            open_clips(tmp_path, splits=("train",))
