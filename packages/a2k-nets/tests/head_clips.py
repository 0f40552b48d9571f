"""Clips of heads that turn, for tests of style and driving."""

import torch

from a2k_nets.head.mean_face import mean_face_3d
from a2k_nets.head.space import lift, project
from kp_io import KeypointSequence


def clip(gain: float) -> KeypointSequence:
    """A person who turns to both sides and nods and tilts a little. (75 frames)"""
    motion = torch.zeros(1, 75, 6)
    motion[0, :, 0] = gain * torch.sin(torch.arange(75) / 12)
    motion[0, :, 1:3] = 0.3 * motion[0, :, :1]
    face = 1.5 * mean_face_3d()[None, :, :2].float() + 120
    turned = project(face[:, None].expand(-1, 75, -1, -1), lift(face), motion)[0]
    return KeypointSequence(turned, image_size=(320, 320))
