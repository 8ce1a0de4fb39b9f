"""`dlcli export`: write a trained network in another format, prove it, and list it in its run.

A format is made and proved in the system's temporary directory. Only what was proved is brought to
its place, byte by byte; so a format that does not give the engine's answers leaves no trace.

The manifest is the commit point. Files that it does not list yet are put in place first, each
atomically. Where other bytes are listed under these names (another version of dlcli or of a library
wrote them), they are taken off the list before the first of them changes; those that have no
successor are noted in environment.json before. A kill in between leaves files that nobody lists:
`verify` names them and says to export again, which puts things right; every other command does not
look at them. How a format was proved is noted in environment.json at last.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlcli.artifacts import documents, files
from dlcli.artifacts.manifest import (
    SCHEMA,
    FileRecord,
    Manifest,
    is_as_recorded,
    record_files,
    write_manifest,
)
from dlcli.artifacts.plain_tensors import TENSOR_LIMIT
from dlcli.artifacts.reading import read_pieces
from dlcli.artifacts.run_directory import DEPLOY, MANIFEST, MODEL, RunDirectory, is_many
from dlcli.artifacts.tensors import decode_tensors, read_tensors
from dlcli.deploy.bundle import Bundle, open_bundle
from dlcli.deploy.exporter import Proof
from dlcli.deploy.golden import GOLDEN, fault, golden_rows
from dlcli.deploy.places import DOCUMENT, Place, place_of, read_document
from dlcli.engine.layer import Array
from dlcli.errors import ArtifactError, NotComparableError, StorageError, UsageError
from dlcli.frozen import frozen
from dlcli.numerics import numerics_class
from dlcli.pipeline import provenance
from dlcli.pipeline.deploy import answered, golden_rows_of, kind_of, tell_of_proof, why_not
from dlcli.pipeline.deploy import write_format as write_and_prove
from dlcli.pipeline.finished import Opened, load_bundle, open_complete
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.provenance import Environment


@frozen
class Exported:
    """A format that was written: its folder, all its files, and how it was proved."""

    kind: str
    folder: Path
    files: tuple[Path, ...]
    proof: Proof

    @property
    def size(self) -> int:
        """Bytes of the files in its folder."""
        inside = [path for path in self.files if path.is_relative_to(self.folder)]
        return sum(path.stat().st_size for path in inside)

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "format": self.kind,
            "folder": str(self.folder),
            "files": [str(path) for path in self.files],
            "size": self.size,
            **self.proof.to_json(),
        }


def export(
    path: Path,
    kinds: Sequence[str],
    output: Path | None,
    data_dir: Path | None,
    reporter: Reporter,
    *,
    is_run: bool = True,
) -> Iterator[Exported]:
    """Write each format; whatever one of them cannot hold is found before the first is written.

    path: a finished run; or a bundle, where it is not a run. output: a folder to write into, which
    leaves the run as it is; a bundle needs it. data_dir: see Opened.job.

    UsageError where a format cannot be written, ExportError where one does not give the engine's
    answers: those before it are written by then.
    """
    if not is_run:
        if output is None:
            raise UsageError(f"{path} is a bundle: name a folder to export into, --output DIR")
        yield from _from_bundle(path, kinds, output, reporter)
        return
    directory = RunDirectory.open(path)
    if output is None:
        with directory.lock():
            yield from _into_run(directory, kinds, data_dir, reporter)
        return
    target = _target(output, directory.root)
    bundle, golden, _ = _opened(directory, kinds, data_dir, reporter)
    yield from _into_folder(bundle, golden, kinds, target, directory.root, reporter)


def _into_run(
    directory: RunDirectory, kinds: Sequence[str], data_dir: Path | None, reporter: Reporter
) -> Iterator[Exported]:
    """Write into `deploy/`, whose lock is held."""
    if not os.access(directory.root, os.W_OK):
        raise StorageError(
            f"nothing can be written into {directory.root}; --output DIR exports to another place",
            file=directory.root,
        )
    _, manifest = open_complete(directory.root)
    _require_writable(directory, manifest)
    directory.remove_strays()
    bundle, golden, manifest = _opened(directory, kinds, data_dir, reporter)
    for kind in kinds:
        with files.temporary_directory() as place:
            made = RunDirectory(place)
            names, proof = write_and_prove(bundle, made, kind, golden, thoroughly=True)
            manifest = _listed(directory, manifest, made, kind, names, reporter)
        environment = Environment.read(directory)
        environment.exported(kind, proof)
        environment.write(directory)
        provenance.log(directory, f"exported {kind}: {proof.describe()}")
        listed = tuple(directory.path(name) for name in sorted(names))
        told = Exported(kind, directory.path(f"{DEPLOY}/{kind}"), listed, proof)
        tell_of_proof(kind, proof, str(directory.root), reporter, told.size)
        yield told


def _require_writable(directory: RunDirectory, manifest: Manifest) -> None:
    """A run that this version and this process can add files to as if training had."""
    if is_many(directory.root.parent):
        raise UsageError(
            f"{directory.root} is one of several runs, and their summary.json holds the digest of "
            "its manifest, so it stays as it is: --output DIR exports to another place",
            file=directory.root,
        )
    if manifest.schema != SCHEMA:
        raise UsageError(
            f"{directory.root} was made by an earlier version of dlcli (schema {manifest.schema} "
            f"of the manifest, here it is {SCHEMA}), so it stays as it is: --output DIR exports to "
            "another place",
            file=directory.path(MANIFEST),
        )
    if numerics_class() != manifest.numerics_class:
        raise NotComparableError(
            f"the run was trained in the numerics class {manifest.numerics_class}, this process "
            f"computes in {numerics_class()}, and all golden batches of a run have the same bits. "
            "Export it on a machine of the first class, or to another place: --output DIR"
        )


def _listed(
    directory: RunDirectory,
    manifest: Manifest,
    made: RunDirectory,
    kind: str,
    names: Iterable[str],
    reporter: Reporter,
) -> Manifest:
    """Bring the files of a format that was proved into the run; returns its manifest."""
    records = record_files(made, names)
    before = {name: record for name, record in manifest.files.items() if kind_of(name) == kind}
    others = {name: record for name, record in manifest.files.items() if name not in before}
    gone = _without_use(directory, manifest, kind) - records.keys()
    if before and before != records:
        reporter.note(
            f"{kind}: other files are listed, of another version of dlcli or of a library; they "
            "are replaced"
        )
        if gone:
            environment = Environment.read(directory)
            environment.replace(gone)
            environment.write(directory)
        write_manifest(directory, replace(manifest, files=others))
    for name in gone:
        files.remove(directory.path(name))
    _bring(made, records, directory, "")
    manifest = replace(manifest, files={**others, **records})
    if before != records:
        write_manifest(directory, manifest)
    return manifest


def _without_use(directory: RunDirectory, manifest: Manifest, kind: str) -> set[str]:
    """The files of a format that are there from before: those that are listed, and those that an
    interrupted export took off the list. What somebody else has put there is not among them."""
    before = {*manifest.files, *Environment.read(directory).replaced}
    return {name for name, _ in directory.entries() if name in before and kind_of(name) == kind}


def _bring(
    made: RunDirectory, records: Mapping[str, FileRecord], target: RunDirectory, without: str
) -> list[Path]:
    """Copy files that are not there yet; returns where all of them lie.

    without: what their names begin with here, but not there.
    """
    places = []
    for name, record in records.items():
        own = name.removeprefix(without)
        if not is_as_recorded(target, own, record):
            documents.write_bytes(target, own, read_pieces(made.path(name), record.size))
        places.append(target.path(own))
    return places


def _into_folder(
    bundle: Bundle,
    golden: Mapping[str, Array],
    kinds: Sequence[str],
    target: Path,
    source: Path,
    reporter: Reporter,
) -> Iterator[Exported]:
    """Write into a folder that is no run."""
    files.make_directory(target)
    for kind in kinds:
        with files.temporary_directory() as place:
            made = RunDirectory(place)
            names, proof = write_and_prove(bundle, made, kind, golden, thoroughly=True)
            records = record_files(made, names)
            listed = _bring(made, records, RunDirectory(target), f"{DEPLOY}/")
        told = Exported(kind, target / kind, tuple(listed), proof)
        tell_of_proof(kind, proof, f"{source} --output {target}", reporter, told.size)
        yield told


def _target(output: Path, source: Path) -> Path:
    """The folder to write into, absolute; UsageError for one that must not be."""
    with files.storage("look at", output):
        target = output.resolve()
    if target.exists() and not target.is_dir():
        raise UsageError(f"--output {output} is a file; name a folder", file=output)
    if source in (target, *target.parents):
        raise UsageError(
            f"--output {output} lies in {source} itself, and what is exported from there must not "
            "change it; name another folder",
            file=output,
        )
    for folder in (target, *target.parents):
        if (folder / MANIFEST).exists():
            raise UsageError(
                f"--output {output} lies in the run {folder}, whose manifest would not know of it; "
                "export from that run itself, or name another folder",
                file=output,
            )
    return target


def _opened(
    directory: RunDirectory, kinds: Sequence[str], data_dir: Path | None, reporter: Reporter
) -> tuple[Bundle, dict[str, Array], Manifest]:
    """The network of a finished run, its golden batch, and the manifest."""
    _, manifest = open_complete(directory.root)
    bundle = load_bundle(directory, manifest, MODEL)
    _require_all(bundle, kinds)
    if numerics_class() != manifest.numerics_class:
        reporter.note(
            f"this process computes in the class {numerics_class()}, the run was trained in "
            f"{manifest.numerics_class}: the golden batch has the answers of this one"
        )
    rows = _recorded_rows(directory, manifest, bundle)
    if rows is None:
        job = Opened.at(directory.root).job(data_dir, reporter)
        rows = golden_rows_of(job.prepared)
    return bundle, answered(bundle, rows), manifest


def _recorded_rows(
    directory: RunDirectory, manifest: Manifest, bundle: Bundle
) -> dict[str, Array] | None:
    """The rows of a golden batch of the run; None where there is none that is intact."""
    for name, record in sorted(manifest.files.items()):
        is_golden = kind_of(name) is not None and name.endswith(f"/{GOLDEN}")
        if is_golden and is_as_recorded(directory, name, record):
            path = directory.path(name)
            recorded = read_tensors(path).arrays
            wrong = fault(bundle, recorded, manifest.numerics_class)
            if wrong is not None:
                raise ArtifactError(
                    f"{directory.path(MODEL)} {wrong} ({path}): one of them was edited. Restore it "
                    "from a copy, or train again",
                    file=path,
                )
            return golden_rows(recorded, bundle)
    return None


def _require_all(bundle: Bundle, kinds: Sequence[str]) -> None:
    """UsageError where a format cannot be written of this network here."""
    for kind in kinds:
        why = why_not(kind, bundle)
        if why is not None:
            raise UsageError(f"--format {kind}: {why}")


def _from_bundle(
    path: Path, kinds: Sequence[str], output: Path, reporter: Reporter
) -> Iterator[Exported]:
    """Write what a bundle that has left its run holds."""
    source = path.resolve()
    target = _target(output, source)
    bundle, place = open_bundle(path), place_of(path)
    _require_all(bundle, kinds)
    rows = _rows_beside(bundle, place, path)
    yield from _into_folder(bundle, answered(bundle, rows), kinds, target, source, reporter)


def _rows_beside(bundle: Bundle, place: Place, path: Path) -> dict[str, Array]:
    """The golden rows of a bundle: in it, or in the folder beside bundle.pyz."""
    if not place.has(GOLDEN):
        beside = path.with_suffix("")
        if not path.is_file() or not beside.is_dir() or not place_of(beside).has(GOLDEN):
            where = path / GOLDEN if path.is_dir() else path.with_suffix("") / GOLDEN
            raise UsageError(
                f"{where} is missing: what is exported is tried by the rows in it. Copy it there "
                "from the run, or export from the run itself",
                file=where,
            )
        place = place_of(beside)
    recorded = decode_tensors(place.read(GOLDEN, TENSOR_LIMIT), place.where(GOLDEN)).arrays
    told = place_of(path)
    computed_in = read_document(told, DOCUMENT) if told.has(DOCUMENT) else {}
    wrong = fault(bundle, recorded, computed_in.get("numerics_class"))
    if wrong is not None:
        raise ArtifactError(f"{path} {wrong} ({place.where(GOLDEN)})", file=place.where(GOLDEN))
    return golden_rows(recorded, bundle)
