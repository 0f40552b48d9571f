"""Metrics of one clip in one row of the table."""

from dataclasses import dataclass
from math import nan

from jaxtyping import Bool, Float
from torch import Tensor

from a2k_train.data.clip import Clip
from a2k_train.statistics.faces import FaceStatistics
from kp_io import IBUG68
from kp_metrics import (
    closure_f1,
    head_amplitude_ratio,
    identity_error,
    jitter,
    keypoint_l1,
    lip_error,
    mouth_amplitude_ratio,
    mouth_correlation,
    pck,
    silence_opening,
    velocity_ratio,
)

#: The outer corners of the lips; their distance is the mouth width.
_LIP_CORNERS = (48, 54)


@dataclass(frozen=True, slots=True)
class ClipScore:
    """The metrics of one clip in one row of the table.

    Centred keypoints have the base point, the root of the nose, subtracted in every frame as in the paper, so that they
    do not depend on head position.

    Attributes:
        row: Name of the row: a baseline, a model, the ground truth.
        fold: Fold of a cross-validation; 0 without one.
        clip: The clip's id.
        speaker: Its speaker.
        mouth_correlation: Pearson's r of predicted and true mouth opening.
        lip_error: Mean error of the lips in the pose-free frame, over the inter-ocular distance.
        mouth_amplitude_ratio: Standard deviation of predicted over true mouth opening.
        head_amplitude_ratio: The same for the head pose, including its position.
        l1: Mean absolute coordinate error, % of the reference's inter-ocular distance.
        pck: Share of keypoints within 0.02 × the larger side of the sequence's box, %.
        l1_z: Mean absolute error of the centred coordinates, each over its standard deviation in training.
        pck_centred: `pck` of the centred keypoints, %.
        head_turn_ratio: `head_amplitude_ratio` of roll and scale alone.
        velocity_ratio: Root mean square speed of the centred keypoints over the true one.
        first_frame_error: Mean distance of the first frame from the reference, % of its inter-ocular distance.
        identity_error: Distance of the mean pose-free face from the reference, % of its inter-ocular distance.
        identity_drift: `identity_error` of the last quarter of the clip minus that of the first.
        closure_f1: F1 of the frames with closed lips.
        silence_opening: Median mouth opening during silence; NaN without silence.
        jitter: Mean third difference, inter-ocular distances per second³.
        mouth_width_correlation: Pearson's r of predicted and true mouth width, between the lips' corners.
    """

    row: str
    fold: int
    clip: str
    speaker: str
    mouth_correlation: float
    lip_error: float
    mouth_amplitude_ratio: float
    head_amplitude_ratio: float
    l1: float
    pck: float
    l1_z: float = nan
    pck_centred: float = nan
    head_turn_ratio: float = nan
    velocity_ratio: float = nan
    first_frame_error: float = nan
    identity_error: float = nan
    identity_drift: float = nan
    closure_f1: float = nan
    silence_opening: float = nan
    jitter: float = nan
    mouth_width_correlation: float = nan


def score_clip(
    row: str,
    clip: Clip,
    preds: Float[Tensor, "t k d"],
    *,
    fold: int = 0,
    statistics: FaceStatistics | None = None,
) -> ClipScore:
    """Score predictions for a clip whose first frame is the reference; frames without a measured face are ignored.

    Args:
        row: Row name of the score.
        clip: The ground truth.
        preds: Predicted keypoints, pixels of the clip.
        fold: Fold number of the score.
        statistics: Statistics of the training data for `l1_z`, which is NaN without them.
    """
    target, reference = clip.keypoints, clip.keypoints[0]
    mask = clip.measured[:, None].expand(target.shape[:2])
    eyes = float((reference[IBUG68.left_eye_corner] - reference[IBUG68.right_eye_corner]).norm())
    centred = [points - points[:, IBUG68.base_point, None] for points in (preds, target)]
    roll, scale = (
        float(head_amplitude_ratio(preds, target, mask=mask, component=name)) for name in ("roll", "log_scale")
    )
    return ClipScore(
        row=row,
        fold=fold,
        clip=clip.id,
        speaker=clip.speaker,
        mouth_correlation=float(mouth_correlation(preds, target, mask=mask)),
        lip_error=float(lip_error(preds, target, mask=mask)),
        mouth_amplitude_ratio=float(mouth_amplitude_ratio(preds, target, mask=mask)),
        head_amplitude_ratio=float(head_amplitude_ratio(preds, target, mask=mask)),
        l1=100 * float(keypoint_l1(preds, target, mask=mask)) / eyes,
        pck=100 * float(pck(preds, target, mask=mask)),
        l1_z=nan if statistics is None else statistics.l1(preds, target, measured=clip.measured),
        pck_centred=100 * float(pck(*centred, mask=mask)),
        head_turn_ratio=(roll * scale) ** 0.5,
        velocity_ratio=float(velocity_ratio(*centred, mask=mask)),
        first_frame_error=100 * float((preds[0] - reference).norm(dim=-1).mean()) / eyes,
        identity_error=100 * float(identity_error(preds, reference=reference, mask=mask)),
        identity_drift=100 * _drift(preds, reference, mask),
        closure_f1=float(closure_f1(preds, target, mask=mask)),
        silence_opening=float(silence_opening(preds, target, audio=clip.waveform, mask=mask)),
        jitter=float(jitter(preds, target, mask=mask)),
        mouth_width_correlation=float(mouth_correlation(preds, target, mask=mask, lips=_LIP_CORNERS)),
    )


def _drift(preds: Float[Tensor, "t k d"], reference: Float[Tensor, "k d"], mask: Bool[Tensor, "t k"]) -> float:
    """Return the growth of the identity error from the first quarter to the last; NaN with fewer than 8 frames."""
    quarter = len(preds) // 4
    if quarter < 2:
        return nan
    first, last = (
        float(identity_error(preds[part], reference=reference, mask=mask[part]))
        for part in (slice(0, quarter), slice(len(preds) - quarter, len(preds)))
    )
    return last - first
