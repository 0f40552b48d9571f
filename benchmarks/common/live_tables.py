"""Results of the live parts as Markdown tables: the server, and the page in a browser."""

from statistics import median
from typing import Any

from common.result_tables import markdown_table, power_of_ten

__all__ = ["browser_table", "serve_table"]

Json = dict[str, Any]


def serve_table(results: Json) -> str:
    """Return what the streams of one `a2k serve` cost, and what as many processes of `a2k stream` would."""
    clients, late, alone = results["clients"], results["late_ms"], results["one_process_a_stream"]
    header = ("", f"{clients} streams of `a2k serve`", "one `a2k stream`", f"{clients} of these would take")
    rows = [
        ("frames late by, median", _ms(late["p50"]), "", ""),
        ("99 % of frames", _ms(late["p99"]), _ms(alone["p99_ms"]), ""),
        ("99.9 %", _ms(late["p99.9"]), "", ""),
        (f"the latest of {results['frames']:,}", _ms(late["p100"]), "", ""),
        ("frames lost", str(results["lost"]), "0", ""),
        (
            "processor",
            f"{results['cores']:.2f} of a core",
            f"{alone['cores']:.3f} of a core",
            f"{clients * alone['cores']:.1f} cores",
        ),
        (
            "memory",
            f"{results['gigabytes']:.2f} GB",
            f"{alone['gigabytes']:.2f} GB",
            f"{clients * alone['gigabytes']:.1f} GB",
        ),
        ("points, from `StreamingGenerator`", f"{power_of_ten(results['px_from_streaming_generator'])} px", "", ""),
    ]
    load = f"Load when it began and ended: {results['load_when_it_began']:.2f}, {results['load_when_it_ended']:.2f}."
    return f"{markdown_table(header, rows)}\n\n{load}"


def browser_table(results: Json) -> str:
    """Return what a frame costs in a page, and what `StreamingGenerator` takes for the same sound."""
    rows = [
        (name, _ms(median(rounds)), f"{min(rounds):.1f} – {max(rounds):.1f} ms", str(len(rounds)))
        for name, rounds in (
            (f"the page, {results['browser']}, one thread of WebAssembly", results["page_ms"]),
            ("`StreamingGenerator` in pieces of 40 ms, PyTorch, one thread", results["python_ms"]),
        )
    ]
    table = markdown_table(("a frame of `small`, 25 a second", "median of the rounds' means", "range", "rounds"), rows)
    live = results["microphone_ms"]
    return (
        f"{table}\n\nWith the microphone, frames were drawn {median(live):.0f} ms after their time (median of "
        f"{len(live)} looks; the latest {max(live):.0f} ms). "
        f"Load when it began: {results['machine_info']['load']}."
    )


def _ms(value: float) -> str:
    return f"{value:.1f} ms"
