"""A detector for tests that every process can import: what it finds is drawn from the pixels, at no cost."""

import os
import signal
import time

import cv2
import numpy as np
import torch

from kp_io.parallel.threads import max_threads

#: A frame of this colour shows no face; neither does one that is dark.
NO_FACE = (0, 200, 0)

#: A frame of this colour kills the process that looks at it.
DEADLY = (200, 0, 200)


class StandIn:
    """Finds one face in the middle of the picture, shifted by how bright the picture is."""

    name = "stand-in-1"
    batch_size = 1

    def __init__(self, delay_seconds=0.0):
        self.delay_seconds = delay_seconds

    def detect(self, image):
        found = self.look(image)
        return [] if found is None else [found]

    def track(self, images, previous):
        del previous
        return [self.look(image) for image in images]

    def look(self, image):
        time.sleep(self.delay_seconds)
        colour = image.mean(axis=(0, 1))
        if np.abs(colour - DEADLY).max() < 40:
            os.kill(os.getpid(), signal.SIGKILL)
        if image.mean() < 10 or np.abs(colour - NO_FACE).max() < 40:
            return None
        height, width = image.shape[:2]
        steps = torch.linspace(0, 1, 68)
        x = width * (0.3 + 0.4 * steps) + float(image.mean()) / 50
        y = height * (0.3 + 0.4 * (7 * steps % 1))
        return torch.stack([x, y], 1), torch.full((68,), 0.9)


class SlowStandIn(StandIn):
    """The same points, later, so that a kill finds something to interrupt."""

    def __init__(self):
        super().__init__(delay_seconds=0.004)


class KilledOnce(StandIn):
    """The same points, but the first process to look for them is killed, as by the system when memory runs out."""

    def __init__(self, mark):
        super().__init__()
        self.mark = mark

    def look(self, image):
        try:
            os.close(os.open(self.mark, os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
        return super().look(image)


class Unloadable:
    """Makes detectors here, and ends every process that it is sent to."""

    def __call__(self):
        return StandIn()

    def __reduce__(self):
        return os._exit, (1,)


class ElsewhereOnly:
    """Makes detectors in every process but one, such as the head of a cluster that has no GPU."""

    def __init__(self, process):
        self.process = process

    def __call__(self):
        if os.getpid() == self.process:
            raise RuntimeError("not here")
        return StandIn()


class Weightless:
    """A detector whose weights are missing."""

    def __call__(self):
        raise FileNotFoundError("expected the weights, found nothing")


class ThreadCounter(StandIn):
    """The same points; the name tells how many threads the libraries of this process may start."""

    @property
    def name(self):
        return f"threads: decoder {max_threads()}, torch {torch.get_num_threads()}, cv2 {cv2.getNumThreads()}"
