"""The page of the record that ``wct_study`` makes."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.universal_study import COLUMNS

PAGE = """\
# Whitening and colouring

SEE BELOW
"""


def page(record: dict[str, Any]) -> str:
    """The page of the record."""
    table = ["| painting | method | " + " | ".join(COLUMNS.values()) + " |", "| --- | --- |" + " ---: |" * len(COLUMNS)]
    for row in record["rows"]:
        cells = [f"{row[key]:.1f}" if key == "color_distance" else f"{row[key]:.3f}" for key in COLUMNS]
        table.append(f"| {row['painting']} | {row['model']} | " + " | ".join(cells) + " |")
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
        table="\n".join(table),
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
        [f"dB, {decoders['bits']} bits", *(f"{decoders['psnr'][tap]:.2f}" for tap in taps)],
    ]
    heads = ["decoder", *taps]
    lines = [heads, ["---", *["---:"] * len(taps)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
