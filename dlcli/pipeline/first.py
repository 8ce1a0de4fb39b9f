"""The first config for a file of data, whatever it holds."""

from pathlib import Path
from typing import Any

from dlcli.data.looking.arrays import ArraysLook, kind_of_arrays, look_at_arrays
from dlcli.data.looking.concluding import conclude, survey
from dlcli.data.looking.look import Look, Survey
from dlcli.data.looking.pictures import PicturesLook, look_at_pictures
from dlcli.errors import UsageError
from dlcli.frozen import frozen
from dlcli.pipeline.describe import options, pictures_document
from dlcli.pipeline.first_arrays_config import Pair, called, first_arrays_config
from dlcli.pipeline.first_config import first_config
from dlcli.pipeline.first_pictures_config import first_pictures_config


@frozen
class First:
    """text: of the YAML file. seen, look: of a table. arrays, pair: of arrays. pictures: of a
    folder of them."""

    text: str
    seen: Survey | None = None
    look: Look | None = None
    arrays: ArraysLook | None = None
    pair: Pair | None = None
    pictures: PicturesLook | None = None

    def document(self) -> dict[str, Any]:
        """What was concluded, for programs."""
        if self.pictures is not None:
            return {"task": "classes", **pictures_document(self.pictures)}
        if self.look is None or self.seen is None:
            assert self.pair is not None
            task = "classes" if self.pair.learns_classes else "regression"
            return {
                "features": self.pair.features.name,
                "target": self.pair.target.name,
                "task": task,
            }
        look = self.look
        return {
            "rows": look.rows,
            "target": look.target,
            "target_because": look.target_because,
            "task": look.task,
            "task_because": look.task_because,
            "source": dict(options(self.seen)),
            "features": [column.name for column in look.having("feature")],
            "ignored": {column.name: column.reason for column in look.having("ignored")},
            "findings": [finding.to_json() for finding in look.notes],
        }


def first(data: Path, target: str | None, file: Path) -> First:
    """The config for the data, to be written to `file`.

    UsageError where there is no such target, or nothing to learn it from; DataError for what is no
    data.
    """
    if data.is_dir():
        if target is not None:
            raise UsageError(f"{data} is a folder of pictures, whose classes are its subfolders")
        pictures = look_at_pictures(data)
        return First(first_pictures_config(pictures, file), pictures=pictures)
    kind = kind_of_arrays(data)
    if kind is None:
        seen = survey(data)
        look = conclude(seen, target)
        return First(first_config(look, file, called(data, file.parent)), seen, look)
    if target is not None:
        raise UsageError(f"{data} holds arrays and no columns, so there is no target to name")
    arrays = look_at_arrays(data, kind)
    text, pair = first_arrays_config(arrays, file)
    return First(text, arrays=arrays, pair=pair)
