"""Types of the arguments and results of metrics."""

from jaxtyping import Bool, Float
from torch import Tensor

#: K points of D coordinates in each of T frames.
Keypoints = Float[Tensor, "*batch t k d"]

#: True where a point is valid; None where all are.
Mask = Bool[Tensor, "*batch t k"] | None

#: A frame of points, one for all sequences or one for each.
Reference = Float[Tensor, "*ref k d"]

#: What is left of one value an item after its reduction.
Values = Float[Tensor, "*out"]
