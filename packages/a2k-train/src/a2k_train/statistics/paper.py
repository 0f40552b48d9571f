"""Mean and deviation of the training keypoints, for the paper's normalizer (section 4.5)."""

from a2k_nets.paper import PaperNormalizer
from a2k_train.data.clip_store import ClipStore
from kp_io.keypoints import KeypointStatistics

# The paper computes its statistics over the first 10,000 training sequences.
_MAX_CLIPS = 10_000


def fit_paper_statistics(normalizer: PaperNormalizer, store: ClipStore) -> None:
    """Fit the normalizer to training clips; one clip is looked at after the other."""
    running = KeypointStatistics(base_point=normalizer.config.base_point)
    for index in range(min(len(store), _MAX_CLIPS)):
        running.add(store.clip(index).keypoints.cpu())
    normalizer.set_statistics(mean=running.mean.float(), std=running.std.float())
