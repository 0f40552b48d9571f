"""From videos and pictures to keypoints: tracking, shot detection, batches of files."""
