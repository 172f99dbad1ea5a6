"""Recommendation by similarity of items. Source: ItemSimilarityRecommender.proto."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import EmulatorError
from ..registry import kind
from .call import Kind
from .categories import keyed


def _items(model: Kind) -> list[Any]:
    """What the items are called, by their numbers."""
    p = model.params
    entries = [(int(entry.itemId), [int(other.itemId) for other in entry.similarItemList])
               for entry in p.itemItemSimilarities]  # fmt: skip
    most = max((number for own, others in entries for number in (own, *others)), default=-1)
    texts, numbers = list(p.itemStringIds.vector), [int(number) for number in p.itemInt64Ids.vector]
    if texts and numbers:
        raise model.wrong("calls its items by texts and by numbers")
    names = texts or numbers
    if len(set(names)) != len(names):
        raise model.wrong("has the name of an item twice")
    if len({own for own, _ in entries}) != len(entries):
        raise model.wrong("has the similarities of an item twice")
    if names and most >= len(names):
        raise model.wrong(f"has item {most}, and names for {len(names)}")
    if not names and most >= 2 * len(entries) + sum(len(others) for _, others in entries):
        raise model.wrong(f"has item {most} without the items before it")
    return names or list(range(most + 1))


@kind("itemSimilarityRecommender")
def recommender(model: Kind) -> Any:
    """The items k with the greatest ``sum over observed i of similarity(k, i) * (score_i - adjustment_k)``.

    Observed items are left out unless an input says what to leave out. An observed item that the model does not know
    is similar to none. Of equal scores the item with the smaller number comes first.
    """
    p, items = model.params, _items(model)
    places = {item: number for number, item in enumerate(items)}
    similar = {int(e.itemId): [(int(o.itemId), o.similarityScore) for o in e.similarItemList]
               for e in p.itemItemSimilarities}  # fmt: skip
    adjustment = {int(e.itemId): e.itemScoreAdjustment for e in p.itemItemSimilarities}
    observed = model.declares(p.itemInputFeatureName)
    optional = (
        p.numRecommendationsInputFeatureName, p.itemRestrictionInputFeatureName, p.itemExclusionInputFeatureName
    )  # fmt: skip
    count, only, without = (model.declares(name) if name else "" for name in optional)
    listed, scored = p.recommendedItemListOutputFeatureName, p.recommendedItemScoreOutputFeatureName
    for name in filter(None, (listed, scored)):
        model.declares(name, "output")
    if not listed and not scored:
        raise model.wrong("names no output")
    if model.type_of(observed) != "dictionaryType":
        raise model.wrong(f"takes items and scores from {observed!r}, which is no dictionary")

    def known(names: Iterable[Any]) -> set[int]:
        return {places[name] for name in names if name in places}

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        given = keyed(model, observed, model.given(values, observed))
        totals = dict.fromkeys(range(len(items)), 0.0)
        for name, score in given.items():
            for other, similarity in similar.get(places.get(name, -1), ()):
                totals[other] += similarity * (score - adjustment.get(other, 0.0))
        left_out = known(values[without]) if without in values else known(given)
        allowed = known(values[only]) if only in values else set(totals)
        ranked = sorted(allowed - left_out, key=lambda number: (-totals[number], number))
        wanted = values.get(count, len(ranked))
        if wanted < 0:
            raise EmulatorError(f"input {count!r} of {model.source.label} is {wanted}; allowed: 0 and more")
        chosen = ranked[: int(wanted)]
        found: dict[str, Any] = {}
        if listed:
            found |= model.made(listed, [items[number] for number in chosen])
        if scored:
            found |= model.made(scored, {items[number]: totals[number] for number in chosen})
        return found

    return run
