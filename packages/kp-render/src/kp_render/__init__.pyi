from .inference.render import render_portrait as render_portrait
from .inference.retarget import retarget_keypoints as retarget_keypoints
from .painting.painter import (
    Painter as Painter,
    load_painting_network as load_painting_network,
    make_painter as make_painter,
)
from .painting.painting_network import PaintingNetwork as PaintingNetwork
from .video.portrait_video import mark_generated as mark_generated, write_portrait_video as write_portrait_video
from .warp.portrait_warp import PortraitWarp as PortraitWarp, make_portrait_warp as make_portrait_warp
