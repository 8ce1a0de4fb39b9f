"""What a network is made of, as HTML: the table of its layers, and the filters of its first."""

from dlcli.deploy.card_wording import MOST_LAYERS, number, shape_text
from dlcli.report.described import Filters, RunPage
from dlcli.report.markup import code, paragraph, table


def layers(run: RunPage) -> str:
    """Inputs, shapes, parameters and FLOPs."""
    if not run.layers:
        return ""
    rows = [
        [
            code(layer.name),
            code(layer.type),
            ", ".join(map(code, layer.reads)),
            shape_text(layer.shape),
            f"{layer.parameters:,}",
            f"{layer.flops:,}",
        ]
        for layer in run.layers[:MOST_LAYERS]
    ]
    rows.append(["total", "", "", "", f"{run.parameters:,}", f"{run.flops:,}"])
    header = ("layer", "type", "reads", "output", "parameters", "FLOPs of a row")
    more = ""
    if len(run.layers) > MOST_LAYERS:
        more = paragraph(f"The first {MOST_LAYERS} of {len(run.layers):,} layers are shown.")
    return table(header, rows, 2, kind="level") + more


def filters(found: Filters | None) -> str:
    """Each filter as a picture, black at its least weight and white at its largest."""
    if found is None or not found.values:
        return ""
    pictures = "\n".join(_picture(n, grid) for n, grid in enumerate(found.values, 1))
    told = f"The filters of {code(found.layer)}, each from its least weight to its largest."
    if len(found.values) < found.count:
        told += f" The first {len(found.values)} of {found.count:,} are shown."
    return f'<h3>First filters</h3>\n{paragraph(told)}\n<div class="filters">\n{pictures}\n</div>'


def _picture(place: int, grid: tuple[tuple[tuple[float, ...], ...], ...]) -> str:
    weights = [weight for row in grid for pixel in row for weight in pixel]
    low, high = min(weights), max(weights)
    cells = []
    for y, row in enumerate(grid):
        for x, pixel in enumerate(row):
            parts = [_byte(weight, low, high) for weight in pixel]
            color = "".join(f"{part:02x}" for part in (parts * 3 if len(parts) == 1 else parts))
            cells.append(f'<path fill="#{color}" d="M{x} {y}h1v1h-1z"/>')
    told = f"filter {place}: {number(low)} to {number(high)}"
    return (
        f'<svg viewBox="0 0 {len(grid[0])} {len(grid)}" role="img" shape-rendering="crispEdges">'
        f"<title>{told}</title>{''.join(cells)}</svg>"
    )


def _byte(weight: float, low: float, high: float) -> int:
    return round(255 * (weight - low) / (high - low)) if high > low else 128
