"""Pairs of frames, and the training on them."""

import csv

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from kp_render.cli.app import app
from kp_render.painting.conditions import NUM_CHANNELS, network_input
from kp_render.painting.mouth_crop import SIDE
from kp_render.training.losses import mouth_map, painting_loss, score_painting
from kp_render.training.pairs import Pairs, make_pairs, unpack
from kp_render.training.patch_adversary import PatchAdversary, adversary_loss, realism_loss
from kp_render.training.settings import TrainingSettings, read_settings
from kp_render.training.train_painter import open_examples, train_painter


@pytest.fixture(scope="module")
def footage(picture, still):
    """The portrait, pushed sideways frame by frame."""
    part = picture[:320]
    frames = [np.roll(part, 2 * shift, axis=1) for shift in range(12)]
    return frames, torch.stack([still + torch.tensor([2.0 * shift, 0.0]) for shift in range(12)])


@pytest.fixture(scope="module")
def pairs(footage):
    frames, points = footage
    found = make_pairs(frames, points, list(range(12)), portraits=2, targets=3, seed=0)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def folder(pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs")
    pairs.save(path, "one")
    return path


def test_pairs_show_the_same_face_twice(pairs):
    view, truth = unpack(torch.from_numpy(pairs.pictures), torch.from_numpy(pairs.keypoints))
    assert truth.shape == (len(pairs.keypoints), 3, SIDE, SIDE)
    assert 3 <= len(truth) <= 6
    # The head only moved sideways: its own square shows the same, and warp and truth agree.
    middle = (slice(None), slice(None), slice(40, 120), slice(40, 120))
    assert (view.warped - truth)[middle].abs().mean() < 0.02
    assert (view.portrait - truth)[middle].abs().mean() < 0.02
    assert view.shift[middle].abs().max() < 0.02
    torch.testing.assert_close(view.keypoints, view.portrait_keypoints, atol=0.3, rtol=0)


def test_pairs_are_chosen_by_the_seed(footage, pairs):
    frames, points = footage
    again = make_pairs(frames, points, list(range(12)), portraits=2, targets=3, seed=0)
    other = make_pairs(frames, points, list(range(12)), portraits=2, targets=3, seed=1)
    assert (again.pictures == pairs.pictures).all()
    assert other.pictures.shape != pairs.pictures.shape or (other.pictures != pairs.pictures).any()


def test_short_videos_give_none(footage):
    frames, points = footage
    assert make_pairs(frames, points, [0, 1, 2], portraits=2, targets=3, seed=0) is None


def test_the_loss_wants_the_truth_and_the_mouth_most(pairs):
    view, truth = unpack(torch.from_numpy(pairs.pictures[:1]), torch.from_numpy(pairs.keypoints[:1]))
    still = torch.zeros(1, 2, SIDE, SIDE)
    assert painting_loss(truth, truth, still, view.keypoints) < 1e-6
    where = mouth_map(view.keypoints)
    x, y = view.keypoints[0, 48:].mean(dim=0).round().int().tolist()
    assert where[0, 0, y, x] == 1
    elsewhere = where.roll(-40, dims=2)  # as large, on the nose and the eyes
    wrong_mouth, wrong_eyes = (
        painting_loss(truth + 0.1 * part, truth, still, view.keypoints) for part in (where, elsewhere)
    )
    assert wrong_mouth > 1.3 * wrong_eyes > 0
    torn = torch.rand(1, 2, SIDE, SIDE) * 0.06
    assert painting_loss(truth, truth, torn, view.keypoints) > 0.01
    scores = score_painting(truth, truth, view.keypoints)
    assert scores.mouth_l1.item() == scores.circle_l1.item() == 0
    assert scores.mouth_ssim.item() == pytest.approx(1, abs=1e-3)


def test_it_comes_nearer_to_the_truth(pairs, tmp_path):
    # The truth is redder than the warp: this has to be painted.
    pictures = pairs.pictures.copy()
    pictures[:, 6] = np.minimum(pictures[:, 6].astype(int) + 40, 255)
    Pairs(pictures, pairs.keypoints).save(tmp_path, "redder")
    rows = []
    settings = TrainingSettings(steps=40, batch_size=2, learning_rate=4e-3, average=0.5, log_every=20)
    train_painter(tmp_path, tmp_path, tmp_path / "run", settings, on_row=rows.append)
    assert rows[-1]["circle L1"] < 0.8 * rows[-1]["warp circle L1"]


def test_the_adversary_tells_paint_from_footage(pairs):
    view, truth = unpack(torch.from_numpy(pairs.pictures), torch.from_numpy(pairs.keypoints))
    painted, maps, where = truth.flip(2) * 0.8, network_input(view), mouth_map(view.keypoints)
    torch.manual_seed(0)
    adversary = PatchAdversary(NUM_CHANNELS)
    optimizer = torch.optim.Adam(adversary.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        loss = adversary_loss(adversary, painted, truth, maps, where)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert realism_loss(adversary, painted, maps, where) > realism_loss(adversary, truth, maps, where)
    # The painter learns from the adversary, but not the other way round.
    paint = painted.clone().requires_grad_()
    adversary.zero_grad()
    realism_loss(adversary, paint, maps, where).backward()
    assert paint.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in adversary.parameters())


def test_the_painter_learns_against_its_adversary(folder, tmp_path):
    weights = {}
    for weight, first in ((0.0, 0.0), (1e4, 0.25), (1e4, 1.0)):
        settings = TrainingSettings(
            steps=4, batch_size=2, learning_rate=2e-3, adversary=weight, adversary_from=first, average=0.5
        )
        run = tmp_path / f"{weight}-{first}"
        weights[weight, first] = load_file(train_painter(folder, None, run, settings))["last.weight"].float()
    # Without weight, or before it comes in, it changes nothing; after that it does.
    assert (weights[1e4, 1.0] - weights[0.0, 0.0]).abs().max() < 1e-6
    assert (weights[1e4, 0.25] - weights[0.0, 0.0]).abs().max() > 1e-5


def test_it_goes_on_where_it_stopped(folder, tmp_path):
    settings = TrainingSettings(
        adversary=0.1, adversary_from=0.2, steps=6, batch_size=2, learning_rate=2e-3, average=0.5, log_every=3
    )
    once = train_painter(folder, folder, tmp_path / "once", settings)
    with (tmp_path / "once" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["3", "6"]
    assert float(rows[-1]["loss"]) > 0
    assert float(rows[-1]["mouth L1"]) != float(rows[-1]["warp mouth L1"])
    # Stopped after three steps of the same six.
    stop = tmp_path / "twice"

    def stop_early(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_painter(folder, folder, stop, settings, on_row=stop_early)
    rows = []
    twice = train_painter(folder, folder, stop, settings, on_row=rows.append)
    assert [row["step"] for row in rows] == [6]
    for name, value in load_file(once).items():
        torch.testing.assert_close(load_file(twice)[name], value, atol=1e-3, rtol=1e-3)


def test_other_states_are_refused(folder, tmp_path, as_users_run_it):
    settings = TrainingSettings(steps=1, batch_size=1)
    (tmp_path / "training.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="state of a training"):
        train_painter(folder, None, tmp_path, settings)
    for kind, message in (("kp-render training", "another folder"), ("another", "state of a training")):
        save_file({"a": torch.zeros(1)}, tmp_path / "training.safetensors", metadata={"kind": kind})
        with pytest.raises(ValueError, match=message):
            train_painter(folder, None, tmp_path, settings)


def test_settings(tmp_path, as_users_run_it):
    (tmp_path / "a.toml").write_text("steps = 7\nlearning_rate = 0.01\n")
    assert read_settings(tmp_path / "a.toml", steps=None, seed=3) == TrainingSettings(7, learning_rate=0.01, seed=3)
    wrong = [("adversary = -1.0", "adversary"), ("stepz = 7", "stepz"), ("steps = 'a'", "steps")]
    for text, message in (*wrong, ("steps = 0", "above 0"), ("=", "TOML")):
        (tmp_path / "a.toml").write_text(text)
        with pytest.raises(ValueError, match=message):
            read_settings(tmp_path / "a.toml")


def test_a_folder_without_examples(tmp_path):
    result = CliRunner().invoke(app, ["train", str(tmp_path), "-o", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert "kp-render pairs" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_commands(tmp_path, footage):
    kp_io = pytest.importorskip("kp_io")
    frames, points = footage
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    kp_io.write_video(corpus / "a.mp4", frames)
    (corpus / "manifest.csv").write_text("id,file,split\na,a.mp4,train\nb,b.mp4,val\n")
    kp_io.save_keypoints(tmp_path / "a.npz", kp_io.KeypointSequence(points, image_size=frames[0].shape[:2]))
    words = ["pairs", str(corpus), str(tmp_path), "-o", str(tmp_path / "pairs"), "--portraits", "1", "--targets", "2"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert len(open_examples(tmp_path / "pairs")[0].keypoints) == 2
    assert "0 new" in CliRunner().invoke(app, words).output
    assert CliRunner().invoke(app, [*words, "--split", "test"]).exit_code == 1
    run = tmp_path / "run"
    result = CliRunner().invoke(
        app, ["train", str(tmp_path / "pairs"), "-o", str(run), "--steps", "2", "--batch-size", "2"]
    )
    assert result.exit_code == 0, result.output
    assert {path.name for path in run.iterdir()} == {"painter.safetensors", "log.csv", "training.safetensors"}
    assert Pairs.load(next((tmp_path / "pairs").glob("*.keypoints.npy"))).pictures.dtype == np.uint8
