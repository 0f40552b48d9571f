"""`a2k models`: list the models in the package."""

import typer

from a2k_nets.cli.console import clear_errors

_SCORES = ("mouth r", "width r", "lip error / hold", "closure F1")


def models() -> None:
    """List the models in the package: preset, size, look-ahead, head, licence, scores on speakers never seen."""
    with clear_errors():
        from a2k_nets.checkpoints.checkpoint import read_tensors
        from a2k_nets.checkpoints.embedded_scores import embedded_scores
        from a2k_nets.checkpoints.resolve import EMBEDDED, embedded_checkpoint
        from a2k_nets.config.residual import ModelConfig
        from a2k_nets.pretrained import load_model
        from a2k_nets.whisper.encoder import encoder_weights

        for name in EMBEDDED:
            path, model = embedded_checkpoint(name), load_model(name)
            if isinstance(model.config, ModelConfig):
                size, ahead = path.stat().st_size, f"streams {1000 * model.config.right_context_seconds:.0f} ms behind"
            else:
                size, ahead = path.stat().st_size + encoder_weights().stat().st_size, "hears the whole recording"
            head = "head in plane" if model.head is None else "head in space"
            licence = read_tensors(path)[1].get("licence", "not told").partition(" ")[0]
            typer.echo(f"{name:10}{model.preset:10}{size / 1e6:5.1f} MB  {ahead:28}{head:16}{licence}")
            scores = embedded_scores(name)
            typer.echo(f"{'':10}" + ", ".join(f"{title} {scores[title].partition(' ')[0]}" for title in _SCORES))
        typer.echo("scores: means over speakers in the wild, five folds; MODEL_CARD.md beside the weights has the rest")
