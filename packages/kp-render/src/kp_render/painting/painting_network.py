"""The painting network: a small U-Net that moves and repaints a warped mouth a little."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pixel_shuffle, pixel_unshuffle

from kp_render.painting.conditions import LIPS_CHANNEL, NUM_CHANNELS
from kp_render.painting.mouth_crop import square
from kp_render.warp.filtering import blur
from kp_render.warp.sampling import sample

#: Channels at a half, a quarter, an eighth and a sixteenth of the side of the square.
WIDTHS = (32, 64, 96, 160)
#: Channels of the last layers, at the full side.
_FINE = 16
#: Farthest that a pixel is moved, in halves of the side of the square.
_FARTHEST = 0.06
#: Skin beside the lips keeps its grain: it is not moved, and only colours blurred by this are added, pixels.
_SKIN_BLUR = 3.0


class Strokes(nn.Module):
    """Two convolutions, each normalized over groups of channels."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (channels_in, channels_out):
            layers += [nn.Conv2d(width, channels_out, 3, padding=1), nn.GroupNorm(8, channels_out), nn.SiLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size."""
        painted: Tensor = self.layers(features)
        return painted


class PaintingNetwork(nn.Module):
    """Corrects a warped mouth: a small shift of the lips, and a colour to add. New, it changes nothing.

    Example:
        >>> network = PaintingNetwork()
        >>> shift, colour = network(torch.rand(1, NUM_CHANNELS, 96, 96))
        >>> shift.shape, colour.shape, float(colour.detach().abs().max())
        (torch.Size([1, 2, 96, 96]), torch.Size([1, 3, 96, 96]), 0.0)
    """

    def __init__(self) -> None:
        super().__init__()
        narrower, wider = WIDTHS[:-1], WIDTHS[1:]
        self.first = nn.Conv2d(4 * NUM_CHANNELS, WIDTHS[0], 3, padding=1)
        self.down = nn.ModuleList(
            [Strokes(WIDTHS[0], WIDTHS[0]), *(Strokes(a, b) for a, b in zip(narrower, wider, strict=True))]
        )
        self.up = nn.ModuleList([Strokes(a + b, a) for a, b in zip(narrower, wider, strict=True)])
        self.unfold = nn.Conv2d(WIDTHS[0], 4 * _FINE, 3, padding=1)
        self.fine = nn.Conv2d(_FINE + 3, _FINE, 3, padding=1)
        self.last = nn.Conv2d(_FINE, 5, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, maps: Float[Tensor, "b c s s"]) -> tuple[Float[Tensor, "b 2 s s"], Float[Tensor, "b 3 s s"]]:
        """Return the correction of a mouth and what is around it.

        Args:
            maps: Channels of `network_input`.

        Returns:
            How far each pixel lies from where it is taken, in halves of the side of the square, and the colour that is
            added to it, -1 to 1.
        """
        features = self.first(pixel_unshuffle(maps, 2))
        passed = []
        for level, strokes in enumerate(self.down):
            features = strokes(avg_pool2d(features, 2) if level else features)
            passed.append(features)
        for strokes, fine in zip(reversed(self.up), reversed(passed[:-1]), strict=True):
            features = strokes(torch.cat((interpolate(features, scale_factor=2.0, mode="nearest"), fine), dim=1))
        features = pixel_shuffle(self.unfold(features), 2)
        features = nn.functional.silu(self.fine(torch.cat((features, maps[:, :3]), dim=1)))
        correction = self.last(features).float().tanh()
        lips, colour = maps[:, LIPS_CHANNEL, None], correction[:, 2:]
        with torch.autocast(colour.device.type, enabled=False):  # filters are slow in bfloat16
            even = blur(colour, _SKIN_BLUR)
        return _FARTHEST * lips * correction[:, :2], even + lips * (colour - even)


def corrected(
    warped: Float[Tensor, "b 3 s s"],
    shift: Float[Tensor, "b 2 s s"],
    colour: Float[Tensor, "b 3 s s"],
    cover: Float[Tensor, "1 1 s s"],
) -> Float[Tensor, "b 3 s s"]:
    """Return squares with a correction, where it covers them."""
    side = warped.shape[-1]
    places = (square(side).to(warped) + cover * shift + 1) * (side / 2) - 0.5
    return sample(warped, places, (side, side), "bicubic") + cover * colour
