"""The models of the presets `listener` and `residual`: waveform and reference face in, keypoints out."""

import copy
from collections.abc import Iterable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name

from a2k_nets.blocks.driving_motion import check_driving
from a2k_nets.blocks.input_checks import check_inputs
from a2k_nets.blocks.log_mel import LogMelSpectrogram
from a2k_nets.checkpoints.pretrained_mixin import PretrainedMixin
from a2k_nets.config.listener import ListenerConfig
from a2k_nets.config.renamed import accept_renamed
from a2k_nets.config.residual import ModelConfig
from a2k_nets.head import HeadNetwork
from a2k_nets.head.placement import HeadControls
from a2k_nets.residual.causal_stream import CausalStream
from a2k_nets.residual.expression_edits import Blinks
from a2k_nets.residual.generator import ResidualGenerator
from a2k_nets.residual.head_motion import HeadMotion
from a2k_nets.residual.listener_generator import FEATURES_PER_FRAME, ListenerGenerator
from a2k_nets.residual.listener_stream import ListenerStream
from a2k_nets.residual.motion_network import Motion
from a2k_nets.residual.motion_stream import MotionSource, MotionStream
from a2k_nets.residual.normalizer import Normalizer
from a2k_nets.whisper.encoder import WhisperEncoder
from a2k_nets.whisper.windowed_features import encode_waveform

# Longer audio is processed in chunks of this length, so that the network needs no more memory for an hour.
_CHUNK_SECONDS = 30


class Audio2Keypoint(PretrainedMixin):
    """Generates facial keypoints from speech and one reference face (paper, section 4).

    The config decides how it hears. With a `ModelConfig`, preset `residual`, a causal network works on the log-mel
    spectrogram and can stream. With a `ListenerConfig`, preset `listener`, a network that sees past and future works on
    the features of a speech encoder: better, but for whole recordings.

    Args:
        config: Settings of the network.

    Example:
        >>> model = Audio2Keypoint.from_pretrained().eval()
        >>> reference = model.normalizer.mean_face_px[None]
        >>> model(torch.zeros(1, 16_000), reference).shape
        torch.Size([1, 25, 68, 2])
    """

    presets = ("listener", "residual")
    config: ListenerConfig | ModelConfig
    generator: ListenerGenerator | ResidualGenerator

    def __init__(self, config: ListenerConfig | ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.normalizer = Normalizer(config)
        if isinstance(config, ListenerConfig):
            self.encoder = WhisperEncoder()
            self.generator = ListenerGenerator(config, self.encoder.num_features)
        else:
            self.log_mel = LogMelSpectrogram(config.audio)
            self.generator = ResidualGenerator(config)
        self.head_motion = HeadMotion()
        self.blinks = Blinks()
        #: Moves head and brows with speech; None in older models, whose head moves at random in the plane.
        self.head = None if config.head is None else HeadNetwork(config.head)

    @accept_renamed(rest_lips="neutralize_mouth")
    def forward(
        self,
        waveform: Float[Tensor, "b s"],
        reference: Float[Tensor, "b k 2"],
        *,
        head_motion: float = 1.0,
        expression: float = 1.0,
        blink: float = 1.0,
        turn: float = 1.0,
        nod: float = 1.0,
        tilt: float = 1.0,
        brow: float = 1.0,
        neutralize_mouth: bool = False,
        style: Float[Tensor, "f k 2"] | None = None,
        driving: Float[Tensor, "b u k 2"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b t k 2"]:
        """Return keypoints in the pixels of the reference, T = round(S / sample_rate × fps), at least 1.

        Args:
            waveform: Mono speech in [-1, 1] at `config.audio.sample_rate`; any length.
            reference: The person's keypoints, pixels.
            head_motion: Gain of the head motion; 0 keeps the pose of the reference.
            expression: Gain of the motion of lips, jaw, brows and lids.
            blink: Share by which a blink closes the lids; 0 for no blinks.
            turn: Gain of turns to the sides (yaw); needs a head in space, as `nod`.
            nod: Gain of nodding (pitch).
            tilt: Gain of tilts to the shoulders (roll).
            brow: Gain of the motion of the brows.
            neutralize_mouth: Close an open mouth of the reference, e.g. a smile, when the sequence begins. Otherwise
                an open mouth is taken for the middle of a word.
            style: Keypoints of a clip of at least 50 frames; head and brows move as much as there (needs a head in
                space). By default as much as a training speaker's, whom the noise draws.
            driving: Keypoints of another sequence, in any pixels, whose head motion replaces the random one; looped
                back and forth if it is shorter.
            generator: Seeded source of random head motion and blinks; without it the face only follows the audio.

        Raises:
            ValueError: A shape is wrong, or a value is not finite; the model's head moves in the plane and an option
                needs space; or it moves in space and the reference is turned to a side by more than 60°.
        """
        check_inputs(waveform, reference, num_keypoints=self.config.num_keypoints, dimensions=2)
        return self.forward_chunks(
            torch.split(waveform, _CHUNK_SECONDS * self.config.audio.sample_rate, dim=1),
            reference,
            head_motion=head_motion,
            expression=expression,
            blink=blink,
            turn=turn,
            nod=nod,
            tilt=tilt,
            brow=brow,
            neutralize_mouth=neutralize_mouth,
            style=style,
            driving=driving,
            generator=generator,
        )

    def forward_chunks(
        self,
        chunks: Iterable[Float[Tensor, "b _"]],
        reference: Float[Tensor, "b k 2"],
        *,
        head_motion: float = 1.0,
        expression: float = 1.0,
        blink: float = 1.0,
        turn: float = 1.0,
        nod: float = 1.0,
        tilt: float = 1.0,
        brow: float = 1.0,
        neutralize_mouth: bool = False,
        style: Float[Tensor, "f k 2"] | None = None,
        driving: Float[Tensor, "b u k 2"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b t k 2"]:
        """Return the keypoints of `forward` for a waveform in chunks, each of at least one sample.

        Only one chunk is needed at a time. The arguments and errors are those of `forward`.
        """
        if driving is not None:
            check_driving(driving, reference)
        stream = MotionStream(
            self,
            reference,
            head_motion=head_motion,
            expression=expression,
            blink=blink,
            neutralize_mouth=neutralize_mouth,
            controls=HeadControls(turn, nod, tilt, brow, style),
            driving=driving,
            generator=generator,
        )
        frames = []
        previous: Tensor | None = None
        for chunk in chunks:
            check_inputs(chunk, reference, num_keypoints=self.config.num_keypoints, dimensions=2)
            if previous is not None:
                frames.append(stream.push(previous))
            previous = chunk
        if previous is None:
            raise ValueError("expected at least one chunk of a waveform, got none")
        return torch.cat([*frames, stream.push(previous, end=True)], dim=1)

    def in_the_plane(self) -> "Audio2Keypoint":
        """Return a copy without the head in space, whose head moves at random in the plane.

        Example:
            >>> Audio2Keypoint.from_pretrained().in_the_plane().head is None
            True
        """
        copied = copy.deepcopy(self)
        copied.config, copied.head = replace(self.config, head=None), None
        return copied

    def motion_source(self, face: Float[Tensor, "b c"]) -> MotionSource:
        """Return the network's predictions for normalised reference faces and audio in pieces."""
        if isinstance(self.generator, ListenerGenerator):
            return ListenerStream(self.generator, self.encoder, face)
        return CausalStream(self.generator, self.log_mel, self.normalizer, face)

    def encode_audio(self, waveform: Float[Tensor, "b s"], num_frames: int | None = None) -> Float[Tensor, "b c f"]:
        """Return the normalised input of the network, with silence after the end.

        It is the log-mel spectrogram, four frames per video frame, or two feature vectors of the encoder as the
        channels of each video frame.

        Args:
            waveform: As in `forward`.
            num_frames: T; by default computed from the waveform, which an exported graph does with symbols.
        """
        step = self.config.samples_per_frame
        if num_frames is None:
            num_frames = self.config.num_frames(waveform.shape[-1])
        # At most one frame is missing, and up to half a frame is cut off.
        whole = F.pad(waveform, (0, step))[..., : num_frames * step]
        if isinstance(self.generator, ListenerGenerator):
            return self.generator.normalize(self.encode_speech(whole))
        return self.normalizer.encode_mel(self.log_mel(whole))

    def encode_speech(self, waveform: Float[Tensor, "b s"]) -> Float[Tensor, "b n d"]:
        """Return the feature vectors of the encoder, two per video frame; only for the preset `listener`."""
        config = self.config
        assert isinstance(config, ListenerConfig)
        hop, overlap = (FEATURES_PER_FRAME * frames for frames in (config.window_hop, config.window_overlap))
        return encode_waveform(self.encoder, waveform, hop=hop, overlap=overlap)

    def predict_motion(self, audio: Float[Tensor, "b c f"], reference: Float[Tensor, "b k 2"]) -> Motion:
        """Return normalised motion for the output of `encode_audio`, on which the network is trained."""
        face = self.normalizer.canonicalize(reference)
        motion: Motion = self.generator(audio, self.normalizer.encode_reference(face))
        return motion

    def input_scale(self, reference: Float[Tensor, "k d"], image_height: int) -> float:
        """Return the factor from pixels of an image to those of the model: 1, since any scale is accepted."""
        return 1.0
