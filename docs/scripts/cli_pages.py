"""Write the command line reference from the commands themselves."""

import re
from importlib.metadata import entry_points

import typer
from typer.main import get_command

PACKAGES = ("kp_io", "kp_metrics", "a2k_nets", "a2k_train", "kp_render")


def cli_pages() -> dict[str, str]:
    """Return one page per command that the packages install."""
    scripts = [script for script in entry_points(group="console_scripts") if script.module.split(".")[0] in PACKAGES]
    return {f"cli/{script.name}.md": cli_page(script.name, script.load()) for script in scripts}


def cli_page(name: str, app: typer.Typer) -> str:
    """Describe a command: its purpose, and each subcommand with its arguments and options."""
    command = get_command(app)
    context = typer.Context(command, info_name=name)
    summary = [f"# {name}", command.help or "", f"`{name} COMMAND --help` prints the same in a terminal.", ""]
    sections = [section(f"{name} {word}", sub, context) for word, sub in sorted(command.commands.items())]
    return "\n\n".join(summary + sections) + "\n"


def section(name: str, command: typer.core.TyperCommand, context: typer.Context) -> str:
    """Describe one subcommand, its options in a table."""
    parameters = [(kind(p), record) for p in command.get_params(context) if (record := p.get_help_record(context))]
    usage = [name, *(record[0].split()[0].upper() for what, record in parameters if what == "argument"), "[OPTIONS]"]
    lines = [f"## {name}", (command.help or "").replace("\b", ""), f"```sh\n{' '.join(usage)}\n```"]
    rows = [f"| `{cell(flags)}` | {cell(what)} |" for _, (flags, what) in parameters if flags != "--help"]
    return "\n\n".join([*lines, "\n".join(["| argument or option | description |", "|---|---|", *rows])])


def kind(parameter: object) -> str:
    """Return `argument` or `option`."""
    return str(getattr(parameter, "param_type_name", ""))


def cell(text: str) -> str:
    """Return text for a table cell, with defaults and bounds in code style."""
    plain = re.sub(r"(\[default: )\(([^()]*)\)", r"\1\2", " ".join(text.split()).replace("|", "\\|"))
    return re.sub(r"\[((?:required|default|x[<>]|\d)[^\]]*)\]$", lambda found: f"`{found[1]}`", plain)
