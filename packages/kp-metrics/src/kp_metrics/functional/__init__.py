"""The metrics as pure functions of `preds` and `target`.

Arguments with one meaning in all functions:

- `preds`, `target`: Predicted and true keypoints `(..., T, K, D)`: T frames (a still has 1) of K points in 2 or 3
  dimensions, floating point, usually in pixels. Half precision is computed in float32. Inputs are never changed. Where
  `target` is optional and not described, only its shape is checked.
- `mask`: `(..., T, K)`, True where a point is valid; None if all are. Masked points never matter, whatever they hold.
- `reduction`: `"mean"` over all values, their `"sum"`, the mean of each `"sequence"`, or `"none"`: every value. Metrics
  with one value per sequence give the same for `"sequence"` and `"none"`.
- `normalizer`: What an error is divided by: a name from `kp_metrics.NORMALIZERS`, a constant, a tensor of sizes, or a
  function, see `kp_metrics.primitives.normalizers`.
- `fps`: Frames per second. `sample_rate`: Samples per second of `audio`, a mono waveform `(..., S)`.
- `lips`, `eyes`, `mouth`: The upper and lower lip point (iBUG-68: 62 and 66), the outer eye corners (36 and 45), and
  the mouth points (48 to 67). `stable`: Points that move only with the skull. `base`: The point whose position is the
  head's translation. The defaults fit iBUG-68 and, for 98 keypoints, WFLW-98; other layouts need indices.

Undefined values (masked, or an error over an eye distance of zero) are left out; where none is left, the result is NaN,
never 0. A NaN or infinity in a valid point makes the result NaN. Every function raises `ValueError` where shapes or
types do not match, an index is not in the layout, or an option is out of range. Names are loaded on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
