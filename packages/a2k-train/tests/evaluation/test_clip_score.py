import json
import math
from dataclasses import replace

import pytest
import torch

from a2k_train.evaluation.clip_score import score_clip
from a2k_train.statistics.faces import FaceStatistics, face_statistics, read_face_statistics


@pytest.fixture
def clip(make):
    return make(1)


@pytest.fixture
def statistics(clips):
    return face_statistics(clips)


def test_holding_the_reference(clip, statistics):
    held = score_clip("held", clip, clip.keypoints[:1].expand_as(clip.keypoints), statistics=statistics)
    assert held.first_frame_error == 0
    assert held.identity_error == pytest.approx(0, abs=1e-3)
    assert held.identity_drift == pytest.approx(0, abs=1e-3)
    assert held.velocity_ratio == 0
    assert held.head_turn_ratio == pytest.approx(0, abs=1e-3)


def test_the_truth(clip, statistics):
    truth = score_clip("truth", clip, clip.keypoints, statistics=statistics)
    assert (truth.l1_z, truth.pck_centred, truth.first_frame_error) == (0, 100, 0)
    assert truth.velocity_ratio == pytest.approx(1)
    assert truth.head_turn_ratio == pytest.approx(1)
    # Nobody speaks with the face of one frame.
    assert 0.1 < truth.identity_error < 10


def test_where_the_head_goes_is_no_matter_of_centred_metrics(clip, statistics):
    moved = clip.keypoints + 30 * torch.sin(torch.arange(70) / 9)[:, None, None] + 12
    score = score_clip("moved", clip, moved, statistics=statistics)
    assert score.l1_z == pytest.approx(0, abs=1e-4)
    assert score.pck_centred == 100
    assert score.velocity_ratio == pytest.approx(1, abs=1e-4)
    assert score.pck < 20
    # The first frame is 12 px off in x and in y; the eyes are about 80 px apart.
    eyes = float((clip.keypoints[0, 36] - clip.keypoints[0, 45]).norm())
    assert score.first_frame_error == pytest.approx(100 * 12 * math.sqrt(2) / eyes, rel=1e-4)


def test_l1_is_in_standard_deviations(clip):
    std = torch.full((68, 2), 5.0)
    std[27] = 0.0
    preds = clip.keypoints.clone()
    preds[:, :27] += 5.0  # 27 of the 67 points that move, one deviation each
    score = score_clip("off", clip, preds, statistics=FaceStatistics(torch.zeros(68, 2), std))
    assert score.l1_z == pytest.approx(27 / 67, rel=1e-4)
    assert math.isnan(score_clip("off", clip, preds).l1_z)


def test_another_person_s_face(clip, statistics):
    wider = clip.keypoints.clone()
    wider[:, :17] = wider[:, [27]] + 1.3 * (wider[:, :17] - wider[:, [27]])
    assert (
        score_clip("wider", clip, wider).identity_error > 5 * score_clip("truth", clip, clip.keypoints).identity_error
    )


def test_a_face_that_drifts(clip):
    held = clip.keypoints[:1].expand_as(clip.keypoints).clone()
    held[:, 8, 1] += torch.arange(70.0)  # the chin sinks by a pixel a frame
    drift = score_clip("drifting", clip, held).identity_drift
    eyes = float((clip.keypoints[0, 36] - clip.keypoints[0, 45]).norm())
    # Quarters of 17 frames, 53 frames apart; one point of 68.
    assert drift == pytest.approx(100 * 53 / 68 / eyes, rel=0.01)
    short = replace(clip, keypoints=clip.keypoints[:7], measured=clip.measured[:7])
    assert math.isnan(score_clip("short", short, held[:7]).identity_drift)


def test_frames_without_a_face_do_not_count(clip, statistics):
    measured = torch.ones(70, dtype=torch.bool)
    measured[30:40] = False
    wild = clip.keypoints.clone()
    wild[30:40] += 1_000
    hidden = replace(clip, keypoints=wild, measured=measured)
    score = score_clip("row", hidden, clip.keypoints, statistics=statistics)
    assert score.l1_z == 0
    assert score.velocity_ratio == pytest.approx(1)


class TestFaceStatistics:
    def test_base_point_is_subtracted(self, clips):
        statistics = face_statistics(clips)
        centred = torch.cat([clip.keypoints - clip.keypoints[:, [27]] for clip in clips])
        assert torch.allclose(statistics.mean, centred.mean(0), atol=1e-3)
        assert torch.allclose(statistics.std, centred.std(0, correction=0), atol=1e-3)
        assert (statistics.std[27] == 0).all()

    def test_the_mean_face_stands_where_the_reference_is(self, clips):
        statistics = face_statistics(clips)
        placed = statistics.mean_face_at(clips[0].keypoints[0])
        assert torch.allclose(placed[27], clips[0].keypoints[0, 27])
        assert torch.allclose(placed - placed[27], statistics.mean - statistics.mean[27], atol=1e-4)

    def test_of_a_corpus(self, clips, tmp_path):
        from kp_io.keypoints.statistics import KeypointStatistics
        from kp_metrics.evaluation.results_table import write_atomic

        running = KeypointStatistics(base_point=27)
        for clip in clips:
            running.add(clip.keypoints)

        path = write_atomic(tmp_path / "statistics.json", json.dumps(running.to_dict()))
        assert torch.allclose(read_face_statistics(path).std, face_statistics(clips).std, atol=1e-5)
        with pytest.raises(ValueError, match="statistics of a corpus"):
            read_face_statistics(write_atomic(tmp_path / "other.json", "{}"))

    @pytest.mark.parametrize("std", [torch.zeros(68, 2), -torch.ones(68, 2)])
    def test_no_spread(self, std):
        with pytest.raises(ValueError, match="not all 0"):
            FaceStatistics(torch.zeros(68, 2), std)
