import pytest
import torch

from a2k_train.augment import augment_mel, augment_waveform, mirror_faces
from a2k_train.store import ClipStore
from a2k_train.windows import WindowSampler
from kp_io.layout import IBUG68


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


VOICES = 0.1 * torch.randn(4, 6_400, generator=seeded(9))
MELS = torch.randn(4, 80, 64, generator=seeded(9))


@pytest.mark.parametrize(("augment", "x"), [(augment_waveform, VOICES), (augment_mel, MELS)])
class TestSound:
    def test_keeps_the_shape_and_varies(self, augment, x):
        y = augment(x, generator=seeded(0))
        assert y.shape == x.shape
        assert bool(torch.isfinite(y).all())
        for before, after in zip(x, y, strict=True):
            assert not torch.allclose(before, after)

    def test_the_seed_decides(self, augment, x):
        y = augment(x, generator=seeded(0))
        assert torch.equal(y, augment(x, generator=seeded(0)))
        assert not torch.equal(y, augment(x, generator=seeded(1)))

    def test_leaves_its_input_and_the_global_generator(self, augment, x):
        before, state = x.clone(), torch.random.get_rng_state()
        augment(x, generator=seeded(0))
        assert torch.equal(x, before)
        assert torch.equal(torch.random.get_rng_state(), state)

    def test_one_item_works(self, augment, x):
        assert augment(x[:1], generator=seeded(0)).shape == x[:1].shape


def test_silence_stays_quiet_and_finite():
    y = augment_waveform(torch.zeros(3, 1_000), generator=seeded(0))
    assert bool(torch.isfinite(y).all())
    assert float(y.abs().max()) < 0.01


def test_speech_is_still_the_loudest():
    # Two tones: each window keeps more of its own than of the other's.
    time = torch.arange(6_400) / 16_000
    tones = 0.3 * torch.stack([torch.sin(2 * torch.pi * f * time) for f in (440.0, 1_000.0)])
    for seed in range(5):
        kept = (augment_waveform(tones, generator=seeded(seed)) @ tones.T).abs()
        assert kept[0, 0] > kept[0, 1]
        assert kept[1, 1] > kept[1, 0]


class TestMirror:
    def test_twice_is_the_same_as_never(self, clips):
        batch = WindowSampler(ClipStore.from_clips(clips), window_frames=16, batch_size=3).batch(0)
        once = mirror_faces(batch, IBUG68.mirror, generator=seeded(2))
        twice = mirror_faces(once, IBUG68.mirror, generator=seeded(2))
        assert not torch.equal(once.keypoints, batch.keypoints)
        assert torch.equal(twice.keypoints, batch.keypoints)
        assert torch.equal(twice.reference, batch.reference)

    def test_a_mirrored_face_has_its_own_left_and_right(self, clips):
        batch = WindowSampler(ClipStore.from_clips(clips), window_frames=16, batch_size=3).batch(0)
        for seed in range(20):
            mirrored = mirror_faces(batch, IBUG68.mirror, generator=seeded(seed))
            flipped = (mirrored.keypoints != batch.keypoints).flatten(1).any(dim=1)
            for i in flipped.nonzero().flatten().tolist():
                assert torch.equal(mirrored.keypoints[i, :, 36, 0], -batch.keypoints[i, :, 45, 0])
                assert torch.equal(mirrored.keypoints[i, :, 48, 1], batch.keypoints[i, :, 54, 1])
                # The eye that is on the picture's left stays there.
                assert bool((mirrored.keypoints[i, :, 36, 0] < mirrored.keypoints[i, :, 45, 0]).all())
                assert torch.equal(mirrored.reference[i, 27], batch.reference[i, 27] * torch.tensor([-1.0, 1.0]))
            if 0 < flipped.sum() < len(flipped):
                break
        else:
            pytest.fail("expected a seed that mirrors some faces and leaves others")

    def test_sound_and_mask_are_left(self, clips):
        batch = WindowSampler(ClipStore.from_clips(clips), window_frames=16, batch_size=3).batch(0)
        mirrored = mirror_faces(batch, IBUG68.mirror, generator=seeded(2))
        assert torch.equal(mirrored.waveform, batch.waveform)
        assert torch.equal(mirrored.mask, batch.mask)
