from .registry import FORMATS as FORMATS, load_keypoints as load_keypoints, save_keypoints as save_keypoints
