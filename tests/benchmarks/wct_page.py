"""The page of the record that ``wct_study`` makes."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.beside import shares_table
from tests.benchmarks.universal_page import JUDGED, distance_table

PUBLISHED = "adain, published"
BESIDE = ("wct", "wct, strength 0.6", "adain")

PAGE = """\
# Whitening and colouring

`export-pipeline stylize PHOTO --method wct --style PAINTING` beside `--method adain` and the published network
(MicroAST, Wang et al., AAAI 2023). Paintings and photographs are held out; the decoders saw no painting at all. `make
wctstudy` makes this page. VGG-19, the original, judges.

Means over {photographs} photographs of 480x640 pixels; smaller is better. The photograph as it is stands first; `wct`
begins at relu4_1 with the style in full.

{table}

![style, then adain and wct for three photographs](sheet.jpg)

What the eye sees: `wct` has the colours of the painting, short curved strokes like its own nearly everywhere, sharp
edges and no frame; adain is duller, with shorter strokes, and keeps more of the photograph. The strokes of `wct` are
small: the large swirls of *Starry Night* do not come, of the facets of *Udnie* only soft patches with white rims, and
an even sky stays gray with a fine hatch. Faces can be recognised but are not flattering: eyes and mouths become dark
lines. A strength of 0.6 leaves them calmer. From relu5_1 the photograph is hardly to be recognised. Of the 128
filters of the distilled network there 84 never fired on eight photographs, and what the decoder rebuilds of one is no
nearer to it than its mean colour. So relu5_1 is there, fails its test, and is not the default.

By how many percent each is nearer than the published network; below zero it is farther. `adain` is the network of any
style here.

{beside}

## Decoders

Trained to rebuild photographs, each from the one before it; dB of held-out photographs rebuilt at 256x256.

{rebuilt}

## Size and cost

Five encoders, each up to its layer, and their five decoders, as Wang et al. (CVPR 2020) count them, who published
15.5 times fewer parameters, 12.8 times fewer bytes and 15.4 times fewer operations.

{cost}

All five stages need one encoder, of 8 bits without its embeddings, and five decoders, of 6 bits and the last of 3,
together {bytes} bytes: one of {share} of the original's in float32. (The paper's take 5.2 MB, also in float32.)
Whether this pair paints as well as the original one, as the paper's Table 2 asks, is
[a study of its own](../collaboration/README.md).

A picture of {side}x{side} pixels took {seconds} s on one core of an {processor}, with one thread,
and at most {peak} MB; {before} MB of that are TensorFlow and a small picture before. Squares and the picture at once
agree to 50 dB or better, which `tests/universal/test_wct_released.py` holds at 1024x1024.
"""


def page(record: dict[str, Any]) -> str:
    """The page of the record."""
    side = record["large"]["side"]
    original, small = record["counts"]["VGG-19"], record["counts"]["distilled"]

    def line(title: str, key: str, unit: float = 1, digits: int = 0) -> str:
        one, other = (f"{part[key] / unit:,.{digits}f}" for part in (original, small))
        return f"| {title} | {one} | {other} | {original[key] / small[key]:.1f}x |"

    cost = [
        "| all five stages | VGG-19 | distilled | ratio |",
        "| --- | ---: | ---: | ---: |",
        line("parameters", "parameters"),
        line("bytes, float32", "float_bytes"),
        line(f"multiply-accumulates at {side}x{side}, 10⁹", "multiply_accumulates", 1e9, 1),
    ]
    return PAGE.format(
        photographs=record["photographs"],
        table=distance_table(record["rows"], "method"),
        beside=shares_table(record["rows"], JUDGED, BESIDE, PUBLISHED, "method"),
        processor=record["machine"]["processor"],
        rebuilt=_rebuilt(record["decoders"]),
        cost="\n".join(cost),
        bytes=f"{small['bytes']:,}",
        share=f"{original['float_bytes'] / small['bytes']:.0f}",
        side=side,
        seconds=f"{record['large']['seconds']:.0f}",
        peak=f"{record['large']['peak_bytes'] / 1e6:,.0f}",
        before=f"{record['large']['bytes_before'] / 1e6:,.0f}",
    )


def _rebuilt(decoders: dict[str, Any]) -> str:
    taps = list(decoders["psnr"])
    rows = [
        ["steps", *(f"{sum(p['steps'] for p in decoders['training']['phases'][tap]):,}" for tap in taps)],
        ["parameters", *(f"{decoders['parameters'][tap]:,}" for tap in taps)],
        ["dB, float", *(f"{decoders['float_psnr'][tap]:.2f}" for tap in taps)],
        ["bits", *(str(decoders["bits_of"].get(tap, decoders["bits"])) for tap in taps)],
        ["dB, stored", *(f"{decoders['psnr'][tap]:.2f}" for tap in taps)],
    ]
    heads = ["decoder", *taps]
    lines = [heads, ["---", *["---:"] * len(taps)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
