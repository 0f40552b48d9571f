"""Against implementations that others wrote."""

import numpy as np
import torch
from pycocotools import mask as mask_tools  # noqa: F401  # the compiled part must be there, not only the wrapper
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.functional.multimodal import lip_vertex_error

import kp_metrics as kpm
from kp_metrics.primitives.ibug68 import MOUTH


def coco_oks(preds, target, mask, area):
    """OKS of each prediction with its object, by COCOeval.computeOks, an object an image."""
    ground, found = COCO(), COCO()
    numbers = range(len(target))
    common = {"images": [{"id": n} for n in numbers], "categories": [{"id": 1, "name": "person"}]}
    flat = torch.cat([target, mask.unsqueeze(-1) * 2.0], -1).flatten(1).tolist()
    ground.dataset = common | {
        "annotations": [
            {"id": n + 1, "image_id": n, "category_id": 1, "keypoints": flat[n], "area": area[n].item(), "iscrowd": 0}
            | {"num_keypoints": int(mask[n].sum()), "bbox": [0, 0, 1, 1]}
            for n in numbers
        ]
    }
    ours = torch.cat([preds, torch.ones_like(preds[..., :1])], -1).flatten(1).tolist()
    found.dataset = common | {
        "annotations": [
            {"id": n + 1, "image_id": n, "category_id": 1, "keypoints": ours[n], "score": 1.0, "area": 1.0}
            for n in numbers
        ]
    }
    for api in (ground, found):
        api.createIndex()
    evaluation = COCOeval(ground, found, "keypoints")
    evaluation._prepare()
    return np.array([evaluation.computeOks(n, 1)[0, 0] for n in numbers])


def test_oks_agrees_with_pycocotools(capsys):
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(50, 17, 2, generator=generator) * 200
    preds = target + torch.randn(50, 17, 2, generator=generator) * 10
    mask = torch.rand(50, 17, generator=generator) > 0.3
    area = torch.rand(50, generator=generator) * 20_000 + 100
    expected = coco_oks(preds, target, mask, area)
    ours = kpm.oks(preds[:, None], target[:, None], area=area, mask=mask[:, None], reduction="none")[:, 0]
    assert 0 < expected.min() < 0.5 < expected.max() <= 1
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-6)


def test_lve_agrees_with_torchmetrics(make_pair):
    preds, target, _ = make_pair(sequences=1, frames=30, dimensions=3)
    expected = lip_vertex_error(preds[0], target[0], list(MOUTH))
    assert torch.allclose(kpm.lve(preds, target, squared=True), expected)
