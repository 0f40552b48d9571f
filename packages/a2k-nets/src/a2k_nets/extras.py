"""Packages that each extra installs, for the hints of errors where one is missing.

An index may have other packages that are called a2k-nets and kp-io. So a hint names what the extra lists, and kp-io by
its folder in a checkout and by its wheel. A test keeps the table equal to `pyproject.toml`.
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

#: The requirements of an extra, as `pip install` takes them; kp-io is told apart from them by `how_to_install_kp_io`.
REQUIREMENTS = {
    "mic": ("sounddevice>=0.5",),
    "onnx": ("onnx>=1.18", "onnxscript>=0.5"),
    "hub": ("huggingface-hub>=1.0",),
    "serve": (
        "prometheus-client>=0.20",
        "python-multipart>=0.0.18",
        "starlette>=0.46",
        "uvicorn>=0.34",
        "websockets>=14",
    ),
    "web": ("gradio>=6.20,<7", "scikit-image>=0.24"),
}

#: The extras of kp-io that an extra of this package asks for.
KP_IO_EXTRAS = {"io": ("dlib",), "tts": ("tts",), "serve": ("dlib",), "web": ("dlib", "tts")}


def how_to_install(extra: str) -> str:
    """Return the command that installs what an extra lists, and the name of the extra.

    Example:
        >>> how_to_install("hub")
        '`pip install "huggingface-hub>=1.0"` (the extra a2k-nets[hub])'
    """
    quoted = " ".join(f'"{requirement}"' for requirement in REQUIREMENTS[extra])
    return f"`pip install {quoted}` (the extra a2k-nets[{extra}])"


def how_to_install_kp_io(extra: str) -> str:
    """Return the commands that install kp-io with what an extra asks for: from a checkout, and from a wheel."""
    try:
        release = version("a2k-nets")
    except PackageNotFoundError:  # only on the path, not installed
        release = "VERSION"
    brackets = f"[{','.join(KP_IO_EXTRAS[extra])}]"
    return (
        f'from a checkout `pip install "packages/kp-io{brackets}"`, '
        f'from wheels `pip install "./kp_io-{release}-py3-none-any.whl{brackets}"` (the extra a2k-nets[{extra}])'
    )


def has_kp_render() -> bool:
    """Return whether kp-render, which makes portraits speak, is installed with what it needs."""
    return find_spec("kp_render") is not None and find_spec("kornia") is not None


def how_to_install_kp_render() -> str:
    """Return the commands that install kp-render, which makes videos: from a checkout, and from a wheel.

    Example:
        >>> "packages/kp-render[io]" in how_to_install_kp_render()
        True
    """
    try:
        release = version("a2k-nets")
    except PackageNotFoundError:  # only on the path, not installed
        release = "VERSION"
    return (
        'from a checkout `pip install "packages/kp-render[io]"`, '
        f'from wheels `pip install "./kp_render-{release}-py3-none-any.whl[io]"`'
    )
