"""`python -m kp_metrics` is the command kp-metrics."""

from kp_metrics.cli import app

if __name__ == "__main__":
    app()
