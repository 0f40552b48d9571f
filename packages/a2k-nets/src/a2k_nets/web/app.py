"""The web page of `a2k web` (Gradio): inputs on the left, results on the right."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from a2k_nets.extras import has_kp_render, how_to_install
from a2k_nets.web.examples import EXAMPLE_TEXTS, example_portrait, example_speech
from a2k_nets.web.limits import Limits
from a2k_nets.web.pipeline import DOWNLOADS, Request, Result, process
from a2k_nets.web.result_folders import ResultFolders
from a2k_nets.web.security import secure, without_hidden_files
from a2k_nets.web.ui_text import (
    CLIPS,
    GAINS,
    HEAD_GAINS,
    LIVE_LINK,
    SCROLL_TO_RESULT,
    VOICES,
    Gain,
    explain,
    header,
    note,
    progress_note,
    video_label,
)

if TYPE_CHECKING:
    from fastapi import FastAPI

    from a2k_nets.pretrained import AnyModel

#: Seconds after which uploads and results are deleted, and between two checks for that.
_RETENTION_SECONDS, _CLEANUP_SECONDS = 3600, 60

#: Requests that may wait while one is processed.
_MAX_QUEUE = 16

#: The browser enforces that the page exchanges nothing with other machines.
_CONTENT_SECURITY_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; object-src 'none'; form-action 'self'; "
    "base-uri 'self'"
)


def make_app(
    model: "AnyModel",
    folder: Path,
    *,
    limits: Limits | None = None,
    root_path: str = "",
    live_page: Path | None = None,
) -> "FastAPI":
    """Return the page as an ASGI application.

    Args:
        model: The network.
        folder: Where uploads and results are stored; the caller removes it in the end.
        limits: Limits of the inputs; by default `Limits()`.
        root_path: Path under which a proxy serves the page, e.g. `/a2k`.
        live_page: Folder of another page to show at `/live/`, such as `examples/browser`.

    Raises:
        ModuleNotFoundError: Gradio is not installed.
    """
    _import_gradio(folder)
    import gradio as gr
    from fastapi import FastAPI
    from fastapi.responses import RedirectResponse
    from fastapi.staticfiles import StaticFiles

    limits = limits or Limits()
    app = FastAPI(openapi_url=None)

    app.add_middleware(secure, content_policy=_CONTENT_SECURITY_POLICY)
    if live_page is not None:
        # Relative, so that it leads there behind a proxy too.
        app.get("/live")(lambda: RedirectResponse("live/"))
        app.mount("/live", without_hidden_files(StaticFiles(directory=live_page, html=True)))
    gr.mount_gradio_app(
        app,
        _page(model, folder, limits, has_live_page=live_page is not None),
        path="/",
        root_path=root_path,
        max_file_size=round(1e6 * max(limits.picture_megabytes, limits.sound_megabytes)),
        theme=gr.themes.Default(
            primary_hue="orange", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
        ),
        css_paths=[Path(__file__).with_name("page.css")],
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
    )
    return app


def _import_gradio(folder: Path) -> None:
    """Import Gradio so that it makes no network requests and keeps its files in `folder`."""
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a missing ffmpeg, which is not needed
            import gradio  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"the page needs Gradio: {how_to_install('web')}") from error


def _page(model: "AnyModel", folder: Path, limits: Limits, *, has_live_page: bool) -> Any:
    import gradio as gr

    folders = ResultFolders(folder)
    in_space = getattr(model, "head", None) is not None
    shown = (*GAINS, *HEAD_GAINS) if in_space else GAINS

    def generate(
        visitor: gr.Request,
        portrait: str | None,
        source: str,
        audio: str | None,
        text: str,
        voice: str,
        seed: float | None,
        style: str | None,
        driving: str | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # Gradio recognises the argument by its default
        *gains: float,
    ) -> Iterator[list[Any]]:
        request = Request(
            Path(portrait) if portrait else None,
            Path(audio) if audio and source == "recording" else None,
            text=text if source == "text" else "",
            voice=voice,
            gains={gain.option: value for gain, value in zip(shown, gains, strict=True)},
            seed=int(seed or 0),
            style=Path(style) if style else None,
            driving=Path(driving) if driving else None,
        )
        results = folders.renew(str(visitor.session_hash))

        def report(fraction: float, step: str) -> None:
            progress(fraction, desc=step)

        try:
            for result in process(request, results, model=model, limits=limits, on_progress=report):
                yield _output_values(note(result.summary or progress_note(has_keypoints=bool(result.chart))), result)
        except Exception as error:  # a failed request is reported to its visitor and affects nobody else
            folders.discard(str(visitor.session_hash))
            yield _output_values(note(explain(error, request), kind="error"))

    def discard(visitor: gr.Request) -> None:
        folders.discard(str(visitor.session_hash))

    with gr.Blocks(
        title="Audio2Keypoint",
        analytics_enabled=False,
        delete_cache=(_CLEANUP_SECONDS, _RETENTION_SECONDS),
        fill_width=True,
    ) as page:
        gr.HTML(header(speaks=has_kp_render()) + LIVE_LINK * has_live_page, elem_id="head")
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                inputs = _inputs(limits, in_space=in_space)
            with gr.Column(scale=6, min_width=320):
                outputs = _outputs()
        inputs.button.click(None, js=SCROLL_TO_RESULT, queue=False, api_visibility="private")
        inputs.button.click(
            generate,
            inputs.values,
            [outputs.status, outputs.video, outputs.chart, outputs.detected, *outputs.files],
            show_progress_on=outputs.status,
            api_visibility="private",
            concurrency_limit=1,
        )
        page.unload(discard)
    return page.queue(max_size=_MAX_QUEUE)


def _inputs(limits: Limits, *, in_space: bool) -> SimpleNamespace:
    """Lay out the inputs, and return their `values` and the `button`; those of head and brows are folded."""
    import gradio as gr

    files = {"type": "filepath", "buttons": []}
    with gr.Row():
        with gr.Column(scale=4, min_width=200):
            portrait = gr.Image(
                label="1. Portrait",
                image_mode=None,
                sources=["upload", "webcam"],
                height=175,
                elem_id="portrait",
                **files,
            )
            # The file as it was uploaded, so that our own checks report what is wrong with it.
            portrait.preprocess = lambda payload: payload.path if payload else None
        if picture := example_portrait():
            with gr.Column(scale=1, min_width=96):
                gr.Examples([[str(picture)]], [portrait], label="Example", elem_id="example-portrait")
    source = gr.State("recording")
    with gr.Tabs():
        with gr.Tab("2. Speech: recording", elem_id="recording") as tab:
            tab.select(lambda: "recording", None, source, queue=False, api_visibility="private")
            audio = gr.Audio(show_label=False, sources=["upload", "microphone"], elem_id="audio", **files)
            if reading := example_speech():
                gr.Examples(
                    [[str(reading)]],
                    [audio],
                    label="Example",
                    example_labels=["a reading from Sense and Sensibility"],
                    elem_id="example-speech",
                )
        with gr.Tab("or text", elem_id="writing") as tab:
            tab.select(lambda: "text", None, source, queue=False, api_visibility="private")
            text = gr.Textbox(
                show_label=False,
                lines=3,
                placeholder=f"Text to speak, at most {limits.characters} characters",
                elem_id="text",
            )
            voice = gr.Dropdown(list(VOICES), value="en", label="Language", elem_id="voice")
            gr.Examples([[example] for example in EXAMPLE_TEXTS], [text], label="Examples", elem_id="example-text")
    with gr.Row(elem_id="gains"):
        gains = [_slider(gain) for gain in GAINS]
        seed = gr.Number(0, label="Seed", precision=0, min_width=90, elem_id="seed")
    with gr.Accordion("Head and brows" if in_space else "Head", open=False, elem_id="head-gains"):
        if in_space:
            with gr.Row():
                gains += [_slider(gain) for gain in HEAD_GAINS]
        with gr.Row():
            clips = [
                gr.File(label=label, file_types=[".npz"], height=110, visible=in_space or name != "style", elem_id=name)
                for name, label in CLIPS.items()
            ]
        gr.HTML(limits.clip_text, elem_id="clip-limits")
    button = gr.Button("3. Generate", variant="primary", elem_id="generate")
    gr.HTML(limits.text, elem_id="limits")
    values = (portrait, source, audio, text, voice, seed, *clips, *gains)
    return SimpleNamespace(values=list(values), button=button)


def _slider(gain: Gain) -> Any:
    import gradio as gr

    return gr.Slider(0, gain.maximum, 1.0, step=0.05, label=gain.label, min_width=110, elem_id=gain.option)


def _outputs() -> SimpleNamespace:
    """Lay out the outputs, and return them by name."""
    import gradio as gr

    status = gr.HTML(note("Choose a portrait and speech, then press Generate."), padding=False, elem_id="status")
    video = gr.Video(label=video_label(speaks=has_kp_render()), height=340, autoplay=True, buttons=[], elem_id="video")
    chart = gr.HTML(visible=False, elem_id="chart")
    with gr.Row():
        files = [
            gr.DownloadButton(
                f"{Path(name).suffix} ({label})",
                visible=False,
                size="sm",
                min_width=100,
                elem_id=f"download-{name.replace('.', '-')}",
            )
            for name, label in DOWNLOADS.items()
        ]
    detected = gr.Image(
        label="Detected keypoints", visible=False, interactive=False, buttons=[], height=230, elem_id="detected"
    )
    return SimpleNamespace(status=status, video=video, chart=chart, detected=detected, files=files)


def _output_values(message: str, result: Result | None = None) -> list[Any]:
    """Return the values of the outputs: a message, and the result so far or nothing."""
    import gradio as gr

    paths = result.files if result else {}
    chart = result.chart if result else ""
    return [
        message,
        paths.get("keypoints.mp4"),
        gr.HTML(chart, visible=bool(chart)),
        gr.Image(result.detected if result else None, visible=bool(result)),
        *(gr.DownloadButton(value=paths.get(name), visible=name in paths) for name in DOWNLOADS),
    ]
