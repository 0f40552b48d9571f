"""The network of the head as a safetensors file of its own, as its training writes it."""

import json
from dataclasses import asdict
from pathlib import Path

from a2k_nets.checkpoints import load_state_strict, read_tensors, write_tensors
from a2k_nets.config.head import HeadConfig
from a2k_nets.head.network import HeadNetwork

_FORMAT = "a2k-head-1"


def save_head(path: Path | str, network: HeadNetwork, about: dict[str, str] | None = None) -> None:
    """Write a network of the head and its settings to a safetensors file, atomically.

    Args:
        path: File to write.
        network: The network.
        about: Texts for the file's metadata.
    """
    metadata = {**(about or {}), "format": _FORMAT, "config": json.dumps(asdict(network.config))}
    write_tensors(Path(path), network.state_dict(), metadata)


def load_head(path: Path | str) -> tuple[HeadNetwork, dict[str, str]]:
    """Read a network of the head, in eval mode, and the texts that were saved with it.

    Raises:
        ValueError: The file is damaged, or holds something else.
        FileNotFoundError: There is no such file.
    """
    tensors, metadata = read_tensors(Path(path))
    if metadata.get("format") != _FORMAT:
        raise ValueError(
            f"expected a network of the head ({_FORMAT}), got {path} ({metadata.get('format', 'unknown')})"
        )
    values = json.loads(metadata["config"])
    network = HeadNetwork(HeadConfig(**values | {"dilations": tuple(values["dilations"])}))
    load_state_strict(network, tensors)
    return network.eval(), metadata
