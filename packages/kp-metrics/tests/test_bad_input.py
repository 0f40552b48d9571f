"""Every mistake gets a ValueError that names what was expected and what came."""

import functools

import pytest
import torch

import kp_metrics as kpm

pytestmark = pytest.mark.usefixtures("without_shape_checks")

FACE = torch.rand(2, 6, 68, 2)
BODY = torch.rand(2, 6, 17, 2)
AUDIO = torch.rand(2, 6 * 640)

MISTAKES = {
    "shapes differ": (lambda: kpm.pck(FACE, FACE[:1]), r"\(2, 6, 68, 2\).*\(1, 6, 68, 2\)"),
    "would broadcast": (lambda: kpm.nme(FACE[0, :1], FACE[0]), r"\(1, 68, 2\).*\(6, 68, 2\)"),
    "one swapped": (lambda: kpm.lmd(FACE.mT, FACE), r"\(2, 6, 2, 68\).*look swapped"),
    "both swapped": (lambda: kpm.pck(FACE.mT, FACE.mT), r"\(2, 6, 2, 68\).*swapped"),
    "no frames axis": (lambda: kpm.mpjpe(FACE[0, 0], FACE[0, 0]), r"\(\.\.\., T, K, D\), got \(68, 2\)"),
    "empty": (lambda: kpm.keypoint_l1(FACE[:0], FACE[:0]), r"at least one point, got \(0, 6, 68, 2\)"),
    "no frames": (lambda: kpm.jitter(FACE[:, :0]), r"at least one point"),
    "integers": (lambda: kpm.pck(FACE.long(), FACE.long()), r"floating point, got torch.int64"),
    "array": (lambda: kpm.pck(FACE.numpy(), FACE), r"torch.Tensor.*ndarray"),
    "mask of floats": (lambda: kpm.pck(FACE, FACE, mask=torch.ones(2, 6, 68)), r"torch.bool"),
    "mask of frames": (
        lambda: kpm.pck(FACE, FACE, mask=torch.ones(2, 6, dtype=torch.bool)),
        r"mask of shape \(2, 6, 68\).*\(2, 6, 68, 2\), got \(2, 6\)",
    ),
    "alpha 0": (lambda: kpm.pck(FACE, FACE, alpha=0), r"alpha above 0, got alpha=0"),
    "alpha negative": (lambda: kpm.pck(FACE, FACE, alpha=-0.1), r"alpha=-0.1"),
    "alpha nan": (lambda: kpm.pck(FACE, FACE, alpha=float("nan")), r"alpha=nan"),
    "alpha_max": (lambda: kpm.pck_auc(FACE, FACE, alpha_max=0), r"alpha_max above 0"),
    "fps 0": (lambda: kpm.velocity_l1(FACE, FACE, fps=0), r"fps above 0"),
    "unknown normalizer": (lambda: kpm.nme(FACE, FACE, normalizer="interoccular"), r"did you mean 'interocular'\?"),
    "normalizer 0": (lambda: kpm.nme(FACE, FACE, normalizer=0.0), r"normalizer above 0"),
    "normalizer shape": (lambda: kpm.nme(FACE, FACE, normalizer=torch.ones(3)), r"\(2, 6\) or \(2,\).*got \(3,\)"),
    "unknown reduction": (lambda: kpm.pck(FACE, FACE, reduction="men"), r"did you mean 'mean'\?"),
    "sum of means": (lambda: kpm.pck(FACE, FACE, average="keypoints", reduction="sum"), r"average='keypoints'"),
    "face metric on a body": (lambda: kpm.mouth_opening(BODY), r"17 keypoints.*iBUG-68"),
    "eyes on a body": (lambda: kpm.nme(BODY, BODY), r"17 keypoints"),
    "torso of a face": (lambda: kpm.pck(FACE, FACE, normalizer="torso"), r"17 keypoints of COCO.*functools.partial"),
    "head of a face": (lambda: kpm.head_size(FACE), r"16 keypoints of MPII"),
    "motion of a body": (lambda: kpm.motion_features(BODY), r"68 keypoints.*features="),
    "sigmas": (lambda: kpm.oks(FACE, FACE, area=1.0), r"17 default sigmas.*\(2, 6, 68, 2\)"),
    "sigma 0": (lambda: kpm.oks(BODY, BODY, area=1.0, sigmas=[0.0] * 17), r"sigmas above 0"),
    "area": (lambda: kpm.oks(BODY, BODY, area=torch.ones(5)), r"area of shape \(2, 6\) or \(2,\).*got \(5,\)"),
    "reference": (
        lambda: kpm.lip_error(FACE, FACE, reference=FACE[0]),
        r"reference of shape.*\(2, 68, 2\).*\(6, 68, 2\)",
    ),
    "align": (lambda: kpm.align_to_reference(FACE, BODY[0, 0]), r"got \(17, 2\)"),
    "component": (lambda: kpm.head_amplitude_ratio(FACE, FACE, component="rol"), r"did you mean 'roll'\?"),
    "yaw in 2-D": (lambda: kpm.head_amplitude_ratio(FACE, FACE, component="yaw"), r"'tx', 'ty', 'roll', 'log_scale'"),
    "audio": (lambda: kpm.silence_opening(FACE, audio=AUDIO[0]), r"audio of shape \(2, 'S'\)"),
    "audio of integers": (lambda: kpm.silence_opening(FACE, audio=AUDIO.short()), r"floating-point waveform"),
    "no beats": (lambda: kpm.beat_align(FACE), r"either audio or beats, got neither"),
    "beats": (lambda: kpm.beat_align(FACE, beats=torch.ones(2, 5, dtype=torch.bool)), r"beats of shape \(2, 6\)"),
    "one sample": (lambda: kpm.diversity(FACE[:1]), r"S of at least 2, got \(1, 6, 68, 2\)"),
    "tolerance": (lambda: kpm.closure_f1(FACE, FACE, tolerance=-1), r"tolerance=-1"),
    "score": (lambda: kpm.closure_f1(FACE, FACE, score="hitrate"), r"did you mean 'hit_rate'\?"),
    "index": (lambda: kpm.lmd(FACE, FACE, indices=[68]), r"indices within the 68 keypoints.*68 to 68"),
    "no index": (lambda: kpm.lmd(FACE, FACE, indices=[]), r"at least one keypoint index"),
    "unknown metric": (lambda: kpm.evaluate(FACE, FACE, metrics=["pkc"]), r"did you mean 'pck'\?"),
    "metric without audio": (lambda: kpm.evaluate(FACE, FACE, metrics=["slcc"]), r"audio for the metric 'slcc'"),
    "metric of seeds": (lambda: kpm.evaluate(FACE, FACE, metrics=["diversity"]), r"kp_metrics.diversity"),
    "nan": (lambda: kpm.evaluate(FACE * torch.nan, FACE, metrics=["pck"]), r"NaN or infinity in 'model'"),
    "groups": (lambda: kpm.evaluate(FACE, FACE, metrics=["pck"], groups=["a"]), r"2 sequences, got 1"),
    "confidence": (lambda: kpm.bootstrap_interval(torch.ones(3), confidence=95), r"confidence=95"),
    "pad": (lambda: kpm.pad_sequences([FACE[0], BODY[0]]), r"\(6, 68, 2\) and \(6, 17, 2\)"),
    "pad nothing": (lambda: kpm.pad_sequences([]), r"at least one sequence"),
    "derangement": (lambda: kpm.derangements(["a", "a", "b"]), r"half the 3 sequences"),
    "num_keypoints": (lambda: kpm.PCK(average="keypoints"), r"num_keypoints"),
    "features": (lambda: kpm.FrechetMotionDistance(num_features=3).update(FACE, FACE), r"3 features.*got 10"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake):
    call, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        call()


def test_the_hints_lead_somewhere():
    shoulders = functools.partial(kpm.torso_size, indices=(11, 12))
    assert 0 <= kpm.pck(FACE, FACE + 0.1, normalizer=shoulders) <= 1
