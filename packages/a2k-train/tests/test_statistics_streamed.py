"""Statistics on one pass over the clips, of measured frames only."""

from dataclasses import replace

import pytest
import torch

from a2k_nets.config.residual import ModelConfig
from a2k_nets.residual.model import Audio2Keypoint
from a2k_train.statistics.blinks import find_blinks
from a2k_train.statistics.canonical_faces import CanonicalFaces
from a2k_train.statistics.faces import face_statistics
from a2k_train.statistics.head_tracks import measured_tracks
from a2k_train.statistics.residual import fit_statistics, head_tracks, mean_face
from a2k_train.statistics.running import RunningMoments

CONFIG = ModelConfig(width=8, dilations=(1,))


@pytest.fixture(scope="module")
def lost(clips):
    """The clips with wild frames in which no face was measured, the first frames among them."""
    found = []
    for clip in clips[:3]:
        measured = torch.ones(clip.num_frames, dtype=torch.bool)
        measured[:3] = measured[30:34] = False
        wild = clip.keypoints.clone()
        wild[~measured] += 500 * torch.randn(7, 68, 2, generator=torch.Generator().manual_seed(0))
        found.append(replace(clip, keypoints=wild, measured=measured))
    return found


def buffers(clips):
    model = Audio2Keypoint(CONFIG)
    fit_statistics(model, clips)
    return dict(model.named_buffers())


def test_each_clip_is_read_once(clips):
    # An iterator can be read once only.
    once, listed = buffers(iter(clips)), buffers(clips)
    assert all(torch.equal(once[name], listed[name]) for name in listed)


def test_frames_without_a_face_do_not_count(lost):
    hidden = buffers(lost)
    other = [replace(clip, keypoints=torch.where(clip.measured[:, None, None], clip.keypoints, 7.0)) for clip in lost]
    same = buffers(other)
    for name in hidden:
        assert torch.equal(hidden[name], same[name]), name
    assert float(hidden["normalizer.std_pose"].max()) < 0.5


def test_deviations_are_those_of_the_formulas(clips):
    model = Audio2Keypoint(CONFIG)
    fit_statistics(model, clips)
    normalizer = model.normalizer
    assert torch.equal(normalizer.mean_face, mean_face(clips, CONFIG))
    faces = torch.cat([normalizer.canonicalize(clip.keypoints) for clip in clips])
    assert torch.allclose(normalizer.std_face, faces.std(dim=0).clamp(min=1e-3), rtol=1e-4, atol=1e-7)
    motion = [normalizer.encode_motion(clip.keypoints[None], clip.keypoints[:1]) for clip in clips]
    expression = torch.cat([x[0] for x, _ in motion]) * normalizer.std_expression
    assert torch.allclose(normalizer.std_expression, expression.std(dim=0).clamp(min=1e-3), rtol=1e-4, atol=1e-7)
    pose = torch.cat([x[0] for _, x in motion]) * normalizer.std_pose
    assert torch.allclose(normalizer.std_pose, pose.std(dim=0), rtol=1e-4)


def test_no_face_at_all(clips):
    nobody = [replace(clip, measured=torch.zeros_like(clip.measured)) for clip in clips]
    with pytest.raises(ValueError, match="measured face"):
        buffers(nobody)


def test_units_of_l1_are_of_measured_frames(lost):
    other = [replace(clip, keypoints=torch.where(clip.measured[:, None, None], clip.keypoints, 7.0)) for clip in lost]
    assert torch.equal(face_statistics(iter(lost)).std, face_statistics(other).std)


def test_moments_in_pieces_are_those_of_the_whole():
    values = 1e4 + torch.randn(1_000, 3, generator=torch.Generator().manual_seed(0))
    moments = RunningMoments()
    for piece in values.split(130):
        moments.add(piece)
    assert torch.allclose(moments.mean, values.double().mean(dim=0), rtol=1e-12)
    assert torch.allclose(moments.std, values.double().std(dim=0), rtol=1e-9)


def test_memory_of_faces_is_bounded(clips):
    faces = CanonicalFaces(CONFIG.stable_points)
    faces.add(clips[0].keypoints)
    before = faces._products.numel()
    faces.add(clips[1].keypoints.repeat(40, 1, 1))
    assert faces._products.numel() == before == 68 * 18 * 18


def test_tracks_end_where_the_face_was_lost():
    pose, measured = torch.randn(30, 4), torch.ones(30, dtype=torch.bool)
    measured[[10, 13]] = False
    assert [len(track) for track in measured_tracks(pose, measured)] == [6, 12]
    assert [len(track) for track in measured_tracks(pose, measured | True)] == [26]


def test_head_tracks_leave_lost_frames_out(lost):
    model = Audio2Keypoint(CONFIG)
    fit_statistics(model, lost)
    assert max(float(track.abs().max()) for track in head_tracks(model, lost)) < 1


def test_blinks_near_lost_frames_do_not_count():
    ratio, measured = torch.full((60,), 0.3), torch.ones(60, dtype=torch.bool)
    ratio[30:33] = torch.tensor([0.2, 0.1, 0.2])
    assert len(find_blinks(ratio, measured)) == 1
    measured[35] = False
    assert find_blinks(ratio, measured) == []
