from .config.paper import PaperConfig as PaperConfig
from .config.residual import ModelConfig as ModelConfig
from .inference.generate import generate_sequence as generate_sequence
from .inference.streaming import StreamingGenerator as StreamingGenerator
from .onnx.export import export_onnx as export_onnx
from .paper.model import PaperAudio2Keypoint as PaperAudio2Keypoint
from .pretrained import AnyModel as AnyModel, load_model as load_model
from .residual.model import Audio2Keypoint as Audio2Keypoint
from .sync.offset import SyncOffset as SyncOffset, measure_offset as measure_offset
