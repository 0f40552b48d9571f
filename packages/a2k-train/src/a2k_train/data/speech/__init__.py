"""Speech without faces, to pretrain and distil networks."""
