"""The web page of `a2k web` (Gradio): one panel for what goes in, one for what comes out."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2k_nets.web_examples import EXAMPLE_TEXTS, example_portrait, example_speech
from a2k_nets.web_folders import ResultFolders
from a2k_nets.web_limits import Limits
from a2k_nets.web_panel import GAINS, HEAD, VOICES, explain, note
from a2k_nets.web_request import DOWNLOADS, Answer, Request, answer

if TYPE_CHECKING:
    from fastapi import FastAPI

    from a2k_nets.model import Audio2Keypoint
    from a2k_nets.paper.model import PaperAudio2Keypoint

__all__ = ["make_app"]

#: Seconds after which what somebody uploaded or made is removed, and how often that is looked for.
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
        limits: What is refused.
        root_path: Path under which a proxy serves the page, e.g. `/a2k`.

    Raises:
        ModuleNotFoundError: Gradio is not installed.
    """
    _prepare(folder)
    import gradio as gr
    from fastapi import FastAPI

    limits = limits or Limits()
    app = FastAPI(openapi_url=None)

    @app.middleware("http")
    async def stay_here(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    mounted: FastAPI = gr.mount_gradio_app(
        app,
        _page(model, folder, limits),
        path="/",
        root_path=root_path,
        max_file_size=round(1e6 * limits.file_megabytes),
        theme=gr.themes.Default(
            primary_hue="orange", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
        ),
        css_paths=[Path(__file__).with_name("web.css")],
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
    )
    return mounted


def _prepare(folder: Path) -> None:
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


def _page(model: "Audio2Keypoint | PaperAudio2Keypoint", folder: Path, limits: Limits) -> Any:
    import gradio as gr
from gradio.events import Dependency

    class Portrait(gr.Image):  # type: ignore[misc]  # mypy does not look into Gradio
        """A picture that reaches us as the file that was uploaded, so that we say what is wrong with it."""

        def preprocess(self, payload: Any) -> str | None:
            return payload.path if payload else None

    folders = ResultFolders(folder)
    with gr.Blocks(
        title="Audio2Keypoint", analytics_enabled=False, delete_cache=(_SWEPT_SECONDS, _KEPT_SECONDS), fill_width=True
    ) as page:
        gr.HTML(HEAD, elem_id="head")
        with gr.Row(elem_id="panels"):
            with gr.Column(scale=2, min_width=320):
                portrait = Portrait(
                    label="1. Portrait",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "webcam"],
                    height=220,
                    buttons=[],
                    elem_id="portrait",
                )
                if picture := example_portrait():
                    gr.Examples([[str(picture)]], [portrait], label="No picture at hand? Take this one")
                kind = gr.State("recording")
                with gr.Tabs(elem_id="speech"):
                    with gr.Tab("2. Speech: a recording") as tab:
                        tab.select(lambda: "recording", None, kind, api_visibility="private")
                        sound = gr.Audio(
                            show_label=False,
                            type="filepath",
                            sources=["upload", "microphone"],
                            buttons=[],
                            elem_id="sound",
                        )
                        if reading := example_speech():
                            gr.Examples([[str(reading)]], [sound], label="Or this reading")
                    with gr.Tab("or a text") as tab:
                        tab.select(lambda: "text", None, kind, api_visibility="private")
                        text = gr.Textbox(
                            show_label=False,
                            lines=3,
                            placeholder=f"What to say, at most {limits.characters} characters",
                            elem_id="text",
                        )
                        voice = gr.Dropdown(list(VOICES), value="en", label="Language", elem_id="voice")
                        gr.Examples([[example] for example in EXAMPLE_TEXTS], [text], label="Or one of these")
                with gr.Row(elem_id="gains"):
                    gains = [
                        gr.Slider(
                            *(0, gain.maximum, 1.0), step=0.05, label=gain.label, info=gain.info, elem_id=gain.option
                        )
                        for gain in GAINS
                    ]
                    seed = gr.Number(0, label="Seed", info="another head motion", precision=0, elem_id="seed")
                go = gr.Button("3. Generate", variant="primary", elem_id="go")
            with gr.Column(scale=3, min_width=320):
                status = gr.HTML(note("Choose a portrait and speech, then press Generate."), elem_id="status")
                video = gr.Video(label="Keypoints, with the speech", autoplay=True, buttons=[], elem_id="video")
                track = gr.HTML(elem_id="track")
                with gr.Row(elem_id="downloads"):
                    files = [
                        gr.DownloadButton(
                            f"{suffix} ({what})", interactive=False, size="sm", elem_id=f"download-{suffix[1:]}"
                        )
                        for suffix, what in DOWNLOADS.items()
                    ]
                found = gr.Image(
                    label="Found in the portrait", interactive=False, buttons=[], height=220, elem_id="found"
                )

        def shown(message: str, got: Answer | None = None) -> list[Any]:
            paths = got.files if got else {}
            buttons = [gr.DownloadButton(value=paths.get(s), interactive=s in paths) for s in DOWNLOADS]
            return [message, paths.get(".mp4"), got.track if got else "", got.found if got else None, *buttons]

        def generate(
            visitor: gr.Request,
            portrait: str | None,
            kind: str,
            sound: str | None,
            text: str,
            voice: str,
            seed: float | None,
            progress: gr.Progress = gr.Progress(),  # noqa: B008  # how Gradio finds it
            *values: float,
        ) -> Iterator[list[Any]]:
            request = Request(
                Path(portrait) if portrait else None,
                Path(sound) if sound and kind == "recording" else None,
                text=text if kind == "text" else "",
                voice=voice,
                gains={gain.option: value for gain, value in zip(GAINS, values, strict=True)},
                seed=int(seed or 0),
            )
            results = folders.renew(str(visitor.session_hash))
            try:
                for got in answer(
                    request,
                    results,
                    model=model,
                    limits=limits,
                    on_progress=lambda share, what: progress(share, desc=what),
                ):
                    yield shown(note(got.summary or "Working …"), got)
            except Exception as error:
                folders.drop(str(visitor.session_hash))
                yield shown(note(explain(error, request), kind="error"))

        def forget(visitor: gr.Request) -> None:
            folders.drop(str(visitor.session_hash))

        go.click(
            generate,
            [portrait, kind, sound, text, voice, seed, *gains],
            [status, video, track, found, *files],
            show_progress_on=status,
            api_visibility="private",
            concurrency_limit=1,
        )
        page.unload(forget)
    return page.queue(max_size=_WAITING)