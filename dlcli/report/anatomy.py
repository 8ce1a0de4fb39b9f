"""What a network is made of, as HTML: the table of its layers, and the filters of its first."""

from dlcli.deploy.card_wording import MOST_LAYERS, number, shape_text
from dlcli.report.described import Filters, Grid, RunPage
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
    if found.cut:
        told += f" {found.cut}"
    return f'<h3>First filters</h3>\n{paragraph(told)}\n<div class="filters">\n{pictures}\n</div>'


def _picture(place: int, grid: Grid) -> str:
    cells = []
    for y, row in enumerate(brightness(grid)):
        for x, parts in enumerate(row):
            color = "".join(f"{part:02x}" for part in (parts * 3 if len(parts) == 1 else parts))
            cells.append(f'<path fill="#{color}" d="M{x} {y}h1v1h-1z"/>')
    low, high = ends_of(grid)
    told = f"filter {place}: {number(low)} to {number(high)}"
    return (
        f'<svg viewBox="0 0 {len(grid[0])} {len(grid)}" role="img" shape-rendering="crispEdges">'
        f"<title>{told}</title>{''.join(cells)}</svg>"
    )


def ends_of(grid: Grid) -> tuple[float, float]:
    """The least and the largest weight of a filter."""
    weights = [weight for row in grid for pixel in row for weight in pixel]
    return min(weights), max(weights)


def brightness(grid: Grid) -> list[list[tuple[int, ...]]]:
    """A filter as a picture: each weight from 0, the least, to 255, the largest.

    >>> brightness((((-1.0,), (0.0,), (1.0,)),))
    [[(0,), (128,), (255,)]]
    """
    low, high = ends_of(grid)
    if not high > low:
        return [[(128,) * len(pixel) for pixel in row] for row in grid]
    return [
        [tuple(round(255 * (weight - low) / (high - low)) for weight in pixel) for pixel in row]
        for row in grid
    ]
