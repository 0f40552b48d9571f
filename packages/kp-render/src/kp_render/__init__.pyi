from .inference.render import render_portrait as render_portrait
from .inference.retarget import retarget_keypoints as retarget_keypoints
from .warp.portrait_warp import PortraitWarp as PortraitWarp, make_portrait_warp as make_portrait_warp
