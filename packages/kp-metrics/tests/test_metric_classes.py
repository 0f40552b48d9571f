"""The classes: batching, collections, copies, devices, refusals."""

import copy
import pickle

import pytest
import torch
from torchmetrics import Metric, MetricCollection

import kp_metrics as kpm
from kp_metrics import functional, metrics

AUDIO_CLASSES = (metrics.BeatAlign, metrics.SilenceOpening, metrics.SLCC)
CLASSES = [
    candidate
    for name in metrics.__all__
    if (candidate := getattr(metrics, name)) not in (metrics.FunctionMetric, metrics.KeypointMetric, metrics.PairMetric)
]
FUNCTION_OF = {
    "OKS": "oks", "PCK": "pck", "PCKAUC": "pck_auc", "NME": "nme", "LMD": "lmd", "LVE": "lve", "MPJPE": "mpjpe",
    "PAMPJPE": "pa_mpjpe", "MTM": "mtm", "SLCC": "slcc", "KeypointL1": "keypoint_l1", "ClosureF1": "closure_f1",
    "VelocityL1": "velocity_l1",
}  # fmt: skip


def function_of(cls):
    name = cls.__name__
    return FUNCTION_OF.get(name) or "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def build(cls):
    return cls(sigmas=(0.05,) * 68) if cls is metrics.OKS else cls()


def inputs(cls, make_pair, device="cpu"):
    """Keyword inputs of a whole set of eight sequences."""
    preds, target, mask = make_pair(sequences=8, frames=30, scattered=False)
    generator = torch.Generator().manual_seed(1)
    loud = torch.arange(30 * 640).div(2500).sin().gt(0) * torch.rand(8, 1, generator=generator)
    given = {"preds": preds, "target": target, "mask": mask}
    if cls is metrics.Diversity:
        given = {"samples": torch.stack([preds, target]), "mask": mask}
    if cls in AUDIO_CLASSES:
        given["audio"] = loud * torch.randn(8, 30 * 640, generator=generator)
    if cls is metrics.OKS:
        given["area"] = torch.full((8, 30), 900.0)
    return {name: value.to(device) for name, value in given.items()}


def part(given, rows):
    return {name: value[:, rows] if name == "samples" else value[rows] for name, value in given.items()}


def test_every_function_has_its_class():
    assert {function_of(cls) for cls in CLASSES} <= set(functional.__all__)
    assert {info.function_name for info in kpm.CATALOGUE} == {function_of(cls) for cls in CLASSES}


@pytest.mark.parametrize("cls", CLASSES)
def test_batching_never_matters_and_the_function_agrees(cls, make_pair):
    given = inputs(cls, make_pair)
    results = []
    for sizes in ([8], [1] * 8, [3, 5]):
        metric = build(cls)
        start = 0
        for size in sizes:
            metric.update(**part(given, slice(start, start + size)))
            start += size
        results.append(metric.compute())
    options = {"sigmas": (0.05,) * 68} if cls is metrics.OKS else {}
    if function_of(cls) == "mouth_opening":
        options["reduction"] = "mean"
    expected = getattr(functional, function_of(cls))(**given, **options)
    assert not expected.isnan()
    for result in results:
        assert torch.allclose(result, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cls", CLASSES)
def test_reset_forward_copy_and_pickle(cls, make_pair):
    given = inputs(cls, make_pair)
    metric = build(cls)
    first = metric(**part(given, slice(0, 4)))
    metric.update(**part(given, slice(4, 8)))
    whole = metric.compute()
    for twin in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert torch.equal(twin.compute(), whole)
    metric.reset()
    metric.update(**part(given, slice(0, 4)))
    assert torch.allclose(metric.compute(), first, equal_nan=True)
    assert cls.__name__ in repr(metric)
    assert metric.higher_is_better in (True, False, None)


@pytest.mark.parametrize("cls", [c for c in CLASSES if c not in AUDIO_CLASSES])
def test_update_never_waits_for_the_device(cls, make_pair):
    # Tensors of the meta device have no values: whatever would read one, as .item() and bool() do, raises.
    metric = build(cls).to("meta")
    metric.update(**inputs(cls, make_pair, device="meta"))
    assert all(value.device.type == "meta" for value in metric.metric_state.values())


@pytest.mark.parametrize("cls", CLASSES)
def test_non_finite_points_are_refused_at_compute(cls, make_pair):
    given = inputs(cls, make_pair)
    for key in ("preds", "samples"):
        if key in given:
            given[key] = given[key].clone()
            given[key][0, ..., :] = torch.inf
    metric = build(cls)
    metric.update(**given)
    with pytest.raises(ValueError, match=f"expected finite coordinates.*{cls.__name__}"):
        metric.compute()


@pytest.mark.parametrize("cls", CLASSES)
def test_masked_junk_is_welcome_and_all_masked_is_nan(cls, make_pair):
    given = inputs(cls, make_pair)
    given["mask"] = torch.zeros_like(given["mask"])
    for key in ("preds", "samples"):
        if key in given:
            given[key] = torch.full_like(given[key], torch.nan)
    metric = build(cls)
    metric.update(**given)
    assert metric.compute().isnan()


def test_collection_keeps_metrics_apart_that_agree_at_first(make_pair):
    preds, target, _ = make_pair()
    collection = MetricCollection(
        {
            "tight": metrics.PCK(alpha=0.0005),
            "loose": metrics.PCK(alpha=0.5),
            "nme": metrics.NME(),
            "l1": metrics.KeypointL1(),
        }
    )
    collection.update(target, target)  # all perfect: their sums are equal here
    collection.update(preds, target)
    values = collection.compute()
    assert values["tight"] < 0.6
    assert values["loose"] == 1
    both = torch.cat([target, preds]), torch.cat([target, target])
    assert values["nme"] == pytest.approx(kpm.nme(*both).item())
    assert values["l1"] == pytest.approx(kpm.keypoint_l1(*both).item())


def test_one_collection_takes_everything(make_pair):
    given = inputs(metrics.SilenceOpening, make_pair)
    collection = MetricCollection([build(cls) for cls in CLASSES if cls not in (metrics.Diversity, metrics.OKS)])
    collection.update(given["preds"], given["target"], mask=given["mask"], audio=given["audio"])
    values = collection.compute()
    assert len(values) == len(CLASSES) - 2
    assert not any(value.isnan() for value in values.values())


def test_pck_by_keypoint_over_batches(make_pair):
    preds, target, mask = make_pair(sequences=6)
    mask[:3, :, 20:] = False
    options = {**kpm.PCK_CONVENTIONS["mmpose"], "drop": (27,)}
    metric = metrics.PCK(num_keypoints=68, **options)
    for rows in (slice(0, 2), slice(2, 6)):
        metric.update(preds[rows], target[rows], mask[rows])
    assert metric.compute().item() == pytest.approx(kpm.pck(preds, target, mask=mask, **options).item())
    with pytest.raises(ValueError, match="expected 67 keypoints"):
        metric.update(preds[..., :40, :], target[..., :40, :])


def test_sums_do_not_drown():
    metric = metrics.KeypointL1()
    points = torch.full((1000, 1, 100, 1), 0.1)
    for _ in range(200):
        metric.update(points, torch.zeros_like(points))
    # 20 million values: a float32 sum or count would have stopped growing or drifted.
    assert metric.compute().item() == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize("build_wrong", [
    lambda: metrics.PCK(alhpa=0.1), lambda: metrics.NME(normaliser="head"), lambda: metrics.MTM(fpss=3),
])  # fmt: skip
def test_unknown_options_name_the_nearest(build_wrong):
    with pytest.raises(ValueError, match=r"did you mean '(alpha|normalizer|fps)'\?"):
        build_wrong()


def test_slcc_wants_groups_always_or_never(make_pair):
    given = inputs(metrics.SLCC, make_pair)
    metric = metrics.SLCC()
    metric.update(**given, groups=torch.arange(8) // 4)
    assert -1 <= metric.compute() <= 1
    with pytest.raises(ValueError, match="groups in every update"):
        metric.update(**given)


def test_classes_are_torchmetrics():
    assert all(issubclass(cls, Metric) for cls in CLASSES)
