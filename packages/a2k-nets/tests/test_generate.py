from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from a2k_nets.inference.generate import generate_sequence
from a2k_nets.inference.streaming import StreamingGenerator
from kp_io.annotation.annotate import annotate_image
from kp_io.detectors.base import NoFaceFoundError
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import resample_audio, write_audio


@pytest.fixture
def face(reference) -> KeypointSequence:
    return KeypointSequence(reference, image_size=(256, 320), detector="drawn")


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "face.png"
    Image.fromarray(astronaut()).save(path)
    return path


def test_from_keypoints_and_a_waveform(model, face, speech):
    sequence = generate_sequence(face, speech, model=model)
    assert sequence.keypoints.shape == (50, 68, 2)
    assert (sequence.fps, sequence.image_size, sequence.detector) == (25.0, (256, 320), "a2k-residual")
    assert torch.allclose(sequence.scores, torch.ones(50, 68))
    assert not torch.allclose(sequence.keypoints[10], sequence.keypoints[20])


def test_any_function_from_text_to_sound_will_do(model, face):
    def speak(text):
        loud = torch.tensor([float(letter != " ") for letter in text]).repeat_interleave(1_200)
        return resample_audio(0.2 * torch.sin(torch.arange(len(loud)) / 10) * loud, from_rate=24_000, to_rate=16_000)

    sequence = generate_sequence(face, speak("any synthesizer"), model=model)
    assert len(sequence) == round(15 * 1_200 / 24_000 * 25)
    assert not torch.allclose(sequence.keypoints[10], sequence.keypoints[15])


def test_only_the_first_frame_of_the_keypoints_counts(model, face, speech):
    moving = KeypointSequence(torch.cat((face.keypoints, face.keypoints + 9)), image_size=face.image_size)
    a, b = (generate_sequence(start, speech, model=model) for start in (face, moving))
    assert torch.equal(a.keypoints, b.keypoints)


def test_points_in_space_give_the_plane(model, face, speech):
    deep = KeypointSequence(torch.nn.functional.pad(face.keypoints, (0, 1)), image_size=face.image_size)
    a, b = (generate_sequence(start, speech, model=model) for start in (face, deep))
    assert torch.equal(a.keypoints, b.keypoints)


def test_the_seed_decides_the_head(model, face, speech):
    once, again, other = (generate_sequence(face, speech, model=model, seed=seed).keypoints for seed in (3, 3, 4))
    assert torch.equal(once, again)
    assert not torch.allclose(once, other, atol=0.1)


def test_gains_of_zero_hold_the_face(model, face, speech):
    held = generate_sequence(face, speech, model=model, head_motion=0.0, expression=0.0).keypoints
    assert torch.allclose(held, face.keypoints.expand_as(held), atol=1e-3)


def test_the_old_name_of_an_argument(model, face, speech):
    old = generate_sequence(face, speech, model=model, rest_lips=True).keypoints
    assert torch.equal(old, generate_sequence(face, speech, model=model, neutralize_mouth=True).keypoints)
    assert not torch.equal(old, generate_sequence(face, speech, model=model).keypoints)
    StreamingGenerator(face.keypoints[0], model, rest_lips=True)


def test_from_a_picture_and_a_sound_file(model, portrait, speech, tmp_path):
    write_audio(tmp_path / "speech.wav", speech, sample_rate=16_000)
    from_files = generate_sequence(portrait, tmp_path / "speech.wav", model=model)
    assert len(from_files) == 50
    assert from_files.image_size == (512, 512)
    measured = annotate_image(astronaut()).keypoints[0]
    # The first frame is near the face in the picture; pixels in memory do as well as the file.
    assert float((from_files.keypoints[0] - measured).norm(dim=-1).mean()) < 15
    from_pixels = generate_sequence(astronaut(), str(tmp_path / "speech.wav"), model=model)
    assert torch.equal(from_files.keypoints, from_pixels.keypoints)


def test_a_picture_without_a_face(model, speech):
    with pytest.raises(NoFaceFoundError, match="no face"):
        generate_sequence(np.full((128, 128, 3), 127, np.uint8), speech, model=model)


@pytest.mark.parametrize(("samples", "message"), [([], "at least 1"), ([0.0, float("nan")], "finite")])
def test_sound_that_is_none(model, face, samples, message):
    with pytest.raises(ValueError, match=message):
        generate_sequence(face, torch.tensor(samples), model=model)


def test_a_device_that_is_not_there(model, face, speech):
    device = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(ValueError, match=f"expected a device that torch finds here, e.g. cpu, got {device}"):
        generate_sequence(face, speech, model=model, device=device)


@pytest.mark.parametrize(
    ("rate", "layout", "seconds"),
    [(16_000, "mono", 0.04), (8_000, "mono", 1.0), (44_100, "stereo", 0.5), (48_000, "5.1", 0.5)],
)
def test_any_sound_file_works(model, face, tmp_path, rate, layout, seconds):
    path = tmp_path / "speech.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        tone = 8_000 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 300 / rate)
        channels = stream.layout.nb_channels
        samples = np.repeat(tone.astype(np.int16)[:, None], channels, axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="s16", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert len(generate_sequence(face, path, model=model)) == max(1, round(seconds * 25))


def test_the_sound_of_a_video_begins_with_its_first_frame(model, face, speech, tmp_path):
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(25):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            picture.pts = number
            container.mux(video.encode(picture))
        pcm = (32_768 * speech[:8_000]).round().to(torch.int16).numpy()[None]
        block = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        block.sample_rate, block.pts = 16_000, 8_000
        container.mux([*video.encode(None), *sound.encode(block), *sound.encode(None)])
    expected = torch.cat([torch.zeros(8_000), torch.from_numpy(pcm[0]) / 32_768])
    made = generate_sequence(face, path, model=model).keypoints
    assert torch.allclose(made, generate_sequence(face, expected, model=model).keypoints, atol=1e-3)
