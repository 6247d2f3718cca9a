"""What the service counts, in Prometheus' text."""

from __future__ import annotations

from collections.abc import Callable

import prometheus_client


class Metrics:
    """Counts and times of one service.

    Args:
        waiting: Tells how many images wait.
    """

    def __init__(self, waiting: Callable[[], int] = lambda: 0):
        self._registry = registry = prometheus_client.CollectorRegistry()
        self._requests = prometheus_client.Counter(
            "dimn_tf_requests",
            "Requests that were answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = prometheus_client.Histogram(
            "dimn_tf_request_seconds",
            "Time from a request's first byte to the answer's last.",
            ["route"],
            registry=registry,
        )
        self._images = prometheus_client.Counter(
            "dimn_tf_images_encoded", "Images that were encoded.", registry=registry
        )
        self._batches = prometheus_client.Histogram(
            "dimn_tf_batch_images",
            "Images that were encoded together.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=registry,
        )
        self._encoding = prometheus_client.Counter(
            "dimn_tf_encoding_seconds", "Time of the model.", registry=registry
        )
        self._sweeps = prometheus_client.Counter(
            "dimn_tf_sweeps",
            "Times that what is too old or gone was looked for.",
            ["outcome"],
            registry=registry,
        )
        self.entries = prometheus_client.Gauge(
            "dimn_tf_gallery_entries", "Entries of the gallery.", registry=registry
        )
        self.waiting = prometheus_client.Gauge(
            "dimn_tf_waiting_images", "Images that wait.", registry=registry
        )
        self.waiting.set_function(waiting)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, images: int, seconds: float) -> None:
        """Counts a batch that was encoded."""
        self._images.inc(images)
        self._batches.observe(images)
        self._encoding.inc(seconds)

    def swept(self, outcome: str) -> None:
        """Counts a look for what is to go: `done` or `failed`."""
        self._sweeps.labels(outcome).inc()

    def text(self) -> tuple[bytes, str]:
        """All of it, and its media type."""
        return (
            prometheus_client.generate_latest(self._registry),
            prometheus_client.CONTENT_TYPE_LATEST,
        )
