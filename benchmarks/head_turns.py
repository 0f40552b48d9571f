"""Turn portraits by ±25° of yaw and ±15° of pitch, and measure them again.

python benchmarks/head_turns.py PHOTO...

For each photo: the largest error of the angles, and the deviation of the face without its pose (root mean square over
the points, % of the distance of the outer eye corners), by kp-io's mean face.
"""

import argparse
import math

import torch
from rich.console import Console

from a2k_nets.head import lift, project
from kp_io import annotate_image, split_head_pose

say = Console(highlight=False, soft_wrap=True).print

TURNS = [(yaw, pitch) for yaw in (-25, 0, 25) for pitch in (-15, 0, 15)]


def main() -> None:
    """Print one line a photo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", metavar="PHOTO")
    motion = torch.zeros(1, len(TURNS), 6)
    motion[0, :, :2] = torch.tensor(TURNS) * math.pi / 180
    for photo in parser.parse_args().photos:
        face = annotate_image(photo).keypoints[:1]
        turned = project(face[:, None].expand(-1, len(TURNS), -1, -1), lift(face), motion)
        free, pose = split_head_pose(torch.cat((face, turned[0])), method="mean-face")
        angle = (pose.angles[1:] - pose.angles[:1] - motion[0, :, :3]).abs().max() * 180 / math.pi
        change = (free[1:] - free[:1])[..., :2].norm(dim=-1).square().mean(dim=1).sqrt().max()
        eyes = (free[0, 45] - free[0, 36]).norm()
        say(f"{photo}: angle {angle:.2f} degrees, face {100 * change / eyes:.2f} %")


if __name__ == "__main__":
    main()
