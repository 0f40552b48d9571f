"""Packages that each extra installs, for the hints of errors where one is missing.

An index may have another package that is called kp-io, so a hint names what the extra lists and not the extra alone:
that works beside a checkout and beside a wheel. A test keeps the table equal to `pyproject.toml`.
"""

#: The requirements of an extra, as `pip install` takes them.
REQUIREMENTS = {
    "dlib": ("dlib-bin>=20.0.1", "face-recognition-models>=0.3"),
    "face-alignment": ("numba>=0.60", "packaging", "scikit-image>=0.24", "scipy>=1.12", "tqdm>=4.60"),
    "mediapipe": ("absl-py>=2.1", "certifi", "flatbuffers>=24", "matplotlib>=3.8"),
    "build": ("pyarrow>=15",),
    "ray": ("pyarrow>=15", "ray>=2.10"),
    "tts": ("espeakng-loader>=0.2",),
}


def how_to_install(extra: str) -> str:
    """Return the command that installs what an extra lists, and the name of the extra.

    Example:
        >>> how_to_install("build")
        '`pip install "pyarrow>=15"` (the extra kp-io[build])'
    """
    quoted = " ".join(f'"{requirement}"' for requirement in REQUIREMENTS[extra])
    return f"`pip install {quoted}` (the extra kp-io[{extra}])"
