"""Statistics of the features of the `listener` preset's speech encoder."""

import torch

from a2k_nets import Audio2Keypoint
from a2k_nets.residual import ListenerGenerator
from a2k_train.data.clip_store import ClipStore
from a2k_train.statistics.faces import MAX_CLIPS
from a2k_train.statistics.running import RunningMoments


@torch.no_grad()
def fit_feature_statistics(model: Audio2Keypoint, store: ClipStore) -> None:
    """Set mean and standard deviation of each channel to those of the clean sound of the first 10,000 clips.

    Raises:
        ValueError: The store has no features.
    """
    network = model.generator
    assert isinstance(network, ListenerGenerator)
    if store.features is None:
        raise ValueError(
            "expected clips with the features of the encoder, got none; see a2k_train.data.speech_features"
        )
    moments = RunningMoments()
    for start, length in zip(store.starts[:MAX_CLIPS].tolist(), store.lengths[:MAX_CLIPS].tolist(), strict=True):
        rows = store.features[0, start : start + length].float().cpu()
        moments.add(rows.reshape(-1, network.num_features))
    network.mean_features.copy_(moments.mean)
    network.std_features.copy_(moments.std.clamp(min=1e-3))
