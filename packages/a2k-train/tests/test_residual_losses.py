import math

import pytest
import torch

from a2k_train.recipes.residual_losses import closure_loss, correlation_loss, lip_distances, masked_l1, velocity_loss

ALL = torch.ones(1, 3, dtype=torch.bool)


def series(*values: float) -> torch.Tensor:
    return torch.tensor([values])


class TestMaskedL1:
    def test_by_hand(self):
        preds, target = series(0.0, 1.0, 5.0)[..., None], series(2.0, 1.0, 4.0)[..., None]
        assert float(masked_l1(preds, target, ALL, weight=1.0)) == pytest.approx(1.0)
        assert float(masked_l1(preds, target, ALL, weight=3.0)) == pytest.approx(3.0)

    def test_masked_frames_do_not_count(self):
        preds, target = series(0.0, 1.0, 1e9)[..., None], series(2.0, 1.0, 4.0)[..., None]
        assert float(masked_l1(preds, target, torch.tensor([[True, True, False]]), weight=1.0)) == pytest.approx(1.0)

    def test_channels_have_weights(self):
        preds, target = torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, 2)
        weight = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
        assert float(masked_l1(preds, target, ALL[:, :2], weight=weight)) == pytest.approx(3.0)

    def test_long_and_short_windows_count_by_their_frames(self):
        preds = torch.tensor([[[1.0], [1.0]], [[4.0], [9.0]]])
        mask = torch.tensor([[True, True], [True, False]])
        assert float(masked_l1(preds, torch.zeros_like(preds), mask, weight=1.0)) == pytest.approx(2.0)

    def test_nothing_valid_is_zero(self):
        loss = masked_l1(torch.ones(1, 3, 1), torch.zeros(1, 3, 1), ~ALL, weight=1.0)
        assert float(loss) == 0


class TestVelocity:
    def test_a_constant_error_is_none(self):
        target = torch.randn(1, 3, 4)
        assert float(velocity_loss(target + 7, target, ALL, weight=1.0)) == pytest.approx(0, abs=1e-5)

    def test_by_hand(self):
        preds, target = series(0.0, 1.0, 1.0)[..., None], series(0.0, 0.0, 2.0)[..., None]
        assert float(velocity_loss(preds, target, ALL, weight=2.0)) == pytest.approx(2 * (1 + 2) / 2)

    def test_both_frames_must_be_valid(self):
        preds, target = series(0.0, 1e9, 1.0)[..., None], series(0.0, 0.0, 2.0)[..., None]
        assert float(velocity_loss(preds, target, torch.tensor([[True, False, True]]), weight=1.0)) == 0


class TestLipDistances:
    def test_a_drawn_mouth(self):
        face = torch.zeros(1, 1, 68, 2)
        for upper, lower, gap in ((61, 67, 1.0), (62, 66, 2.0), (63, 65, 3.0), (51, 57, 4.0)):
            face[0, 0, upper, 1], face[0, 0, lower, 1] = -gap / 2, gap / 2
        face[0, 0, 48], face[0, 0, 54] = torch.tensor([-3.0, 2.0]), torch.tensor([3.0, -6.0])
        assert lip_distances(face)[0, 0].tolist() == pytest.approx([1, 2, 3, 4, 10], rel=1e-4)

    def test_a_closed_mouth_has_a_gradient(self):
        face = torch.zeros(1, 1, 68, 2, requires_grad=True)
        lip_distances(face).sum().backward()
        assert bool(torch.isfinite(face.grad).all())
        assert float(lip_distances(face.detach()).max()) < 0.01


class TestCorrelation:
    target = series(1.0, 3.0, 2.0)

    def test_the_truth_costs_nothing(self):
        assert float(correlation_loss(self.target, self.target, ALL, floor=0.0)) == pytest.approx(0, abs=1e-6)

    def test_the_opposite_costs_two(self):
        # Mirrored about the mean: the covariance is minus the variance.
        assert float(correlation_loss(4 - self.target, self.target, ALL, floor=0.0)) == pytest.approx(2, abs=1e-6)

    def test_a_still_mouth_costs_one(self):
        assert float(correlation_loss(series(2.0, 2.0, 2.0), self.target, ALL, floor=0.0)) == pytest.approx(1, abs=1e-6)

    def test_lins_concordance_by_hand(self):
        # Means 2 and 3, variances 2/3 and 8/3, covariance 4/3: 2·(4/3) / (10/3 + 1) = 8/13.
        loss = correlation_loss(series(1.0, 3.0, 2.0), series(1.0, 5.0, 3.0), ALL, floor=0.0)
        assert float(loss) == pytest.approx(1 - 8 / 13, abs=1e-6)

    def test_masked_frames_do_not_count(self):
        mask = torch.tensor([[True, True, False]])
        loss = correlation_loss(series(1.0, 2.0, 99.0), series(1.0, 2.0, -99.0), mask, floor=0.0)
        assert float(loss) == pytest.approx(0, abs=1e-6)

    def test_a_window_without_motion_asks_for_none(self):
        still = series(1.0, 1.0, 1.0)
        assert float(correlation_loss(still, still, ALL, floor=0.1)) == pytest.approx(0, abs=1e-6)
        assert math.isfinite(float(correlation_loss(still, still, ~ALL, floor=0.1)))

    def test_pulls_towards_the_truth(self):
        preds = series(0.0, 0.1, 0.0).requires_grad_()
        before = correlation_loss(preds, self.target, ALL, floor=0.1)
        before.backward()
        after = correlation_loss(preds.detach() - 0.1 * preds.grad, self.target, ALL, floor=0.1)
        assert float(after) < float(before.detach())


class TestClosure:
    TRUE = torch.tensor([[0.2, 0.2, 0.1, 0.0, 0.0, 0.0, 0.1, 0.2, 0.2, 0.2]])
    MASK = torch.ones(1, 10, dtype=torch.bool)

    def test_the_truth_costs_less_than_half_open_lips(self):
        half = torch.full_like(self.TRUE, 0.04)
        assert float(closure_loss(self.TRUE, self.TRUE, self.MASK)) < 0.4 * float(
            closure_loss(half, self.TRUE, self.MASK)
        )

    def test_closed_frames_count_as_much_as_open_ones(self):
        shut, ajar = torch.zeros_like(self.TRUE), torch.full_like(self.TRUE, 0.2)
        # Ten times the threshold open where closed, against closed by the threshold where open.
        assert float(closure_loss(ajar, self.TRUE, self.MASK)) > float(closure_loss(shut, self.TRUE, self.MASK)) > 0.5

    def test_a_frame_beside_a_closure_may_be_either(self):
        early = self.TRUE.clone()
        early[0, 2] = 0.0
        same = closure_loss(self.TRUE, self.TRUE, self.MASK)
        assert float(closure_loss(early, self.TRUE, self.MASK, tolerance=1)) == pytest.approx(float(same))
        assert float(closure_loss(early, self.TRUE, self.MASK, tolerance=0)) > float(same)

    def test_masked_frames_and_still_mouths_do_not_count(self):
        wrong = self.TRUE.clone()
        wrong[0, 4] = 9.0
        mask = self.MASK.clone()
        mask[0, 4] = False
        assert float(closure_loss(wrong, self.TRUE, mask)) == pytest.approx(
            float(closure_loss(self.TRUE, self.TRUE, mask))
        )
        assert float(closure_loss(wrong, torch.full_like(self.TRUE, 0.1), self.MASK)) == 0
        assert float(closure_loss(wrong, self.TRUE, torch.zeros_like(mask))) == 0

    def test_the_gradient_closes_what_is_ajar(self):
        preds = torch.full_like(self.TRUE, 0.05).requires_grad_()
        closure_loss(preds, self.TRUE, self.MASK).backward()
        assert bool((preds.grad[0, 3:6] > 0).all())
        assert bool((preds.grad[0, [0, 1, 7, 8, 9]] < 0).all())
