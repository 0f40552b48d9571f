"""Motion of every row of the report for the clips of one fold, judged by judges that have not seen their speakers."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from a2k_nets.config import HeadConfig
from a2k_nets.head import SpeechFeatures, lift, project
from a2k_train.data.clip import Clip
from a2k_train.evaluation.evaluate import clip_seed
from a2k_train.evaluation.head_space.baselines import fit_baseline
from a2k_train.evaluation.head_space.held_out import HeldOut
from a2k_train.evaluation.head_space.judge import JUDGES, WINDOW, Judge, judged_tracks, train_judge, window_starts
from a2k_train.evaluation.head_space.keypoint_errors import keypoint_errors
from a2k_train.evaluation.head_space.tracks import generated_tracks, real_tracks
from a2k_train.evaluation.shuffled_audio import mismatched_audio
from a2k_train.statistics.head.process import SHORTEST, frame_samples
from kp_metrics import frame_loudness, motion_match_auc, silent_frames

#: Rows of the report, in order.
REAL, OTHER, MODEL, AR, AR_VARIED, WALK = (
    "real", "real, of another sound", "model", "AR(2)", "AR(2), varied size", "random walk"
)  # fmt: skip
ROWS = (REAL, MODEL, AR, AR_VARIED, WALK, OTHER)

#: Keypoints `(S, T, 68, 2)` for a clip: with head motion of S seeds, and `(1, T, 68, 2)` with a still head.
Generate = Callable[[Clip, int, int], tuple[Tensor, Tensor]]

# Seeds whose tracks are measured and judged; the errors of keypoints are those of all seeds.
_TRACKED = 3

# Windows of one clip are compared if they begin at least a second apart.
_APART = 25


@torch.no_grad()
def measure_fold(
    generate: Generate,
    training: Sequence[Clip],
    held_out: Sequence[Clip],
    *,
    seeds: int = 10,
    judge_steps: int = 500,
    seed: int = 0,
    on_clip: Callable[[int], None] | None = None,
) -> HeldOut:
    """Generate motion for held-out clips, and judge and score it beside baselines.

    Clips of fewer than 50 measured frames are left out.

    Args:
        generate: Function of a clip, a number of seeds and a random seed.
        training: Clips that judges and baselines are fitted to: none of a held-out speaker.
        held_out: Clips of at least two speakers.
        seeds: Motions of each row for each clip, except of real motion. The tracks of three are measured.
        judge_steps: Optimizer steps of each judge.
        seed: Random seed.
        on_clip: Called with the number of clips done.

    Raises:
        ValueError: A speaker is in both, or there are too few clips.
    """
    training, held_out = ([c for c in clips if int(c.measured.sum()) >= SHORTEST] for clips in (training, held_out))
    shared = {clip.speaker for clip in training} & {clip.speaker for clip in held_out}
    if shared:
        raise ValueError(
            f"expected no training clips of held-out speakers, got some of {', '.join(sorted(shared)[:5])}"
        )
    learnt = [real_tracks(clip) for clip in training]
    judges = _train_judges(training, learnt, steps=judge_steps, seed=seed)
    ar, walk = (fit_baseline([t[:, :9] for t in learnt], kind) for kind in ("autoregression", "random walk"))
    result = _describe(held_out)
    real = [real_tracks(clip) for clip in held_out]
    others = mismatched_audio(list(held_out), count=seeds, seed=seed)
    tracks: dict[str, list[Tensor]] = {row: [] for row in ROWS}
    errors: dict[str, list[Tensor]] = {row: [] for row in (*ROWS, "still head")}
    for index, clip in enumerate(held_out):
        points, still = (p.detach() for p in generate(clip, seeds, clip_seed(seed, index)))
        random = torch.Generator().manual_seed(clip_seed(seed, index))
        frames = clip.num_frames
        looped = [real[other[index]] for other in others]
        looped = [track.repeat(-(-frames // len(track)), 1)[:frames] for track in looped]
        moved = {
            AR: ar.draw(seeds, frames, random),
            AR_VARIED: ar.draw(seeds, frames, random, vary_size=True),
            WALK: walk.draw(seeds, frames, random),
            OTHER: torch.stack(looped)[..., :9],
        }
        tracks[REAL].append(real[index][None])
        tracks[MODEL].append(torch.stack([generated_tracks(seed_points) for seed_points in points[:_TRACKED]]))
        errors[REAL].append(keypoint_errors(clip.keypoints[None, ..., :2].cpu(), clip))
        errors[MODEL].append(keypoint_errors(points, clip))
        errors["still head"].append(keypoint_errors(still, clip).expand(seeds, -1))
        lifted = lift(clip.keypoints[:1, :, :2].cpu())
        for row, motion in moved.items():
            lids = torch.stack([track[:, 9:] for track in looped]) if row == OTHER else torch.zeros(seeds, frames, 1)
            centred = motion - motion.mean(dim=1, keepdim=True)
            tracks[row].append(torch.cat((centred, lids), dim=-1)[:_TRACKED])
            head = (motion - motion[:, :1])[..., :6].flatten(0, 1)[None]
            turned = project(still.expand(seeds, -1, -1, -1).flatten(0, 1)[None], lifted, head)[0]
            errors[row].append(keypoint_errors(turned.reshape(seeds, frames, *turned.shape[1:]), clip, pose_free=False))
        if on_clip is not None:
            on_clip(index + 1)
    result.tracks = {row: torch.cat(parts, dim=1) for row, parts in tracks.items()}
    result.errors = {row: torch.stack(parts, dim=1) for row, parts in errors.items()}
    _judge_rows(result, judges, [heard(clip) for clip in held_out])
    return result


def heard(clip: Clip) -> Float[Tensor, "t f"]:
    """Return the features of a clip's sound that judges hear: those of the network, without their mean in the clip."""
    features = SpeechFeatures(HeadConfig())
    samples = frame_samples(clip.waveform.cpu(), clip.num_frames, features)
    found: Tensor = features(samples[None], features.begin(1))[0].float()
    return found - found.mean(dim=0)


def _train_judges(training: Sequence[Clip], tracks: Sequence[Tensor], *, steps: int, seed: int) -> dict[str, Judge]:
    speech, speakers = [heard(clip) for clip in training], [clip.speaker for clip in training]
    with torch.enable_grad():
        return {
            name: train_judge(speech, tracks, speakers, columns, steps=steps, seed=seed)
            for name, columns in JUDGES.items()
        }


def _describe(clips: Sequence[Clip]) -> HeldOut:
    silent = []
    for clip in clips:
        loudness = frame_loudness(clip.waveform.cpu(), num_frames=clip.num_frames)
        silent.append(silent_frames(loudness))
    return HeldOut(
        [clip.id for clip in clips],
        [clip.speaker for clip in clips],
        [clip.num_frames for clip in clips],
        torch.cat([clip.measured.cpu() for clip in clips]),
        torch.cat(silent),
    )


def _judge_rows(result: HeldOut, judges: dict[str, Judge], speech: Sequence[Tensor]) -> None:
    """Add the shares of every row and judge: sound against the motions of the same row."""
    places = [(clip, start) for clip, frames in enumerate(result.lengths) for start in window_starts(frames)]
    result.windows = clip_of = torch.tensor([clip for clip, _ in places])
    starts = torch.tensor([start for _, start in places])
    speakers = [result.speakers[clip] for clip, _ in places]
    sounds = torch.stack([speech[clip][start : start + WINDOW] for clip, start in places])
    own = (clip_of[:, None] == clip_of) & ((starts[:, None] - starts).abs() >= _APART)
    codes = {name: judge.encode_speech(sounds) for name, judge in judges.items()}
    for row in ROWS:
        clips = result.clips(row)
        for name, judge in judges.items():
            if name == "lids" and row in (AR, AR_VARIED, WALK):
                continue  # they have none
            seen = [judged_tracks(tracks, judge.columns) for tracks in clips]
            shares: dict[str, list[Tensor]] = {"others": [], "own": []}
            for seed in range(len(result.tracks[row])):
                motions = torch.stack([seen[c][seed, start : start + WINDOW] for c, start in places])
                scores = codes[name] @ judge.motion(motions).T
                shares["others"].append(motion_match_auc(scores, speakers, reduction="none"))
                shares["own"].append(motion_match_auc(scores, speakers, candidates=own, reduction="none"))
            for against, found in shares.items():
                result.shares[row, name, against] = torch.stack(found)
