"""Recommendation, held against the formula of the format."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export_pipeline.emulator import CoreMLModel
from export_pipeline.errors import EmulatorError
from tests.emulator.kinds.specs import SEED, base, predicted

NAMES = ["tea", "milk", "jam", "rice", "salt"]


def _model(names: list[Any] | None) -> tuple[Any, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(SEED)
    similarity, adjustment = generator.random((5, 5)), generator.random(5)
    similarity[generator.random((5, 5)) < 0.3] = 0
    word = "string" if names and isinstance(names[0], str) else "int64"
    spec = base({"items": f"dictionary of {word}", "count": "int64", "only": f"list of {word}",
                 "without": f"list of {word}"},
                {"best": f"list of {word}", "scores": f"dictionary of {word}"})  # fmt: skip
    for feature in spec.description.input[1:]:
        feature.type.isOptional = True
    p = spec.itemSimilarityRecommender
    p.itemInputFeatureName, p.numRecommendationsInputFeatureName = "items", "count"
    p.itemRestrictionInputFeatureName, p.itemExclusionInputFeatureName = "only", "without"
    p.recommendedItemListOutputFeatureName, p.recommendedItemScoreOutputFeatureName = "best", "scores"
    if names:
        getattr(p, "itemStringIds" if word == "string" else "itemInt64Ids").vector.extend(names)
    for i in range(5):
        entry = p.itemItemSimilarities.add(itemId=i, itemScoreAdjustment=adjustment[i])
        for k in np.flatnonzero(similarity[i]):
            entry.similarItemList.add(itemId=int(k), similarityScore=similarity[i, k])
    return spec, similarity, adjustment


@pytest.mark.parametrize("names", [NAMES, [10, 20, 30, 40, 50], None], ids=["texts", "numbers", "places"])
def test_scores_are_those_of_the_formula(names: list[Any] | None) -> None:
    spec, similarity, adjustment = _model(names)
    called = names or list(range(5))
    given = {called[1]: 2.0, called[4]: 0.5}
    scores = [sum(similarity[i, k] * (s - adjustment[k]) for i, s in ((1, 2.0), (4, 0.5))) for k in range(5)]
    found = predicted(spec, {"items": given})
    wanted = sorted((k for k in range(5) if k not in (1, 4)), key=lambda k: -scores[k])
    assert found["best"] == [called[k] for k in wanted]
    assert found["scores"] == pytest.approx({called[k]: scores[k] for k in wanted})
    few = predicted(spec, {"items": given, "count": 2, "without": [called[wanted[0]]], "only": called[1:]})
    left = sorted((k for k in range(1, 5) if k != wanted[0]), key=lambda k: -scores[k])[:2]
    assert few["best"] == [called[k] for k in left]


def test_an_unknown_item_is_similar_to_none() -> None:
    spec, *_ = _model(NAMES)
    assert predicted(spec, {"items": {"ink": 1}}) == {"best": NAMES, "scores": dict.fromkeys(NAMES, 0.0)}


def test_what_is_wrong_is_said() -> None:
    spec, *_ = _model(NAMES)
    for data, message in (({"items": {"tea": "x"}}, "takes a dictionary of numbers"),
                          ({"items": {1: 1}}, "texts as keys"), ({"items": {}, "count": -1}, "is -1; allowed: 0"),
                          ({"items": {}, "only": "tea"}, "takes a list of texts")):  # fmt: skip
        with pytest.raises(EmulatorError, match=message):
            predicted(spec, data)
    p = spec.itemSimilarityRecommender
    p.itemItemSimilarities[0].similarItemList.add(itemId=1 << 60)
    with pytest.raises(EmulatorError, match=f"has item {1 << 60}, and names for 5"):
        CoreMLModel.from_spec(spec)
    p.itemStringIds.ClearField("vector")
    with pytest.raises(EmulatorError, match="without the items before it"):
        CoreMLModel.from_spec(spec)
