"""What the server counts and measures, for Prometheus (prometheus_client)."""

from a2k_nets.extras import how_to_install

#: Upper bounds of the histograms: seconds of one step, seconds a frame is late, and streams in a step.
_STEP_SECONDS = (0.002, 0.004, 0.006, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25)
_LATENESS_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1, 5)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Measurements:
    """Counters and histograms of one server.

    Raises:
        ModuleNotFoundError: prometheus_client is not installed.
    """

    def __init__(self) -> None:
        try:
            import prometheus_client as prometheus
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(f"the server needs prometheus_client: {how_to_install('serve')}") from error
        # A registry of its own, so that there may be several servers in a process, as in tests.
        self._prometheus, self._registry = prometheus, prometheus.CollectorRegistry()
        registry = self._registry
        prometheus.ProcessCollector(registry=registry)
        self.streams = prometheus.Gauge("a2k_streams", "Live streams that are open.", registry=registry)
        self.ended = prometheus.Counter(
            "a2k_streams_ended", "Live streams by how they ended.", ["how"], registry=registry
        )
        self.refused = prometheus.Counter("a2k_refused", "Requests that were refused.", ["why"], registry=registry)
        self.frames = prometheus.Counter("a2k_frames", "Frames sent to clients of live streams.", registry=registry)
        self.sound = prometheus.Counter("a2k_sound_seconds", "Sound of live streams.", registry=registry)
        self.lateness = prometheus.Histogram(
            "a2k_frame_lateness_seconds",
            "From the arrival of the last sample that a frame needs to its sending.",
            buckets=_LATENESS_SECONDS,
            registry=registry,
        )
        self.step_seconds = prometheus.Histogram(
            "a2k_step_seconds", "Time of one pass through the network.", buckets=_STEP_SECONDS, registry=registry
        )
        self.step_streams = prometheus.Histogram(
            "a2k_step_streams", "Streams in one pass through the network.", buckets=_BATCH_SIZES, registry=registry
        )
        self.requests = prometheus.Counter(
            "a2k_file_requests", "Requests for files by path and HTTP status.", ["path", "status"], registry=registry
        )

    @property
    def content_type(self) -> str:
        """The MIME type of `text`."""
        return str(self._prometheus.CONTENT_TYPE_LATEST)

    def text(self) -> bytes:
        """Return all measurements in Prometheus' text format."""
        return bytes(self._prometheus.generate_latest(self._registry))
