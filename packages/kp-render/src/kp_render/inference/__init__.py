"""From a picture and a sequence of keypoints to frames."""
