"""What the server reads of clients: messages, fields of forms, headers. What is wrong gives a clean error."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from a2k_nets.config.residual import ModelConfig
from a2k_nets.server.admission import Admission, is_loopback
from a2k_nets.server.files.errors import RequestError
from a2k_nets.server.files.fields import parse_fields
from a2k_nets.server.live.errors import StreamError
from a2k_nets.server.live.protocol import StreamRequest, binary_frame, json_frame, parse_message, parse_start

CONFIG = ModelConfig()
FACE = [[100.0 + 2 * i, 100.0 + i % 7] for i in range(68)]
FORMS = {"frames": ..., "csv": ...}


def start(**members):
    return json.dumps({"type": "start"} | members)


class TestStart:
    def test_the_least(self):
        request = parse_start(start(), CONFIG)
        assert (request.face, request.rate, request.encoding, request.frames) == (None, 16_000, "s16le", "json")

    def test_everything(self):
        request = parse_start(
            start(
                version=1, face=FACE, rate=48_000, encoding="opus", frames="binary", seed=7, head_motion=0,
                expression=1.5, blink=0.5, neutralize_mouth=True,
            ),
            CONFIG,
        )  # fmt: skip
        assert torch.equal(request.face, torch.tensor(FACE))
        assert (request.rate, request.encoding, request.frames) == (48_000, "opus", "binary")
        options = request.options
        assert (options.head_motion, options.expression, options.blink, options.seed) == (0.0, 1.5, 0.5, 7)
        assert options.neutralize_mouth

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("", "malformed"),
            ("{", "malformed"),
            ("[]", "malformed"),
            ("null", "malformed"),
            ("{}", "malformed"),
            ('{"type": 1}', "malformed"),
            ('{"type": "end"}', "malformed"),
            ('{"type": "start", "rate": NaN}', "malformed"),
            ("[" * 100_000, "malformed"),
            (start(version=2), "version"),
            (start(colour="red"), "malformed"),
            (start(rate=7_999), "malformed"),
            (start(rate=16_000.5), "malformed"),
            (start(rate=True), "malformed"),
            (start(seed=-1), "malformed"),
            (start(seed=1 << 63), "malformed"),
            (start(blink="1"), "malformed"),
            (start(blink=-0.1), "malformed"),
            (start(head_motion=11), "malformed"),
            (start(head_motion=10**400), "malformed"),
            (start(seed=10**400), "malformed"),
            (start(face=[[10**400, 0]] * 68), "malformed"),
            ('{"type": "start", "rate": ' + "1" * 5_000 + "}", "malformed"),
            ('{"type": "start", "blink": 1e999}', "malformed"),
            (start(neutralize_mouth=1), "malformed"),
            (start(encoding="mp3"), "malformed"),
            (start(frames=["json"]), "malformed"),
            (start(frames={}), "malformed"),
            (start(face=[]), "malformed"),
            (start(face=FACE[:67]), "malformed"),
            (start(face=[[1, 2, 3]] * 68), "malformed"),
            (start(face=[["a", 2]] * 68), "malformed"),
            (start(face=[[1e6, 0]] * 68), "malformed"),
            (start(face=[[5, 5]] * 68), "malformed"),
        ],
    )
    def test_what_is_wrong(self, text, code):
        with pytest.raises(StreamError) as error:
            parse_start(text, CONFIG)
        assert error.value.code == code
        assert "expected" in error.value.message
        assert len(error.value.message) < 400

    @pytest.mark.parametrize("depth", range(100, 1_000, 50))
    def test_lists_in_lists(self, depth):
        for member in ("face", "rate", "version", "frames", "x"):
            with pytest.raises(StreamError):
                parse_start(f'{{"type": "start", "{member}": {"[" * depth}{"]" * depth}}}', CONFIG)

    @settings(max_examples=300)
    @given(
        message=st.dictionaries(
            st.sampled_from(["type", "version", "face", "rate", "encoding", "frames", "seed", "blink", "x"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("start") | st.just(FACE),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
                max_leaves=5,
            ),
        )
    )
    def test_any_message(self, message):
        try:
            request = parse_start(json.dumps(message), CONFIG)
        except StreamError:
            return
        assert isinstance(request, StreamRequest)
        assert message["type"] == "start"

    @given(text=st.text())
    def test_any_text(self, text):
        try:
            message = parse_message(text)
        except StreamError:
            return
        assert isinstance(message["type"], str)


def test_both_forms_of_a_frame_say_the_same():
    points = np.random.default_rng(0).uniform(-500, 500, (68, 2)).astype(np.float32)
    message = json.loads(json_frame(9, 25.0, points))
    assert (message["type"], message["frame"], message["time_seconds"]) == ("frame", 9, 0.36)
    data = binary_frame(9, points)
    assert len(data) == 4 + 4 * 2 * 68
    assert int.from_bytes(data[:4], "little") == 9
    assert np.abs(np.frombuffer(data[4:], "<f4").reshape(68, 2) - message["keypoints"]).max() <= 0.51e-4


class TestAdmission:
    TOKEN = "0123456789abcdef-._~"

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ({"host": "127.0.0.1:8765"}, None),
            ({"host": "LOCALHOST:8765"}, None),
            ({"host": "[::1]:8765"}, None),
            ({"host": "localhost:8765", "origin": "http://localhost:8765"}, None),
            ({"host": "localhost:8765", "origin": "http://page.example"}, None),
            ({"host": "page.example"}, None),
            ({"host": "localhost:8765", "origin": "http://localhost:8000"}, "origin"),
            ({"host": "localhost:8765", "origin": "null"}, "origin"),
            ({"host": "localhost:8765", "origin": "https://page.example"}, "origin"),
            ({"host": "localhost:8765", "origin": "http://page.example.evil.example"}, "origin"),
            ({"host": "localhost:8765", "origin": "http://["}, "origin"),
            ({"host": "evil.example", "origin": "http://evil.example"}, "host"),
            ({"host": "127.0.0.1.evil.example"}, "host"),
            ({"host": "]["}, "host"),
            ({"host": ""}, "host"),
            ({}, "host"),
        ],
    )
    def test_on_this_machine_without_a_token(self, headers, code):
        refusal = Admission(origins=("http://page.example",)).refusal(headers)
        assert (refusal and refusal.code) == code

    @pytest.mark.parametrize(
        ("headers", "protocols", "code"),
        [
            ({"authorization": f"Bearer {TOKEN}"}, (), None),
            ({"authorization": f"bearer  {TOKEN}"}, (), None),
            ({}, ("a2k.v1", f"a2k.token.{TOKEN}"), None),
            ({}, (), "token"),
            ({"authorization": TOKEN}, (), "token"),
            ({"authorization": f"Basic {TOKEN}"}, (), "token"),
            ({"authorization": f"Bearer {TOKEN}x"}, (), "token"),
            ({"authorization": "Bearer \udc80ß"}, (), "token"),
            ({"authorization": "Bearer"}, ("a2k.token.",), "token"),
            ({"authorization": f"Bearer {TOKEN}", "origin": "http://evil.example"}, (), "origin"),
        ],
    )
    def test_elsewhere_with_a_token(self, headers, protocols, code):
        rules = Admission(token=self.TOKEN, is_local=False)
        refusal = rules.refusal({"host": "server.example"} | headers, subprotocols=protocols)
        assert (refusal and refusal.code) == code

    @pytest.mark.parametrize(
        "rules",
        [{"token": "short"}, {"token": "x" * 20 + " "}, {"origins": ("example.org",)}, {"origins": ("http://a/b",)}],
    )
    def test_rules_that_are_none(self, rules):
        with pytest.raises(ValueError, match="expected"):
            Admission(**rules)

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
    def test_other_machines_get_there(self, host):
        assert not is_loopback(host)


class TestFields:
    def test_all(self):
        fields = {"format": "csv", "seed": "7", "blink": "0", "head_motion": "1.5", "neutralize_mouth": "false"}
        assert parse_fields(fields, forms=FORMS) == (
            "csv",
            {"seed": 7, "blink": 0, "head_motion": 1.5, "neutralize_mouth": False},
        )

    @pytest.mark.parametrize(
        "fields",
        [{"format": "mp4"}, {"seed": "1.5"}, {"seed": "-1"},
         {"seed": "1" * 400}, {"blink": "1" * 400}, {"seed": "1" * 5_000},
         {"blink": "NaN"}, {"blink": "true"}, {"blink": "["},
         {"blink": "1e999"}, {"neutralize_mouth": "yes"}, {"colour": "red"}],
    )  # fmt: skip
    def test_what_is_wrong(self, fields):
        with pytest.raises(RequestError, match="expected") as error:
            parse_fields(fields, forms=FORMS)
        assert error.value.status == 422
