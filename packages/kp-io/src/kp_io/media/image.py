"""Read and write image files, and draw text labels (Pillow)."""

import os
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from kp_io.filesystem.atomic import atomic_path

#: RGB pixels `(H, W, 3)`; several in one signature may differ in size.
RGBImage = UInt8[np.ndarray, "_ _ 3"]

#: Suffixes of image files.
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})

#: Minimum side: a smaller image shows no face worth measuring.
MIN_SIDE_PX = 32


def read_image(path: str | os.PathLike[str]) -> UInt8[np.ndarray, "h w 3"]:
    """Read an image as upright `(H, W, 3)` uint8 RGB.

    Grey, palette, CMYK and 16-bit images are converted over their full range, transparent images are composited on
    white, and EXIF orientation is applied. The first frame of an animation is read.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is not a readable image, or a side is shorter than 32 px.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_image(Path(folder, "red.png"), np.full((40, 60, 3), (255, 0, 0), np.uint8))
        ...     read_image(Path(folder, "red.png")).shape
        (40, 60, 3)
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"expected an image, found no file {source}")
    try:
        with warnings.catch_warnings():
            # Pillow warns about very large images before it rejects absurd ones; only the error matters here.
            warnings.simplefilter("ignore")
            with Image.open(source) as image:
                image.load()
                pixels = _to_rgb(ImageOps.exif_transpose(image))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        # Pillow's own message for an unknown format names an object in memory.
        reason = "Pillow does not know its format" if isinstance(error, UnidentifiedImageError) else error
        reason = "the file is empty" if source.stat().st_size == 0 else reason
        raise ValueError(f"expected an image that can be read (PNG, JPEG, WebP, …), got {source}: {reason}") from error
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise ValueError(f"expected an image of at least {MIN_SIDE_PX} px a side, got {width}×{height} px in {source}")
    return pixels


def image_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Return height and width as stored, from the header alone; None if Pillow does not know the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                return image.height, image.width
    except Image.DecompressionBombError:
        return 1 << 16, 1 << 16  # more than Pillow reads
    except (OSError, SyntaxError, ValueError):
        return None


def write_image(path: str | os.PathLike[str], image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Write `(H, W, 3)` uint8 RGB atomically as an image in the format of the suffix.

    Raises:
        ValueError: The array is not an RGB image, or the suffix is unknown.
        OSError: The folder cannot be written.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"expected an image (H, W, 3) uint8, got {image.shape} {image.dtype}")
    if Path(path).suffix.lower() not in IMAGE_SUFFIXES:
        raise ValueError(f"expected an image suffix ({', '.join(sorted(IMAGE_SUFFIXES))}), got {path}")
    with atomic_path(path) as temporary:
        # 4:4:4 keeps thin coloured lines sharp; formats other than JPEG ignore both options.
        Image.fromarray(image).save(temporary, quality=95, subsampling=0)


@lru_cache(maxsize=64)  # a video has the same label in every frame
def text_strip(text: str, *, width: int, height: int, background: int = 24) -> UInt8[np.ndarray, "h w 3"]:
    """Return light text centred on a strip of a grey level; long text gets a smaller font until it fits.

    The strip is shared between calls and read-only.

    Example:
        >>> text_strip("generated", width=200, height=24).shape
        (24, 200, 3)
    """
    strip = Image.new("RGB", (width, height), (background,) * 3)
    draw = ImageDraw.Draw(strip)
    size = 0.62 * height
    font = ImageFont.load_default(size)
    while size > 6 and draw.textlength(text, font=font) > 0.96 * width:
        size *= 0.9
        font = ImageFont.load_default(size)
    draw.text((width / 2, height / 2), text, font=font, fill=(235, 235, 235), anchor="mm")
    pixels = np.array(strip)
    pixels.setflags(write=False)
    return pixels


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        grey = _wide_to_8_bit(np.asarray(image, np.float64), is_float=image.mode == "F")
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


def _wide_to_8_bit(grey: np.ndarray, *, is_float: bool) -> np.ndarray:
    """Scale 16-bit grey levels, or floats in [0, 1], [0, 255] or [0, 65535], to 8 bits."""
    if not np.isfinite(grey).all():
        raise ValueError("its pixels hold NaN or infinity")
    top = grey.max(initial=0)
    white = 1 if is_float and top <= 1 else 255 if is_float and top <= 255 else max(65535, top)
    return (grey * (255 / white)).round().clip(0, 255).astype(np.uint8)
