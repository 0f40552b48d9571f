"""The web page of `a2k web` (Gradio): what goes in at the left, what comes out at the right."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from a2k_nets.web.examples import EXAMPLE_TEXTS, example_portrait, example_speech
from a2k_nets.web.limits import Limits
from a2k_nets.web.panel import GAINS, HEAD, VOICES, explain, note
from a2k_nets.web.pipeline import DOWNLOADS, Answer, Request, answer
from a2k_nets.web.result_folders import ResultFolders

if TYPE_CHECKING:
    from fastapi import FastAPI

    from a2k_nets.paper.model import PaperAudio2Keypoint
    from a2k_nets.residual.model import Audio2Keypoint

#: Seconds after which what was uploaded and made is removed, and between two looks for it.
_KEPT_SECONDS, _SWEPT_SECONDS = 3600, 60

#: Requests that may wait for the one that is computed.
_WAITING = 16

#: Nothing of the page may come from, or go to, another machine; the browser sees to it.
_POLICY = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'self'; base-uri 'self'"


def make_app(
    model: "Audio2Keypoint | PaperAudio2Keypoint", folder: Path, *, limits: Limits | None = None, root_path: str = ""
) -> "FastAPI":
    """Return the page as an ASGI application.

    Args:
        model: The network that answers.
        folder: Where uploads and results lie; whoever made it removes it in the end.
        limits: What is refused; by default `Limits()`.
        root_path: Path under which a proxy serves the page, e.g. `/a2k`.

    Raises:
        ModuleNotFoundError: Gradio is not installed.
    """
    _import_gradio(folder)
    import gradio as gr
    from fastapi import FastAPI

    limits = limits or Limits()
    app = FastAPI(openapi_url=None)

    async def stay_here(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    app.middleware("http")(stay_here)
    gr.mount_gradio_app(
        app,
        _page(model, folder, limits),
        path="/",
        root_path=root_path,
        max_file_size=round(1e6 * limits.file_megabytes),
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
    """Import Gradio so that it asks the network for nothing and keeps its files in `folder`."""
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ffmpeg, which nothing here needs
            import gradio  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'the page needs Gradio: install it with `pip install "a2k-nets[web]"` '
            '(from a checkout: `pip install "packages/a2k-nets[web]"`)'
        ) from error


class _Inputs(NamedTuple):
    portrait: Any
    kind: Any
    sound: Any
    text: Any
    voice: Any
    seed: Any
    button: Any
    gains: list[Any]


class _Outputs(NamedTuple):
    status: Any
    video: Any
    track: Any
    found: Any
    files: list[Any]


def _page(model: "Audio2Keypoint | PaperAudio2Keypoint", folder: Path, limits: Limits) -> Any:
    import gradio as gr

    folders = ResultFolders(folder)

    def generate(
        visitor: gr.Request,
        portrait: str | None,
        kind: str,
        sound: str | None,
        text: str,
        voice: str,
        seed: float | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  # this is how Gradio knows it
        *gains: float,
    ) -> Iterator[list[Any]]:
        request = Request(
            Path(portrait) if portrait else None,
            Path(sound) if sound and kind == "recording" else None,
            text=text if kind == "text" else "",
            voice=voice,
            gains={gain.option: value for gain, value in zip(GAINS, gains, strict=True)},
            seed=int(seed or 0),
        )
        results = folders.renew(str(visitor.session_hash))

        def tell(share: float, what: str) -> None:
            progress(share, desc=what)

        try:
            for got in answer(request, results, model=model, limits=limits, on_progress=tell):
                yield _shown(note(got.summary or "Working …"), got)
        except Exception as error:  # one request that fails is told to its visitor and stops nobody else
            folders.drop(str(visitor.session_hash))
            yield _shown(note(explain(error, request), kind="error"))

    def forget(visitor: gr.Request) -> None:
        folders.drop(str(visitor.session_hash))

    with gr.Blocks(
        title="Audio2Keypoint", analytics_enabled=False, delete_cache=(_SWEPT_SECONDS, _KEPT_SECONDS), fill_width=True
    ) as page:
        gr.HTML(HEAD, elem_id="head")
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                given = _inputs(limits)
            with gr.Column(scale=6, min_width=320):
                made = _outputs()
        given.button.click(
            generate,
            [given.portrait, given.kind, given.sound, given.text, given.voice, given.seed, *given.gains],
            [made.status, made.video, made.track, made.found, *made.files],
            show_progress_on=made.status,
            api_visibility="private",
            concurrency_limit=1,
        )
        page.unload(forget)
    return page.queue(max_size=_WAITING)


def _inputs(limits: Limits) -> _Inputs:
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
            # The file as it was uploaded: what is wrong with it is for us to say.
            portrait.preprocess = lambda payload: payload.path if payload else None
        if picture := example_portrait():
            with gr.Column(scale=1, min_width=96):
                gr.Examples([[str(picture)]], [portrait], label="or this one", elem_id="example-portrait")
    kind = gr.State("recording")
    with gr.Tabs():
        with gr.Tab("2. Speech: a recording", elem_id="recording") as tab:
            tab.select(lambda: "recording", None, kind, queue=False, api_visibility="private")
            sound = gr.Audio(show_label=False, sources=["upload", "microphone"], elem_id="sound", **files)
            if reading := example_speech():
                gr.Examples(
                    [[str(reading)]],
                    [sound],
                    label="or this one",
                    example_labels=["a reading from Sense and Sensibility"],
                    elem_id="example-speech",
                )
        with gr.Tab("or a text", elem_id="writing") as tab:
            tab.select(lambda: "text", None, kind, queue=False, api_visibility="private")
            text = gr.Textbox(
                show_label=False,
                lines=3,
                placeholder=f"What to say, at most {limits.characters} characters",
                elem_id="text",
            )
            voice = gr.Dropdown(list(VOICES), value="en", label="Language", elem_id="voice")
            gr.Examples([[one] for one in EXAMPLE_TEXTS], [text], label="or one of these", elem_id="example-text")
    with gr.Row(elem_id="gains"):
        gains = [
            gr.Slider(0, gain.maximum, 1.0, step=0.05, label=gain.label, min_width=110, elem_id=gain.option)
            for gain in GAINS
        ]
        seed = gr.Number(0, label="Seed", precision=0, min_width=90, elem_id="seed")
    button = gr.Button("3. Generate", variant="primary", elem_id="generate")
    gr.HTML(limits.told, elem_id="limits")
    return _Inputs(portrait, kind, sound, text, voice, seed, button, gains)


def _outputs() -> _Outputs:
    import gradio as gr

    status = gr.HTML(note("Choose a portrait and speech, then press Generate."), padding=False, elem_id="status")
    video = gr.Video(label="Keypoints, with the speech", height=340, autoplay=True, buttons=[], elem_id="video")
    track = gr.HTML(visible=False, elem_id="track")
    with gr.Row():
        files = [
            gr.DownloadButton(
                f"{suffix} ({what})", visible=False, size="sm", min_width=100, elem_id=f"download-{suffix[1:]}"
            )
            for suffix, what in DOWNLOADS.items()
        ]
    found = gr.Image(
        label="Found in the portrait", visible=False, interactive=False, buttons=[], height=230, elem_id="found"
    )
    return _Outputs(status, video, track, found, files)


def _shown(message: str, got: Answer | None = None) -> list[Any]:
    """Return what the outputs show: all that there is so far, or nothing."""
    import gradio as gr

    paths = got.files if got else {}
    track = got.track if got else ""
    return [
        message,
        paths.get(".mp4"),
        gr.HTML(track, visible=bool(track)),
        gr.Image(got.found if got else None, visible=bool(got)),
        *(gr.DownloadButton(value=paths.get(suffix), visible=suffix in paths) for suffix in DOWNLOADS),
    ]
