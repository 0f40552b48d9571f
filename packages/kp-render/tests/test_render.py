from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from kp_render import PaintingNetwork, render_portrait, retarget_keypoints
from kp_render.cli.app import app


@pytest.fixture
def talk(still):
    down = torch.tensor([0.0, 4.0])
    return SimpleNamespace(keypoints=torch.stack((still, still + down, still)), image_size=(512, 512))


def test_frames_of_a_portrait(picture, talk, still):
    frames = list(render_portrait(picture, talk, reference=still))
    assert [frame.shape for frame in frames] == [picture.shape] * 3
    assert all(frame.dtype == np.uint8 for frame in frames)
    assert np.abs(frames[0].astype(int) - picture).mean() < 0.5
    assert np.abs(frames[1].astype(int) - picture).max() > 50
    # Far from the head the picture is copied.
    assert (frames[1][450:] == picture[450:]).all()


def test_a_square_of_a_size(picture, talk):
    frames = list(render_portrait(picture, talk, crop="face", size=128))
    assert {frame.shape[0] for frame in frames} == {128}


def test_the_command_paints_with_weights_of_ones_own(tmp_path, picture, still):
    import kp_io
    from kp_render.training.checkpoint import save_weights

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = PaintingNetwork()
        torch.nn.init.normal_(network.last.weight, std=0.1)
    save_weights(tmp_path / "own.safetensors", network, {"kind": "kp-render painter"})
    talk = kp_io.KeypointSequence(torch.stack((still, still + 2)), image_size=(512, 512))
    kp_io.write_image(tmp_path / "face.png", picture)
    kp_io.save_keypoints(tmp_path / "talk.npz", talk)

    def frames(*options):
        arguments = ["face.png", "talk.npz", "-o", "talk.mp4", "--size", "256"]
        paths = [str(tmp_path / word) if "." in word else word for word in (*arguments, *options)]
        result = CliRunner().invoke(app, paths)
        assert result.exit_code == 0, result.output
        return [frame.astype(int) for frame in kp_io.read_video(tmp_path / "talk.mp4")]

    plain, painted, own = frames("--no-paint"), frames(), frames("--weights", "own.safetensors")
    assert np.abs(plain[1] - painted[1]).max() > 10
    assert np.abs(own[1] - painted[1]).max() > 30
    # The background is not painted.
    assert np.abs(own[1][-20:, 60:] - plain[1][-20:, 60:]).mean() < 2


def test_weights_are_for_painting(picture, talk, tmp_path):
    with pytest.raises(ValueError, match="paint=True"):
        render_portrait(picture, talk, paint=False, weights=tmp_path / "painter.safetensors")


def test_another_picture_moves_it_by_displacement(picture, still, talk):
    other = SimpleNamespace(keypoints=3 * talk.keypoints + 100, image_size=(1636, 1636))
    frames = list(render_portrait(picture, other, reference=still))
    same = list(render_portrait(picture, talk, reference=still))
    assert np.abs(frames[1].astype(int) - same[1]).mean() < 0.2


def test_retargeting_keeps_the_portrait(still):
    narrow = still * torch.tensor([0.8, 1.0])
    assert torch.equal(retarget_keypoints(narrow[None], still)[0], still)


@pytest.mark.parametrize(
    ("points", "message"),
    [(torch.zeros(1, 98, 2), "68"), (torch.full((1, 68, 2), float("nan")), "finite"), (torch.zeros(0, 68, 2), "68")],
)
def test_bad_keypoints(picture, points, message, as_users_run_it):
    with pytest.raises(ValueError, match=message):
        render_portrait(picture, SimpleNamespace(keypoints=points, image_size=(512, 512)))


def test_bad_pictures(talk, as_users_run_it):
    with pytest.raises(ValueError, match="uint8"):
        render_portrait(np.zeros((64, 64)), talk)


def test_the_command(tmp_path, picture, still):
    import av

    import kp_io

    kp_io.write_image(tmp_path / "face.png", picture)
    points = torch.stack((still, still + 2))
    kp_io.save_keypoints(tmp_path / "talk.npz", kp_io.KeypointSequence(points, image_size=(512, 512)))
    out = tmp_path / "talk.mp4"
    arguments = [str(tmp_path / "face.png"), str(tmp_path / "talk.npz"), "-o", str(out), "--size", "256"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert len(list(kp_io.read_video(out))) == 2
    with av.open(str(out)) as container:
        assert "generated" in container.metadata["comment"]
    marked = next(iter(kp_io.read_video(out)))
    assert CliRunner().invoke(app, [*arguments, "--no-mark"]).exit_code == 0
    plain = next(iter(kp_io.read_video(out)))
    assert np.abs(marked[-10:, :50].astype(int) - plain[-10:, :50]).mean() > 10


def test_a_missing_file_is_one_line(tmp_path):
    result = CliRunner().invoke(
        app, [str(tmp_path / "no.jpg"), str(tmp_path / "no.npz"), "-o", str(tmp_path / "o.mp4")]
    )
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1
