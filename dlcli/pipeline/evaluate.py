"""Stage 4, evaluation: loss and metrics of whole parts with the weights the run keeps."""

from collections.abc import Container, Mapping, Sequence
from math import isfinite
from typing import Any

from dlcli.engine.batch import Examples
from dlcli.engine.evaluation import Evaluator
from dlcli.engine.team import Team
from dlcli.engine.training import Recipe
from dlcli.errors import DivergedError
from dlcli.pipeline.design import Design


def results_of(
    evaluation: Evaluator,
    team: Team,
    design: Design,
    parts: Mapping[str, Examples],
    roles: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """For each role: `{split, rows, metrics: {loss, ...}}`, and of two classes `positive_class`,
    the one that precision, recall and f1 speak of.

    DivergedError where one of them is not finite: then no number of that part can be trusted.
    """
    results: dict[str, dict[str, Any]] = {
        role: {"split": role, "rows": len(parts[role]), "metrics": evaluation.run(team, role)}
        for role in roles
    }
    positive = positive_class(design.recipe, design.classes)
    for role, result in results.items():
        if positive is not None:
            result["positive_class"] = positive
        for name, value in result["metrics"].items():
            if isinstance(value, float) and not isfinite(value):
                raise DivergedError(
                    f"the {role} part gives the {name} {value}: its rows are far from those that "
                    "the network was trained on, or training was about to diverge. Check the data "
                    "and its scale (data.transforms), or lower optimizer.learning_rate"
                )
    return results


def positive_class(recipe: Recipe, classes: Sequence[str] | None) -> str | None:
    """The second of two classes; None where there are not two."""
    kind, count = recipe.metrics.learns
    if kind not in ("binary", "multiclass") or count != 2:
        return None
    return classes[1] if classes is not None and len(classes) == 2 else "1"


def class_names(recipe: Recipe, classes: Sequence[str] | None) -> tuple[str, ...]:
    """How the classes (or labels) are called, in order: numbers from 0 where they have no names;
    none for a regression."""
    kind, count = recipe.metrics.learns
    if kind == "regression":
        return ()
    return tuple(classes) if classes else tuple(map(str, range(count)))


def evaluated_roles(parts: Container[str]) -> list[str]:
    """The parts that stage 4 evaluates, the first of them for people."""
    return [role for role in ("test", "validation") if role in parts]


def judged_part(parts: Container[str]) -> str:
    """The part that says how good a run is, unless somebody asks for another."""
    return next(iter(evaluated_roles(parts)), "train")
