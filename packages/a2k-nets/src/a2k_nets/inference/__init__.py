"""Generation of keypoints from audio: a whole recording at once, or a live stream."""
