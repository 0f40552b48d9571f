"""Measures of heads in space on made-up clips, which exercise the code and say nothing of quality."""

import math

import pytest
import torch
from typer.testing import CliRunner

from a2k_nets.head import lift, project
from a2k_train.cli.app import app
from a2k_train.evaluation.head_space.baselines import fit_baseline
from a2k_train.evaluation.head_space.blinks import find_lid_blinks
from a2k_train.evaluation.head_space.held_out import HeldOut
from a2k_train.evaluation.head_space.judge import WINDOW, judged_tracks, train_judge
from a2k_train.evaluation.head_space.keypoint_errors import keypoint_errors
from a2k_train.evaluation.head_space.measure_fold import MODEL, REAL, ROWS, measure_fold
from a2k_train.evaluation.head_space.measures import (
    log_amplitude,
    log_spectrum,
    motion_windows,
    spread_of_takes,
)
from a2k_train.evaluation.head_space.tracks import LIDS, generated_tracks, lid_closing, real_tracks
from a2k_train.reports.head_space_report import bars, report_markdown, write_head_report
from a2k_train.reports.head_space_tables import head_tables
from a2k_train.statistics.head.pauses import pause_ratio
from kp_metrics import motion_match_auc


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sway(frames, channels=9, seed=0):
    """A smooth random track."""
    return torch.nn.functional.avg_pool1d(random(1, channels, frames + 8, seed=seed), 9, 1)[0].T


@pytest.fixture(scope="module")
def people(make):
    return [make(seed, frames=90, speaker=f"speaker {seed // 2}") for seed in range(12)]


def test_generated_tracks_are_the_motion_that_moved_the_face(make):
    face = make(0).keypoints[:1]
    motion = 0.05 * sway(80)[None]
    moved = project(face[None].expand(1, 80, -1, -1), lift(face), motion[..., :6])[0]
    found = generated_tracks(moved)
    angles = motion[0, :, :3] - motion[0, :, :3].mean(0)
    assert torch.allclose(found[:, :3], angles, atol=0.012)
    assert found[:, :LIDS].mean(0).abs().max() < 1e-5


def test_lids_are_open_but_for_a_blink(make):
    face = make(0).keypoints[:1].repeat(80, 1, 1)
    middle = (face[40:43, [37, 38, 43, 44]] + face[40:43, [41, 40, 47, 46]]) / 2
    face[40:43, [37, 38, 43, 44]] = face[40:43, [41, 40, 47, 46]] = middle
    closing = lid_closing(face)
    assert closing[40:43].min() > 0.99
    assert closing[:40].abs().max() < 1e-5
    (blink,) = find_lid_blinks(closing)
    assert blink.frames == 3
    assert blink.left == pytest.approx(0, abs=1e-5)


def test_blinks_near_lost_frames_and_closed_eyes_do_not_count():
    closing = torch.zeros(120)
    closing[30:33] = torch.tensor([0.5, 0.9, 0.5])
    closing[70:100] = 0.8
    assert [blink.peak for blink in find_lid_blinks(closing)] == [31]
    measured = torch.ones(120, dtype=torch.bool)
    measured[34] = False
    assert find_lid_blinks(closing, measured) == []


def test_lids_that_stay_down_after_a_blink_are_seen():
    closing = torch.zeros(80)
    closing[30:33] = torch.tensor([0.5, 0.9, 0.5])
    closing[33:] = 0.1
    (blink,) = find_lid_blinks(closing)
    assert blink.left == pytest.approx(0.1)


def test_a_judge_finds_the_motion_that_follows_a_sound():
    def clips(seeds):
        speech = [random(120, 6, seed=seed) for seed in seeds]
        followed = [s[:, :3] for s in speech]
        tracks = [torch.cat((f, random(120, 3, seed=seed + 99)), 1) for f, seed in zip(followed, seeds, strict=True)]
        return speech, tracks

    columns = slice(0, 6)
    speech, tracks = clips(range(20))
    judge = train_judge(speech, tracks, [str(i // 2) for i in range(20)], columns, steps=40)
    speech, tracks = clips(range(100, 130))
    sounds, motions = torch.stack(speech)[:, :WINDOW], judged_tracks(torch.stack(tracks), columns)[:, :WINDOW]
    groups = list(range(30))
    with torch.no_grad():
        assert motion_match_auc(judge(sounds, motions), groups) > 0.9
        # Size is not judged, and motion of another sound is found by chance.
        larger = judged_tracks(3 * torch.stack(tracks), columns)[:, :WINDOW]
        assert torch.allclose(judge(sounds, larger), judge(sounds, motions), atol=1e-2)
        assert motion_match_auc(judge(sounds, motions.roll(1, 0)), groups).item() == pytest.approx(0.5, abs=0.15)


def test_a_judge_is_the_same_twice_and_leaves_the_global_seed_alone():
    speech, tracks = [random(60, 4, seed=i) for i in range(4)], [random(60, 2, seed=9 + i) for i in range(4)]
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, second = (train_judge(speech, tracks, list("abcd"), slice(0, 2), steps=3) for _ in range(2))
    assert torch.rand(1) == expected
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("kind", ["autoregression", "random walk"])
def test_baselines_begin_at_rest_and_are_as_large_as_the_clips(kind):
    size = torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8, 9])
    tracks = [sway(100, seed=seed) * size for seed in range(30)]
    process = fit_baseline(tracks, kind)
    drawn = process.draw(200, 100, torch.Generator().manual_seed(5))
    assert drawn[:, 0].abs().max() == 0
    real = torch.stack([track.std(0).log() for track in tracks]).mean(0).exp()
    ours = drawn.std(1).log().mean(0).exp()
    assert (ours / real).numpy() == pytest.approx([1] * 9, abs=0.15)
    varied = process.draw(200, 100, torch.Generator().manual_seed(5), vary_size=True)
    assert varied.std(1).log().std(0).mean() >= drawn.std(1).log().std(0).mean()


def test_amplitude_and_spectrum_of_twice_the_motion():
    real, measured = sway(120, 10), torch.ones(120, dtype=torch.bool)
    assert log_amplitude(2 * real[None], real, measured).exp().numpy() == pytest.approx([2] * 10, rel=1e-4)
    louder = log_spectrum(100 * real[None], measured) - log_spectrum(50 * real[None], measured)
    assert louder.numpy() == pytest.approx(20 * math.log10(2), abs=1e-2)
    assert log_spectrum(real[None, :20], measured[:20]).isnan().all()


def test_windows_leave_out_lost_frames():
    measured = torch.ones(100, dtype=torch.bool)
    assert motion_windows(sway(100), measured).shape == (7, 18)
    measured[50] = False
    assert len(motion_windows(sway(100), measured)) < 7


def test_a_head_that_stops_in_pauses_is_told_from_one_that_does_not():
    silent = torch.arange(200) % 100 >= 50
    measured, moving = torch.ones(200, dtype=torch.bool), random(2, 200, 6).cumsum(1)
    stopping = (moving.diff(dim=1) * ~silent[1:, None]).cumsum(1)
    stopping = torch.nn.functional.pad(stopping, (0, 0, 1, 0))
    assert pause_ratio(moving, silent, measured).exp().item() == pytest.approx(1, abs=0.3)
    assert pause_ratio(stopping, silent, measured) < -5
    assert pause_ratio(moving, torch.zeros_like(silent), measured).isnan()


def test_seeds_that_differ_as_takes_do_have_spread_one():
    takes = [sway(90, seed=seed) for seed in range(8)]
    seeds = [torch.stack([sway(90, seed=20 + i), sway(90, seed=50 + i)]) for i in range(8)]
    assert spread_of_takes(takes, seeds).exp().numpy() == pytest.approx([1] * 9, abs=0.25)
    assert spread_of_takes(takes, [0 * pair + pair[:1] for pair in seeds]).exp().max() < 1e-3
    assert spread_of_takes(takes[:2], seeds[:2]) is None


def test_a_turned_face_is_no_other_face(make):
    clip = make(3)
    still = clip.keypoints[:1].expand(1, clip.num_frames, -1, -1)
    motion = torch.zeros(1, clip.num_frames, 6)
    motion[..., 0] = 0.4 * torch.sin(torch.arange(clip.num_frames) / 9)
    turned = project(still, lift(clip.keypoints[:1]), motion)
    wider = still * torch.tensor([1.2, 1.0])
    of_still, of_turned, of_wider = (keypoint_errors(points, clip)[0] for points in (still, turned, wider))
    assert of_still[2] < 1e-3
    assert of_turned[2] < 1
    assert of_wider[2] > 2
    assert of_turned[0] > of_still[0]
    assert keypoint_errors(clip.keypoints[None], clip)[0, :2].tolist() == [0, 100]


def generate(clip, seeds, seed):
    """A head that sways, whatever the sound."""
    still = clip.keypoints[:1].expand(1, clip.num_frames, -1, -1)
    motion = torch.stack([0.05 * sway(clip.num_frames, 6, seed=seed + i) for i in range(seeds)])
    return project(still.expand(seeds, -1, -1, -1), lift(clip.keypoints[:1].expand(seeds, -1, -1)), motion), still


@pytest.fixture(scope="module")
def fold(people):
    return measure_fold(generate, people[:6], people[6:], seeds=2, judge_steps=2)


def test_a_fold_has_every_row_and_comes_back_from_its_file(fold, people, tmp_path):
    frames = sum(clip.num_frames for clip in people[6:])
    assert set(fold.tracks) == set(ROWS)
    assert fold.tracks[MODEL].shape == (2, frames, 10)
    assert torch.equal(fold.clips(REAL)[0][0], real_tracks(people[6]))
    fold.save(tmp_path / "fold.safetensors", {"settings": "a"})
    again = HeldOut.load(tmp_path / "fold.safetensors", {"settings": "a"})
    assert again.speakers == fold.speakers
    assert all(torch.equal(again.shares[key].nan_to_num(), v.nan_to_num()) for key, v in fold.shares.items())
    assert all(torch.equal(again.tracks[key], values) for key, values in fold.tracks.items())
    assert all(torch.equal(again.errors[key].nan_to_num(), v.nan_to_num()) for key, v in fold.errors.items())
    with pytest.raises(ValueError, match="results of the same clips, models and settings"):
        HeldOut.load(tmp_path / "fold.safetensors", {"settings": "b"})


def test_judges_never_see_a_held_out_speaker(people):
    with pytest.raises(ValueError, match="no training clips of held-out speakers, got some of speaker 3"):
        measure_fold(generate, people[:7], people[6:], seeds=2, judge_steps=2)


def test_the_report_of_real_motion_reaches_what_real_motion_must(fold, tmp_path):
    perfect = HeldOut(fold.ids, fold.speakers, fold.lengths, fold.measured, fold.silent, windows=fold.windows)
    perfect.tracks = fold.tracks | {MODEL: fold.tracks[REAL].expand(2, -1, -1)}
    perfect.shares = dict(fold.shares)
    perfect.errors = fold.errors | {MODEL: fold.errors[REAL].expand(2, -1, -1)}
    found = {bar.name: bar for bar in bars(head_tables([perfect]))}
    reached = ("amplitude", "spectrum, rms", "spectrum, largest difference", "Fréchet distance")
    assert all(found[name].is_reached for name in (*reached, "pose-free error over real"))
    swaying = {bar.name: bar for bar in bars(head_tables([fold]))}
    assert not swaying["spectrum, rms"].is_reached
    assert not swaying["amplitude"].is_reached


def test_the_report_has_tables_of_their_own_for_speakers_apart(fold, tmp_path):
    tables = write_head_report(tmp_path, [fold], apart="Speaker 3")
    assert tables.summary.num_speakers == 2
    assert "not seen: 1;" in (tmp_path / "head_apart.md").read_text(encoding="utf-8")
    assert (tmp_path / "head.json").read_text(encoding="utf-8").startswith("{")
    text = report_markdown(tables)
    assert all(f"| {row} |" in text for row in (*ROWS, "still head"))
    with pytest.raises(ValueError, match="clips of the chosen speakers"):
        write_head_report(tmp_path, [fold], apart="nobody")


def test_the_command_says_what_it_needs(tmp_path, corpus):
    done = CliRunner().invoke(app, ["head-report", str(corpus), "--run", str(tmp_path), "-o", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "expected folds of `a2k-train head --folds`" in done.output
