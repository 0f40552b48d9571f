"""A client and the scheduler without a network between them: slow, fast, silent and vanishing ones."""

import asyncio
import json

import numpy as np
import pytest
import torch

from a2k_nets.inference.streaming import StreamingGenerator

pytest.importorskip("prometheus_client", reason="needs the extra a2k-nets[serve]")

from a2k_nets.server.limits import ServerLimits
from a2k_nets.server.live.connection import StreamConnection
from a2k_nets.server.live.errors import VanishedError
from a2k_nets.server.live.scheduler import Scheduler
from a2k_nets.server.measurements import Measurements

GONE = object()


class Client:
    """A channel whose client sends messages, as fast as they are read, and takes what it is sent after a while."""

    def __init__(self, *messages, takes=float("inf"), ends_with=GONE):
        self.messages, self.got, self.closed = list(messages), [], None
        self.takes, self.ends_with = takes, ends_with
        self.num_read = 0

    async def receive(self):
        await asyncio.sleep(0)
        if self.messages:
            self.num_read += 1
            message = self.messages.pop(0)
            if message is GONE:
                raise VanishedError
            return message
        return await asyncio.get_running_loop().create_future()

    async def send(self, message):
        if len(self.got) >= self.takes:
            await asyncio.Event().wait()
        self.got.append(message)

    async def close(self, code):
        self.closed = code

    @property
    def last(self):
        return json.loads(self.got[-1])

    def frames(self):
        return [json.loads(text) for text in self.got if json.loads(text)["type"] == "frame"]


START, END = json.dumps({"type": "start"}), json.dumps({"type": "end"})


@pytest.fixture
def pcm(speech):
    return (speech * 32_767).round().to(torch.int16).numpy()


def pieces(pcm, size):
    return [pcm[begin : begin + size].tobytes() for begin in range(0, len(pcm), size)]


def serve(model, *clients, seconds=20.0, stop_after=None, **limits):
    """Serve the clients at the same time; return the measurements, and what is open in the end."""
    limits, measurements = ServerLimits(**limits), Measurements()

    async def run():
        scheduler = Scheduler(model, limits, measurements)
        computing = asyncio.create_task(scheduler.run())
        serving = [
            asyncio.create_task(StreamConnection(client, scheduler, limits=limits, measurements=measurements).serve())
            for client in clients
        ]
        if stop_after is not None:
            await asyncio.sleep(stop_after)
            await scheduler.finish(seconds=seconds)
        await asyncio.wait_for(asyncio.gather(*serving), seconds)
        computing.cancel()
        return scheduler

    scheduler = asyncio.run(run())
    assert "a2k_streams 0.0" in measurements.text().decode()
    assert scheduler._batch.num_free == limits.streams
    return measurements.text().decode()


def expected(model, pcm):
    generator = StreamingGenerator(model.normalizer.mean_face_px, model)
    return torch.cat([generator.push(torch.from_numpy(pcm.astype(np.float32) / 32_768)), generator.flush()]).numpy()


def check_frames(client, frames):
    got = client.frames()
    assert [frame["frame"] for frame in got] == list(range(len(frames)))
    assert np.abs(np.array([frame["keypoints"] for frame in got]) - frames).max() < 1e-3


class TestGoodClients:
    def test_several_at_a_time(self, model, pcm):
        clients = [
            Client(START, *pieces(pcm[: 640 * n + 77], size), END) for n, size in ((50, 640), (13, 999), (1, 10))
        ]
        text = serve(model, *clients)
        for client, n in zip(clients, (50, 13, 1), strict=True):
            check_frames(client, expected(model, pcm[: 640 * n + 77]))
            assert client.last == {"type": "end", "frames": n, "reason": "client"}
            assert client.closed == 1000
        assert 'a2k_streams_ended_total{how="client"} 3.0' in text
        assert "a2k_frames_total 64.0" in text
        assert "a2k_frame_lateness_seconds_count 64.0" in text

    def test_no_sound_at_all(self, model):
        client = Client(START, END)
        serve(model, client)
        assert client.last == {"type": "end", "frames": 0, "reason": "client"}

    def test_one_that_sends_too_fast_waits_and_loses_nothing(self, model, pcm):
        client = Client(START, *pieces(pcm, 640), END)
        read = []
        send = client.send

        async def note_and_send(message):
            read.append(client.num_read)
            await send(message)

        client.send = note_and_send
        serve(model, client, ahead_seconds=0.3, waiting_frames=3)
        check_frames(client, expected(model, pcm))
        # When the first frame is sent, of 52 messages only about 0.3 s were read.
        assert read[1] < 15

    def test_the_server_stops(self, model, pcm):
        client = Client(START, *pieces(pcm[:16_000], 640))
        text = serve(model, client, stop_after=1.0)
        check_frames(client, expected(model, pcm[:16_000]))
        assert client.last == {"type": "end", "frames": 25, "reason": "server_stop"}
        assert client.closed == 1001
        assert 'how="server_stop"' in text


class TestBadClients:
    """Each of them beside a good one, which gets all of its frames."""

    @pytest.mark.parametrize(
        ("messages", "code"),
        [
            ([b"\0\0"], "malformed"),
            (["{"], "malformed"),
            ([START, b"\0"], "malformed"),
            ([START, "{"], "malformed"),
            ([START, START], "malformed"),
            ([START, bytes(32_000), END, b"\0\0"], "malformed"),
            ([json.dumps({"type": "start", "encoding": "opus"}), b"\xff" * 20], "malformed"),
            ([json.dumps({"type": "start", "encoding": "opus"}), b""], "malformed"),
            ([], "slow"),
            ([START], "idle"),
            ([START, bytes(2 * 16_000 * 3)], "too_long"),
        ],
    )
    def test_what_they_are_told(self, model, pcm, messages, code):
        bad, good = Client(*messages), Client(START, *pieces(pcm, 640), END)
        text = serve(model, bad, good, start_seconds=0.5, idle_seconds=0.5, stream_seconds=2.5)
        assert (bad.last["type"], bad.last["code"]) == ("error", code)
        assert bad.closed == 1008
        check_frames(good, expected(model, pcm))
        assert f'a2k_streams_ended_total{{how="{code}"}} 1.0' in text

    def test_one_that_takes_nothing(self, model, pcm):
        bad, good = Client(START, *pieces(pcm, 640), takes=4), Client(START, *pieces(pcm, 640), END)
        text = serve(model, bad, good, stall_seconds=0.5, waiting_frames=10)
        assert len(bad.got) == 4
        assert 'a2k_streams_ended_total{how="slow"} 1.0' in text
        check_frames(good, expected(model, pcm))

    @pytest.mark.parametrize("when", [0, 1, 2, 20])
    def test_one_that_vanishes(self, model, pcm, when):
        messages = [START, *pieces(pcm, 640)][:when]
        bad, good = Client(*messages, GONE), Client(START, *pieces(pcm, 640), END)
        text = serve(model, bad, good)
        assert 'a2k_streams_ended_total{how="vanished"} 1.0' in text
        check_frames(good, expected(model, pcm))

    def test_one_too_many(self, model, pcm):
        clients = [Client(START, *pieces(pcm, 640), END) for _ in range(3)]
        serve(model, *clients, streams=2)
        kinds = sorted(client.last["type"] for client in clients)
        assert kinds == ["end", "end", "error"]
        refused = next(client for client in clients if client.last["type"] == "error")
        assert (refused.last["code"], refused.closed) == ("full", 1013)

    def test_a_fault_of_ours_is_told_and_logged(self, model, pcm, monkeypatch, caplog):
        def fail(*arguments, **others):
            raise RuntimeError("out of luck")

        monkeypatch.setattr(model.log_mel, "without_padding", fail)
        client = Client(START, *pieces(pcm, 640), END)
        serve(model, client)
        assert (client.last["code"], client.closed) == ("internal", 1011)
        assert "out of luck" in caplog.text

    def test_a_fault_of_ours_before_the_stream(self, model, monkeypatch, caplog):
        def fail(*arguments, **others):
            raise RuntimeError("out of luck")

        monkeypatch.setattr(Scheduler, "open", fail)
        client = Client(START)
        text = serve(model, client)
        assert (client.last["code"], client.closed) == ("internal", 1011)
        assert "out of luck" in caplog.text
        assert 'a2k_streams_ended_total{how="internal"} 1.0' in text

    def test_a_profile_is_the_client_s_fault(self, model_in_space, mean_face, caplog):
        profile = 60 * mean_face * torch.tensor([0.25, 1.0])
        profile[27:36, 0] -= 25
        client, good = Client(json.dumps({"type": "start", "face": profile.tolist()})), Client(START, END)
        serve(model_in_space, client, good)
        assert (client.last["code"], client.closed) == ("malformed", 1008)
        assert "at most 60 degrees" in client.last["message"]
        assert good.last["type"] == "end"
        assert not caplog.text

    @pytest.mark.parametrize("gain", ["turn", "nod"])
    def test_a_gain_that_the_model_lacks(self, model, caplog, gain):
        client = Client(json.dumps({"type": "start", gain: 0.5}))
        serve(model, client)
        assert client.last["code"] == "malformed"
        assert "moves in the plane" in client.last["message"]
        assert not caplog.text

    def test_a_face_that_leads_nowhere(self, model, pcm):
        face = [[0.0, 0.0] for _ in range(68)]
        face[36], face[45] = [0.0, 0.0], [2.0, 0.0]
        bad, good = Client(json.dumps({"type": "start", "face": face}), *pieces(pcm, 640), END), Client(START, END)
        serve(model, bad, good)
        assert bad.last["type"] in ("end", "error")
        for frame in bad.frames():
            assert np.isfinite(np.array(frame["keypoints"])).all()
