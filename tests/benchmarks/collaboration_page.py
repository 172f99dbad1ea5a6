"""The page of the record that ``collaboration_study`` makes."""

from __future__ import annotations

from typing import Any

from export_pipeline.models.vgg import STAGES
from tests.benchmarks.universal_page import JUDGED

# The encoders of the study, in the order of the tables.
ENCODERS = {
    "vgg19": "VGG-19, the original",
    "distilled": "distilled, as it comes along",
    "embedding": "embedding alone",
    "collaborator": "collaborator alone",
    "both": "embedding and collaborator",
    "slimmed": "FP-slimmed",
}
# Table 2 of the paper, whitening: the rows of the distilled encoder and of FP-slimmed over that of the original.
PUBLISHED = {
    "wct": {
        "distilled, published": (1.10, 0.98, 1.14, 0.96, 0.84),
        "FP-slimmed, published": (1.72, 1.44, 1.76, 1.28, 1.01),
    },
    "adain": {},
}


def tables(encoders: dict[str, Any], method: str) -> dict[str, str]:
    """The tables of the pictures that *method* made: ``plain``, ``ratios`` and ``judged``."""
    means = {name: encoders[name]["means"][method] for name in ENCODERS}
    head = [f"| {' | '.join(['encoder and decoders', *STAGES])} |", "| --- |" + " ---: |" * len(STAGES)]
    plain, ratios = list(head), list(head)
    for name, title in ENCODERS.items():
        found, original = (means[one]["plain"] for one in (name, "vgg19"))
        plain.append(f"| {title} | " + " | ".join(f"{found[stage]:.4g}" for stage in STAGES) + " |")
        if name != "vgg19":
            ratios.append(f"| {title} | " + " | ".join(f"{found[s] / original[s]:.2f}" for s in STAGES) + " |")
    ratios += [
        f"| {name} | " + " | ".join(f"{one:.2f}" for one in found) + " |" for name, found in PUBLISHED[method].items()
    ]
    judged = [f"| encoder and decoders | {' | '.join(JUDGED.values())} |", "| --- |" + " ---: |" * len(JUDGED)]
    for name, title in ENCODERS.items():
        judged.append(f"| {title} | " + " | ".join(f"{means[name][column]:.3f}" for column in JUDGED) + " |")
    return {name: "\n".join(rows) for name, rows in (("plain", plain), ("ratios", ratios), ("judged", judged))}


def page(record: dict[str, Any]) -> str:
    """The page of the record."""
    encoders = record["encoders"]
    taps = list(encoders["vgg19"]["psnr"])
    rebuilt = [f"| {' | '.join(['decoders of', *taps])} |", "| --- |" + " ---: |" * len(taps)]
    for name, title in ENCODERS.items():
        rebuilt.append(f"| {title} | " + " | ".join(f"{encoders[name]['psnr'][tap]:.2f}" for tap in taps) + " |")
    optimized = ["| optimized on | evaluations | content | Gram | seconds a picture |", "| --- |" + " ---: |" * 4]
    optimized += [
        f"| {ENCODERS[found['network']]} | {found['evaluations']} | {found['content_distance']:.3f} | "
        f"{found['style_distance']:.3f} | {found['seconds']:.1f} |"
        for found in record["optimized"]
    ]
    steps = ", ".join(f"{tap} {count:,}" for tap, count in encoders["vgg19"]["decoder_steps"].items())
    large = record["large"]
    seconds = ["| encoder and decoders | seconds | most memory, MB |", "| --- | ---: | ---: |"]
    seconds += [
        f"| {ENCODERS[name]} | {found['seconds']:.0f} | {found['peak_bytes'] / 1e6:,.0f} |"
        for name, found in large.items()
    ]
    return PAGE.format(
        large=large["vgg19"]["side"],
        seconds="\n".join(seconds),
        faster=f"{large['vgg19']['seconds'] / large['distilled']['seconds']:.1f}",
        processor=record["machine"]["processor"],
        pairs=record["pairs"],
        side=record["side"],
        steps=record["steps"],
        decoder_steps=steps,
        **tables(encoders, "wct"),
        **{f"adain_{name}": table for name, table in tables(encoders, "adain").items()},
        rebuilt="\n".join(rebuilt),
        optimized="\n".join(optimized),
        said=SAID,
    )


SAID = """\
What it says: the collaborator is worth having. It takes what whitening paints nearer to the style at every layer than
the embedding alone, and its decoders rebuild photographs better by 0.3 to 0.8 dB. With both losses the ratios are at or
below the paper's at three layers of five. Of the distilled pairs the collaborator alone is best at the deeper layers.
With each channel alone all distilled pairs stay behind the original at most layers, by 15 % at most.

What the eye sees: the distilled pairs look alike and near to the original's, which swirls a little more and has more of
the painting's yellow and red. FP-slimmed has lost the colours.

1,200 crops are few: more may change how far apart the pairs are. It is not the decoders that hold the last pair back:
five times as many steps more, at the same rate, took what they rebuild from 37.47, 28.73, 24.05 and 20.14 dB to 40.17,
29.43, 24.34 and 20.74, and moved no ratio of whitening by more than 0.01. The decoders of FP-slimmed had as many steps
as the others, from a start that fits it worse, and would gain by more. The pair with both losses lies here,
`both.weights` and `both_decoders.weights`; `stylize --method wct` takes them as `--encoder` and `--decoders`.
"""
PAGE = """\
# Collaborative distillation

What the decoders of VGG-19 are worth to a narrow encoder (Wang et al., CVPR 2020). The distilled network that comes
along, a sixteenth of VGG-19's parameters, went on for {steps} steps of 4 crops with each loss: that of its features
embedded in VGG-19's, that of what VGG-19's decoders rebuild of them (the collaborator), and both. FP-slimmed has as
many filters and was trained without an embedding. Each encoder has decoders of its own, trained for as many steps as
the others'. `make collaborationstudy` makes this page.

## Table 2

`‖G(y) − G(s)‖₂`, here with `G = FᵀF / (H W C)`, of {pairs} pairs of {side}x{side} pixels, painted by whitening and
colouring from relu4_1 and judged by VGG-19. Photographs are held out; the three paintings are among the images that the
narrow encoders were distilled on.

{plain}

Over the original's, beside the paper's:

{ratios}

And as the reports of this project measure; smaller is better:

{judged}

With each channel's mean and variance alone (`--diagonal`, the map of AdaIN, with the same decoders, which no stylized
picture trained):

{adain_plain}

{adain_ratios}

{adain_judged}

![photograph, painting, and the pictures of each pair](sheet.jpg)

{said}

## Decoders

dB of held-out photographs rebuilt at 256x256, stored in 8 bits. Those of VGG-19 began as the decoders that come along,
widened without changing what they paint, and learned at a rate of 0.0007 for these numbers of steps: {decoder_steps}.
The others began as those that come along, and learned for as many at a rate of 0.001.

{rebuilt}

## Time

A picture of {large} pixels a side, from relu4_1, in a fresh process on one core of an {processor}, with one thread:

{seconds}

The distilled pair is {faster} times as fast. Pictures are made square by square, which bounds the memory at any size.
One was timed after the other, with other work on the machine.

## Optimization

Pictures by optimization (Gatys et al., 2016) of the same pairs, after so many evaluations of the losses; VGG-19 judges.
The networks took turns on one core, with other work on the machine.

{optimized}

200 evaluations of a narrow network come as near to the style as 60 of VGG-19 do in more time, and less near to the
photograph. `stylize --method gatys` makes 200 iterations unless told otherwise, each of one evaluation or two.
"""
