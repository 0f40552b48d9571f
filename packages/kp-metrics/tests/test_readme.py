"""The README's Python runs as it stands there."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_python_blocks_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
    assert "| model |" in capsys.readouterr().out
    assert "\\midrule" in (tmp_path / "table.tex").read_text()


def test_shell_blocks_name_real_commands():
    from typer.main import get_command

    from kp_metrics.cli import app

    text = README.read_text(encoding="utf-8")
    commands = re.findall(r"^kp-metrics (\w+)([^#\n]*)", text, re.MULTILINE)
    assert len(commands) == 4
    known = get_command(app).commands
    for name, rest in commands:
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)-[\w-]+", rest)) <= options, name
    with pytest.raises(KeyError):
        _ = known["compere"]
