"""The adversary of the painting network: it tells footage from paint, patch by patch."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu
from torch.nn.utils.parametrizations import spectral_norm

from kp_render.painting.conditions import MOUTH_CHANNEL

#: Channels of the network's input that the adversary sees too: masks and keypoints, not the pixels of the warp.
_SEEN = slice(MOUTH_CHANNEL, None)
_SLOPE = 0.2


class PatchAdversary(nn.Module):
    """Scores patches of 22 px of a face: above 0 for footage, below 0 for paint (PatchGAN, Isola et al. 2017).

    Each convolution has a spectral norm of 1 (Miyato et al. 2018).

    Example:
        >>> from kp_render.painting.conditions import NUM_CHANNELS
        >>> adversary = PatchAdversary(NUM_CHANNELS)
        >>> adversary(torch.rand(2, 3, 96, 96), torch.rand(2, NUM_CHANNELS, 96, 96)).shape
        torch.Size([2, 1, 24, 24])
    """

    def __init__(self, num_channels: int, width: int = 32) -> None:
        super().__init__()
        seen = 3 + len(range(num_channels)[_SEEN])
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(seen, width, 4, stride=2, padding=1)),
            nn.LeakyReLU(_SLOPE),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),
            nn.LeakyReLU(_SLOPE),
            spectral_norm(nn.Conv2d(2 * width, 4 * width, 3, padding=1)),
            nn.LeakyReLU(_SLOPE),
            spectral_norm(nn.Conv2d(4 * width, 1, 3, padding=1)),
        )

    def forward(self, face: Float[Tensor, "b 3 s s"], maps: Float[Tensor, "b c s s"]) -> Float[Tensor, "b 1 p p"]:
        """Return a score for each patch of faces; `maps` are the channels of `network_input`."""
        scores: Tensor = self.layers(torch.cat((face - 0.5, maps[:, _SEEN]), dim=1))
        return scores


def adversary_loss(
    adversary: PatchAdversary,
    painted: Float[Tensor, "b 3 s s"],
    truth: Float[Tensor, "b 3 s s"],
    maps: Float[Tensor, "b c s s"],
    where: Float[Tensor, "b 1 s s"],
) -> Float[Tensor, ""]:
    """Return the hinge loss of the adversary, over patches `where` (0 to 1) the network paints."""
    real, made = adversary(truth, maps), adversary(painted.detach(), maps)
    share = _patches(where, real)
    loss: Tensor = (share * (relu(1 - real) + relu(1 + made))).sum() / share.sum()
    return loss


def realism_loss(
    adversary: PatchAdversary,
    painted: Float[Tensor, "b 3 s s"],
    maps: Float[Tensor, "b c s s"],
    where: Float[Tensor, "b 1 s s"],
) -> Float[Tensor, ""]:
    """Return how much like paint the painted faces look to the adversary, which does not learn from it."""
    adversary.requires_grad_(requires_grad=False)
    scores = adversary(painted, maps)
    adversary.requires_grad_(requires_grad=True)
    share = _patches(where, scores)
    loss: Tensor = -(share * scores).sum() / share.sum()
    return loss


def _patches(where: Tensor, scores: Tensor) -> Float[Tensor, "b 1 p p"]:
    share: Tensor = adaptive_avg_pool2d(where, (scores.shape[2], scores.shape[3]))
    return share
