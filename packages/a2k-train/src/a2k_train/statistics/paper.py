"""Statistics of the `paper` preset's normalizer (section 4.5)."""

from a2k_nets.paper import PaperNormalizer
from a2k_train.data.clip_store import ClipStore
from a2k_train.statistics.faces import MAX_CLIPS, coordinate_statistics


def fit_paper_statistics(normalizer: PaperNormalizer, store: ClipStore) -> None:
    """Fit the normalizer's mean and deviation to training clips, reading one clip at a time."""
    clips = (store.clip(index) for index in range(min(len(store), MAX_CLIPS)))
    mean, std = coordinate_statistics(clips, base_point=normalizer.config.base_point)
    normalizer.set_statistics(mean=mean, std=std)
