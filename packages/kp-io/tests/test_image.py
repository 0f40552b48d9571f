import numpy as np
import pytest
from PIL import Image

from kp_io import read_image, write_image
from kp_io.media.image import text_strip

RAMP = np.tile(np.linspace(0, 255, 64).round().astype(np.uint8), (48, 1))


@pytest.fixture
def save(tmp_path):
    def save(image, name="picture.png", **options):
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return save


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".jpg"])
def test_written_pictures_come_back(tmp_path, suffix):
    picture = np.stack([RAMP, RAMP[:, ::-1], np.full_like(RAMP, 90)], axis=2)
    path = tmp_path / f"new folder/ü{suffix}"
    write_image(path, picture)
    tolerance = 6 if suffix in (".jpg", ".webp") else 0
    assert np.abs(read_image(path).astype(int) - picture).mean() <= tolerance
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_grey(save):
    pixels = read_image(save(Image.fromarray(RAMP)))
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == RAMP[..., None]).all()


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_16_bit_grey_is_scaled_and_not_clipped(save, name):
    deep = RAMP.astype(np.uint16) * 257
    assert (read_image(save(Image.fromarray(deep), name)) == RAMP[..., None]).all()


def test_a_dark_16_bit_picture_stays_dark(save):
    assert read_image(save(Image.fromarray(np.full((40, 40), 200, np.uint16)))).max() <= 1


def test_16_bit_colour(tmp_path):
    import cv2

    deep = np.stack([RAMP, RAMP[:, ::-1], np.full_like(RAMP, 90)], axis=2).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    assert np.abs(read_image(tmp_path / "deep.png").astype(int) - deep // 257).max() <= 1


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_floating_point(save, top):
    image = Image.fromarray((RAMP / 255 * top).astype(np.float32))
    assert np.abs(read_image(save(image, "float.tif")).astype(int) - RAMP[..., None]).max() <= 1


def test_transparency_is_laid_on_white(save):
    rgba = np.zeros((40, 40, 4), np.uint8)
    rgba[:, 20:] = (255, 0, 0, 255)
    rgba[:20, 20:, 3] = 128
    pixels = read_image(save(Image.fromarray(rgba)))
    assert tuple(pixels[30, 5]) == (255, 255, 255)
    assert tuple(pixels[30, 30]) == (255, 0, 0)
    assert np.abs(pixels[5, 30].astype(int) - (255, 127, 127)).max() <= 1
    grey = Image.fromarray(rgba[..., [0, 3]])
    assert tuple(read_image(save(grey, "grey.png"))[30, 5]) == (255, 255, 255)


def test_palette_with_and_without_transparency(save):
    image = Image.fromarray(np.dstack([RAMP, RAMP, RAMP])).quantize(64)
    assert np.abs(read_image(save(image)).astype(int) - RAMP[..., None]).max() <= 8
    index = image.getpixel((0, 0))
    assert tuple(read_image(save(image, "hole.png", transparency=index))[0, 0]) == (255, 255, 255)


def test_cmyk(save):
    image = Image.fromarray(np.full((40, 40, 3), (200, 60, 30), np.uint8)).convert("CMYK")
    assert np.abs(read_image(save(image, "print.jpg", quality=98))[20, 20].astype(int) - (200, 60, 30)).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_undone(save, orientation):
    upright = np.zeros((48, 64, 3), np.uint8)
    upright[:16, :16] = (255, 0, 0)
    upright[-16:, -16:] = (0, 255, 0)
    undo = {1: [], 2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}[orientation]
    stored = Image.fromarray(upright)
    for method in undo:
        stored = stored.transpose(Image.Transpose(method))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read_image(save(stored, exif=exif))
    assert (pixels == upright).all()


def test_small_pictures_are_refused_with_their_size(save):
    with pytest.raises(ValueError, match=r"at least 32 px a side, got 20×50 px"):
        read_image(save(Image.new("RGB", (20, 50))))


@pytest.mark.parametrize("content", [b"", b"no picture", bytes(3000)])
def test_what_is_no_picture_is_one_clear_error(tmp_path, content):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"expected an image that can be read .* got .*bad\.png"):
        read_image(path)


def test_truncated_pictures_are_refused(save, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    for name in ("cut.png", "cut.jpg"):
        path = save(Image.fromarray(noise), name)
        path.write_bytes(path.read_bytes()[:20_000])
        with pytest.raises(ValueError, match=name):
            read_image(path)


def test_missing_and_wrongly_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="found no file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(ValueError, match="suffix"):
        write_image(tmp_path / "a.txt", np.zeros((40, 40, 3), np.uint8))


def test_labels_fit_their_strip():
    strip = text_strip("a label that is far too long for so narrow a strip", width=120, height=30)
    assert strip.shape == (30, 120, 3)
    inked = np.flatnonzero((strip[..., 0] != 24).any(axis=0))
    assert inked.min() > 0
    assert inked.max() < 119
