"""Labels of heads in space, and the training of the network that moves them."""

from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from a2k_nets import Audio2Keypoint
from a2k_nets.config import HeadConfig, ModelConfig
from a2k_nets.head import BlinkTimes, HeadNetwork, HeadStream, load_head
from a2k_train.cli.app import app
from a2k_train.data.clip import Clip
from a2k_train.experiments.head_folds import add_head, held_out_clips
from a2k_train.recipes.head.loss import HeadBatch, head_loss
from a2k_train.statistics.blinks import blink_events, fit_blink_times
from a2k_train.statistics.head.calibration import calibrated
from a2k_train.statistics.head.labels import COMPONENTS, MIRRORED, head_labels, measure_motion, smooth
from a2k_train.statistics.head.process import HeadClip, fit_process, normalized_motion
from a2k_train.training.fit_head import HeadSettings, fit_head
from kp_io import compose_head_pose, split_head_pose
from kp_io.formats.registry import save_keypoints
from kp_io.keypoints.sequence import KeypointSequence
from kp_io.media.audio import write_audio
from kp_io.transforms import mirror_keypoints

SETTINGS = HeadSettings(steps=6, batch_size=4, window=30)


def head_clip(seed: int, frames: int = 160) -> HeadClip:
    """Motion of an autoregression, and noise as sound."""
    random = torch.Generator().manual_seed(seed)
    motion, sizes = [torch.zeros(9), torch.zeros(9)], torch.linspace(0.01, 0.03, 9) * (1 + 0.2 * (seed % 4))
    for _ in range(frames):
        motion.append(1.5 * motion[-1] - 0.56 * motion[-2] + sizes * torch.randn(9, generator=random))
    track = torch.stack(motion[2:])
    length = (frames - 1) * 640 + 992
    return HeadClip(
        f"clip{seed}",
        f"speaker{seed // 2}",
        0.1 * torch.randn(length, generator=random),
        track - track.mean(dim=0),
        torch.ones(frames, dtype=torch.bool),
        torch.zeros(frames),
        torch.zeros(frames, dtype=torch.bool),
    )


@pytest.fixture(scope="module")
def clips():
    return [head_clip(seed) for seed in range(8)]


class TestLabels:
    def test_a_pose_that_is_applied_is_measured(self, make):
        """A real-looking face, turned in space by known angles."""
        face = make(0).keypoints[:1].repeat(9, 1, 1)
        shape, pose = split_head_pose(face, method="mean-face")
        turn = torch.zeros(9, 3, dtype=torch.float64)
        turn[3:, 0], turn[5:, 1], turn[6:, 2] = 0.2, -0.1, 0.05
        pose = type(pose)(pose.angles + turn, pose.scale, pose.shift, pose.centre)
        motion = measure_motion(compose_head_pose(shape, pose).float())
        assert torch.allclose(motion[:, :3] - motion[0, :3], turn, atol=0.012)  # the face is not the mean face

    def test_a_mirrored_clip(self, make):
        clip = make(1)
        motion = measure_motion(clip.keypoints)
        mirrored = measure_motion(mirror_keypoints(clip.keypoints, width=640))
        change, other = (m - m[0] for m in (motion, mirrored))
        assert torch.allclose(other, change * torch.tensor(MIRRORED), atol=1e-4)

    def test_lost_frames_do_not_count(self, make):
        clip = make(2)
        lost = torch.ones(clip.num_frames, dtype=torch.bool)
        lost[10:14] = False
        damaged = clip.keypoints.clone()
        damaged[10:14] = torch.rand(4, 68, 2)
        labels = head_labels(Clip(clip.id, clip.speaker, clip.split, clip.sound, damaged, lost))
        plain = head_labels(Clip(clip.id, clip.speaker, clip.split, clip.sound, clip.keypoints, lost))
        assert labels.motion.shape == (clip.num_frames, len(COMPONENTS))
        assert torch.equal(labels.motion, plain.motion)
        assert labels.motion[lost].mean(dim=0).abs().max() < 1e-5

    def test_too_short(self, make):
        clip = make(3)
        with pytest.raises(ValueError, match="at least 5 measured frames"):
            head_labels(
                Clip(clip.id, clip.speaker, clip.split, clip.sound, clip.keypoints, torch.arange(clip.num_frames) < 3)
            )

    def test_smoothing_lowers_jitter(self):
        noise = torch.randn(400, 9, generator=torch.Generator().manual_seed(0))
        assert float(smooth(noise).var()) == pytest.approx(17 / 35, abs=0.08)


class TestProcess:
    def test_dynamics_are_found(self, clips):
        network = HeadNetwork(HeadConfig(width=8, hidden=8))
        fit_process(network, clips)
        assert torch.allclose(network.coefficients[0].diagonal(), torch.full((9,), 1.5), atol=0.12)
        assert torch.allclose(network.coefficients[1].diagonal(), torch.full((9,), -0.56), atol=0.12)
        normal = torch.cat([normalized_motion(network, clip) for clip in clips])
        assert float(normal.std()) == pytest.approx(1, abs=0.3)

    def test_calibration_brings_the_size_of_real_motion(self, clips):
        network = HeadNetwork(HeadConfig(width=8, hidden=8)).eval()
        fit_process(network, clips)
        with torch.no_grad():
            network.mixture.weight.zero_()
            network.mixture.bias.zero_()
            network.mixture.bias[-9 * 8 :] = -0.7  # half as much as real

        def size(head):
            found = []
            for seed, clip in enumerate(clips):
                stream = HeadStream(head, 1, log_gains=head.log_gains(clip.motion))
                stream.push(torch.zeros(1, 640 * len(clip.motion)), end=True)
                noise = torch.randn(1, len(clip.motion), 10, generator=torch.Generator().manual_seed(seed))
                found.append(stream.take(len(clip.motion), noise)[0].std(dim=0).log())
            return torch.stack(found).mean(dim=0)

        real = torch.stack([clip.motion.std(dim=0).log() for clip in clips]).mean(dim=0)
        assert (size(network) - real).mean() < -0.3
        assert (size(calibrated(network, clips, power=1.0)) - real).mean().abs() < 0.1

    def test_pauses_are_as_still_as_those_of_real_heads(self, clips):
        """Speech stops for the second half of each clip, where real heads move at half the speed."""
        paused = []
        for clip in clips:
            half = len(clip.motion) // 2
            samples, motion, silent = clip.samples.clone(), clip.motion.clone(), clip.silent.clone()
            samples[half * 640 :] = 0
            motion[half:] = motion[half] + 0.5 * (motion[half:] - motion[half])
            silent[half:] = True
            paused.append(replace(clip, samples=samples, motion=motion, silent=silent))
        network = HeadNetwork(HeadConfig(width=8, hidden=8)).eval()
        fit_process(network, paused)
        with torch.no_grad():
            network.mixture.weight.zero_()
            network.mixture.bias.zero_()
        assert 0.3 < float(calibrated(network, paused).pause_gain) < 0.7
        assert float(calibrated(network, clips).pause_gain) == 1  # nobody pauses

    def test_styles_differ_as_takes_of_one_person_do(self, clips):
        """Speakers differ by a factor of ten, their takes by one of 1.2."""
        louder = [
            replace(clip, motion=clip.motion * (10 if clip.speaker < "speaker2" else 1) * (1.2 if index % 2 else 1))
            for index, clip in enumerate(clips)
        ]
        network = HeadNetwork(HeadConfig(width=8, hidden=8))
        fit_process(network, louder)
        spread = network.styles.std(dim=0)
        assert (spread < 0.4).all()
        assert (spread > 0.05).all()
        assert network.styles.mean(dim=0).abs().max() < 0.1  # in the middle of the speakers

    def test_too_little(self, clips):
        with pytest.raises(ValueError, match="at least 1000 frames"):
            fit_process(HeadNetwork(HeadConfig()), clips[:2])

    def test_blinks_of_clips_become_the_tables(self):
        closing = torch.zeros(6_000)
        for start in range(30, 5_900, 60):
            closing[start : start + 5] = torch.tensor([0.2, 0.5, 0.4, 0.3, 0.1])
        measured = torch.ones(6_000, dtype=torch.bool)
        assert [frames for _, frames, _ in blink_events(closing, measured)][:2] == [3, 3]
        blinks = BlinkTimes(5)
        fit_blink_times(blinks, [(closing, measured)])
        assert float(blinks.curves.max()) == pytest.approx(0.9)
        assert blinks.chance[16:50].max() == 0
        assert float(blinks.chance[60]) > 0.02
        assert not blinks.curves[:, [0, -1]].any()


class TestTraining:
    def test_the_loss_is_the_likelihood_of_the_mixture(self, clips):
        """Against torch.distributions, for a past without errors."""
        network = HeadNetwork(HeadConfig(width=8, hidden=8)).eval()
        fit_process(network, clips)
        motion = normalized_motion(network, clips[0])[None]
        speech = torch.zeros(1, motion.shape[1], network.features.num_features)
        batch = HeadBatch(speech, motion, torch.zeros(1, 3), torch.ones(1, motion.shape[1]), torch.zeros(1))
        with torch.no_grad():
            loss = head_loss(network, batch, noise=0.0, dropped=1.1, generator=torch.Generator().manual_seed(0))
            hidden = torch.zeros(1, motion.shape[1] - 2, 8)
            mixture = network(hidden, motion[:, 1:-1], motion[:, :-2], torch.zeros(1, 3))
        family = torch.distributions.MixtureSameFamily(
            torch.distributions.Categorical(logits=mixture.log_weight),
            torch.distributions.Independent(torch.distributions.Normal(mixture.mean, mixture.log_std.exp()), 1),
        )
        rest = (motion[:, 2:] - network.predict(motion[:, 1:-1], motion[:, :-2])) @ torch.linalg.inv(network.noise).T
        constant = 4.5 * torch.log(torch.tensor(2 * torch.pi))
        assert torch.allclose(loss, -family.log_prob(rest.clamp(-6, 6)).mean() - constant, atol=1e-4)

    def test_an_interrupted_training_ends_as_an_uninterrupted_one(self, clips, tmp_path):
        whole = fit_head(clips, tmp_path / "a", SETTINGS)

        class Stop(Exception):  # noqa: N818 - no error
            pass

        def stop(step, loss):
            if step == 5:
                raise Stop

        with pytest.raises(Stop):
            fit_head(clips, tmp_path / "b", SETTINGS, save_every=2, on_step=stop)
        resumed = fit_head(clips, tmp_path / "b", SETTINGS, save_every=2)
        assert all(torch.equal(resumed.state_dict()[name], value) for name, value in whole.state_dict().items())
        with pytest.raises(ValueError, match="another run folder"):
            fit_head(clips[1:], tmp_path / "b", SETTINGS)

    def test_it_learns(self, clips, tmp_path):
        losses = []
        fit_head(
            clips,
            tmp_path,
            HeadSettings(steps=40, batch_size=8, window=40),
            on_step=lambda step, loss: losses.append(loss),
        )
        assert sum(losses[-5:]) < sum(losses[:5]) - 5

    def test_folds_share_no_speaker(self, clips):
        parts = held_out_clips(clips, folds=3)
        speakers = [{clip.speaker for clip in part} for part in parts]
        assert sum(map(len, parts)) == len(clips)
        assert sum(map(len, speakers)) == len(set.union(*speakers))

    def test_a_model_gets_a_head_and_keeps_its_lips(self, clips, tmp_path):
        network = HeadNetwork(HeadConfig(width=8, hidden=8))
        model = Audio2Keypoint(ModelConfig(width=8, dilations=(1,), lookahead_hops=2))
        source = model.save_pretrained(tmp_path / "lips")
        path = add_head(str(source), network, tmp_path)
        assert path == tmp_path / "model.safetensors"
        read = Audio2Keypoint.from_pretrained(path)
        assert read.head is not None
        assert read.config.head == network.config
        assert all(torch.equal(read.state_dict()[name], value) for name, value in model.state_dict().items())

    def test_lips_that_look_less_far_ahead(self, tmp_path):
        source = Audio2Keypoint(ModelConfig(width=8, dilations=(1,), lookahead_hops=1)).save_pretrained(tmp_path / "l")
        with pytest.raises(ValueError, match="no further ahead"):
            add_head(str(source), HeadNetwork(HeadConfig()), tmp_path)


class TestCommand:
    def test_the_head_of_a_model(self, make, tmp_path):
        run = tmp_path / "run"
        _write_clips(tmp_path / "clips", make)
        done = CliRunner().invoke(
            app, ["head", str(tmp_path / "clips"), "--run", str(run), "--steps", "1", "--model", "small"]
        )
        assert done.exit_code == 0, done.output
        network, _ = load_head(run / "head.safetensors")
        model = Audio2Keypoint.from_pretrained(run / "small.safetensors")
        assert model.head is not None
        assert all(torch.equal(model.head.state_dict()[name], value) for name, value in network.state_dict().items())

    def test_folds_beside_a_model(self, corpus, tmp_path):
        done = CliRunner().invoke(
            app, ["head", str(corpus), "--run", str(tmp_path / "run"), "--folds", "2", "--model", "small"]
        )
        assert done.exit_code == 1
        assert "--model without --folds" in done.output


def _write_clips(folder, make):
    """Write clips that are long enough for the statistics of the head."""
    folder.mkdir()
    rows = ["id,speaker,split"]
    for seed in range(4):
        clip = make(seed, frames=300)
        save_keypoints(folder / f"{clip.id}.npz", KeypointSequence(clip.keypoints, image_size=(224, 224)))
        write_audio(folder / f"{clip.id}.wav", clip.waveform, sample_rate=16_000)
        rows.append(f"{clip.id},{clip.speaker},train")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
