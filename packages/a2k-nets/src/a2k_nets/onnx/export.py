"""Export of a whole model to one ONNX file; the only module that imports onnx."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from a2k_nets.checkpoints.atomic import write_bytes
from a2k_nets.checkpoints.checkpoint import LICENCE
from a2k_nets.config.listener import ListenerConfig
from a2k_nets.config.presets import config_to_json, preset_of
from a2k_nets.extras import how_to_install
from a2k_nets.onnx.convolved_log_mel import ConvolvedLogMel
from a2k_nets.onnx.graphs import PaperGraph, ResidualGraph
from a2k_nets.onnx.streaming_graph import StreamingGraph
from a2k_nets.paper.model import PaperAudio2Keypoint
from a2k_nets.residual.model import Audio2Keypoint

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

#: Operators of ONNX 1.13, the oldest that the exporter of PyTorch writes.
OLDEST_OPSET = 18


def export_onnx(
    model: Audio2Keypoint | PaperAudio2Keypoint,
    path: Path | str,
    *,
    opset: int = OLDEST_OPSET,
    streaming: bool = False,
) -> Path:
    """Write a model, log-mel included, as one ONNX file for any batch size and length; return its path.

    Inputs are `waveform` (B, S) and `reference` (B, K, 2), the output is `keypoints` (B, T, K, 2), as in `forward`. The
    `residual` preset also has the optional scalars `head_motion` and `expression`. Random head motion and blinks,
    `neutralize_mouth` and the checks for values that are not finite are not in the graph. The head in space is in no
    graph: with `streaming`, the head moves at random in the plane, and the metadata `left_out` says so.

    Args:
        model: The network, on any device; not changed.
        path: An `.onnx` file, written atomically.
        opset: Version of the ONNX operators.
        streaming: Write the graph of one video frame of a live stream instead, head motion and blinks included, as
            `StreamingGraph.forward` describes; its inputs `state` and `noise` are kept and drawn by the caller.

    Raises:
        ValueError: The path does not end in .onnx, the opset is not supported, or the preset is `listener`; or, with
            `streaming`, `paper`.
        ImportError: The extra `onnx` is not installed.
        OSError: The file cannot be written.

    Example:
        >>> export_onnx(Audio2Keypoint.from_pretrained(), "model.pt")
        Traceback (most recent call last):
        ValueError: expected a file ending in .onnx, got model.pt
    """
    path = Path(path)
    if path.suffix.lower() != ".onnx":
        raise ValueError(f"expected a file ending in .onnx, got {path}")
    if isinstance(model.config, ListenerConfig):
        raise ValueError(
            "expected a model of the preset residual or paper, such as small, got one of the preset listener"
        )
    try:
        import onnx
        import onnxscript  # noqa: F401 - required by the exporter of PyTorch
    except ImportError as error:
        raise ImportError(f"exporting needs ONNX: {how_to_install('onnx')}; {error}") from error
    if not OLDEST_OPSET <= opset <= onnx.defs.onnx_opset_version():
        raise ValueError(f"expected an opset from {OLDEST_OPSET} to {onnx.defs.onnx_opset_version()}, got {opset}")
    # A copy, since the layer below is replaced, and the caller's mode must not change.
    copied = copy.deepcopy(model) if isinstance(model, PaperAudio2Keypoint) else model.in_the_plane()
    copied = copied.cpu().float().eval()
    copied.log_mel = ConvolvedLogMel(copied.log_mel)
    graph = _graph_of(copied, streaming=streaming)
    proto = _trace(graph, opset=opset)
    _clean(proto.graph, name_axes=not streaming)
    defaults = {} if isinstance(graph, StreamingGraph) else graph.defaults
    for name, value in defaults.items():
        # In ONNX an input that is also an initializer has a default.
        proto.graph.initializer.append(onnx.helper.make_tensor(name, onnx.TensorProto.FLOAT, [], [value]))
    proto.producer_name, proto.producer_version = "a2k-nets", version("a2k-nets")
    metadata = {
        "preset": preset_of(model.config),
        "config": config_to_json(copied.config),
        "licence": LICENCE,
        "sample_rate": str(model.config.audio.sample_rate),
        "fps": str(model.config.fps),
    }
    if what_is_left_out(model):
        metadata["left_out"] = what_is_left_out(model)
    if isinstance(graph, StreamingGraph):
        metadata |= graph.metadata()
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    write_bytes(path, proto.SerializeToString())
    return path


def what_is_left_out(model: Audio2Keypoint | PaperAudio2Keypoint) -> str:
    """Return what a model does and its graph does not, or an empty text.

    Example:
        >>> what_is_left_out(Audio2Keypoint())
        ''
    """
    if isinstance(model, PaperAudio2Keypoint) or model.head is None:
        return ""
    return "the head in space: it turns, nods and raises brows with speech; the head of the graph stays in the plane"


def _graph_of(
    model: Audio2Keypoint | PaperAudio2Keypoint, *, streaming: bool
) -> ResidualGraph | PaperGraph | StreamingGraph:
    if isinstance(model, PaperAudio2Keypoint):
        if streaming:
            raise ValueError("expected a causal model such as small to stream, got one of the preset paper")
        return PaperGraph(model)
    return StreamingGraph(model) if streaming else ResidualGraph(model)


def _trace(graph: ResidualGraph | PaperGraph | StreamingGraph, *, opset: int) -> "ModelProto":
    shapes: tuple[dict[int, Any], ...] | None = None
    if isinstance(graph, StreamingGraph):
        inputs, outputs = graph.example(), ["keypoints", "next_state"]
    else:
        config = graph.model.config
        # A `Dim` with a range would be refused, since short waveforms take other branches of slicing and padding than
        # this example. The ONNX operators take the right branch when they run, for any length.
        dynamic = torch.export.Dim.DYNAMIC
        shapes = ({0: dynamic, 1: dynamic}, {0: dynamic}, *({} for _ in graph.defaults))
        # A batch of three and an odd length, so that no two sizes are equal by accident.
        inputs = {
            "waveform": torch.zeros(3, 3 * config.audio.sample_rate + 7),
            "reference": torch.zeros(3, config.num_keypoints, graph.dimensions),
            **{name: torch.ones(()) for name in graph.defaults},
        }
        outputs = ["keypoints"]
    with torch.no_grad(), _quiet():
        program = torch.export.export(graph, tuple(inputs.values()), dynamic_shapes=shapes, strict=False)
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=opset,
            input_names=list(inputs),
            output_names=outputs,
            verbose=False,
        )
    assert exported is not None  # None only with `dynamo=False`
    proto: ModelProto = exported.model_proto
    return proto


def _clean(graph: "GraphProto", *, name_axes: bool) -> None:
    """Name the dynamic axes, if there are any, and remove metadata that contains stack traces with local file names."""
    graph.ClearField("value_info")
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    if not name_axes:
        return
    names = {"waveform": ("batch", "samples"), "reference": ("batch",), "keypoints": ("batch", "frames")}
    for value in (*graph.input, *graph.output):
        for axis, name in zip(value.type.tensor_type.shape.dim, names.get(value.name, ()), strict=False):
            axis.dim_param = name


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence messages of PyTorch about its own code: deprecations, and a missing torchvision."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
