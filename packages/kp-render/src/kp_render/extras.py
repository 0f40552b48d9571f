"""The hint of an error where kp-io is missing.

An index may have another package that is called kp-io. So the hint names its folder in a checkout and its wheel.
"""

from importlib.metadata import PackageNotFoundError, version


def how_to_install_kp_io() -> str:
    """Return the commands that install kp-io with its detector: from a checkout, and from a wheel.

    Example:
        >>> "packages/kp-io[dlib]" in how_to_install_kp_io()
        True
    """
    try:
        release = version("kp-render")
    except PackageNotFoundError:  # only on the path, not installed
        release = "VERSION"
    return (
        'from a checkout `pip install "packages/kp-io[dlib]"`, '
        f'from wheels `pip install "./kp_io-{release}-py3-none-any.whl[dlib]"` (the extra kp-render[io])'
    )
