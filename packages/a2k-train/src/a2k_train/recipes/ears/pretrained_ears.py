"""Initialize the audio layers ("ears") of a network from those that were pretrained on sound alone."""

from a2k_nets import Audio2Keypoint
from a2k_nets.checkpoints import load_state_strict
from a2k_nets.residual import ResidualGenerator

#: The layers between the spectrogram and the heads.
EARS = ("stem", "blocks", "norm")


def load_ears(model: Audio2Keypoint, source: str) -> None:
    """Copy the audio layers of a checkpoint into a model of the same size; reference layers and heads are unchanged.

    Args:
        model: A model of the preset `residual`, changed in place.
        source: The checkpoint: a file, a folder, or an id of the Hugging Face Hub.

    Raises:
        ValueError: The checkpoint is of another preset, or its network has other sizes.
        FileNotFoundError: There is no such checkpoint.
    """
    other = Audio2Keypoint.from_pretrained(source)
    own = model.generator
    if not isinstance(other.generator, ResidualGenerator) or not isinstance(own, ResidualGenerator):
        raise ValueError(f"expected ears of the preset residual for one of the same preset, got {source}")
    for name in ("width", "dilations", "kernel_size", "stem_kernel_size", "lookahead_hops", "audio"):
        ours, theirs = getattr(model.config, name), getattr(other.config, name)
        if ours != theirs:
            raise ValueError(f"expected ears with model.{name} {ours}, got {theirs} in {source}; change the setting")
    for name in EARS:
        load_state_strict(getattr(own, name), getattr(other.generator, name).state_dict())
