"""The job: what a command computes with, from the data to the answers, and who does it.

Stages 1 and 2 make it, and it lives until the command ends: prepared data, model, loss, optimizer,
metrics, the training where there is one, and one team of workers for all that is left to do. Train,
resume, evaluate, reproduce, deploy and validate differ in what they ask of it, and in what they
write down. What predicts is a part of it that leaves the house: a bundle (see deploy/bundle.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dlcli import builder
from dlcli.artifacts.digests import digest_document, digest_tensors
from dlcli.artifacts.run_directory import RunDirectory
from dlcli.config import LoadedConfig
from dlcli.data.audit import Finding
from dlcli.data.digests import digest_classes
from dlcli.data.places import Places
from dlcli.engine.batch import Examples
from dlcli.engine.evaluation import Evaluator
from dlcli.engine.layer import Array
from dlcli.engine.memory import shared_zeros
from dlcli.engine.metrics import Subjects
from dlcli.engine.team import Team
from dlcli.engine.witness import Witness
from dlcli.pipeline import answer_curves, audit, deploy, design, evaluate, prepare
from dlcli.pipeline.deploy import Deployed
from dlcli.pipeline.design import Design
from dlcli.pipeline.examples import PartExamples
from dlcli.pipeline.gates import Gates
from dlcli.pipeline.prepare import Check, Prepared
from dlcli.pipeline.progress import Reporter
from dlcli.pipeline.session import Session
from dlcli.pipeline.workers import workers_for


@dataclass
class Job:
    """Stages 1 and 2 are done.

    initial: the parameters to begin with, where they are given. digests: of everything that the
    run is made of, by what it is. gates: what the evaluation must reach, and so must work out.
    """

    loaded: LoadedConfig
    prepared: Prepared
    design: Design
    initial: Array | None
    digests: Mapping[str, str]
    gates: Gates
    _witness: Witness | None = None

    @staticmethod
    def ready(
        loaded: LoadedConfig,
        where: Places,
        reporter: Reporter,
        recorded: Check = lambda brought: None,
        gates: Gates | None = None,
    ) -> "Job":
        """Prepare the data and design the model; writes nothing.

        recorded: looks at the data before anything is made of it.
        """
        prepared = prepare.prepare(loaded, where, recorded)
        reporter.stage(1, "prepare", prepared.describe())
        _tell(loaded, prepared.findings, reporter)
        return Job.of(loaded, prepared, where, reporter, gates)

    @staticmethod
    def of(
        loaded: LoadedConfig,
        prepared: Prepared,
        where: Places | None,
        reporter: Reporter,
        gates: Gates | None = None,
    ) -> "Job":
        """Design the model for data that is prepared.

        where: initial weights are looked for there; None: they are not looked at.
        """
        designed = design.design(loaded, prepared)
        reporter.stage(2, "design", designed.describe())
        _tell(loaded, designed.findings, reporter)
        deploy.check_formats(loaded, prepared, designed)
        model = designed.recipe.model
        initial = None if where is None else design.initial_parameters(loaded, model, where)
        digests = dict(prepared.digests)
        if designed.classes is not None and prepared.dataset.classes is None:
            digests["classes"] = digest_classes(designed.classes)
        if initial is not None:
            named = model.layout.named(initial)
            digests["initial_weights"] = digest_document(digest_tensors(named))
        return Job(loaded, prepared, designed, initial, digests, gates or Gates())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of both stages."""
        return self.prepared.findings + self.design.findings

    @cached_property
    def examples(self) -> Mapping[str, Examples]:
        """The examples of every part."""
        augmentations = builder.augmentations(self.loaded.config)
        return {
            role: PartExamples(
                part,
                self.design.learned[role],
                self.prepared.preprocessing,
                self.design.recipe.model.inputs,
                augmentations,
            )
            for role, part in self.prepared.dataset.parts().items()
        }

    @cached_property
    def session(self) -> Session:
        """The training, which has not begun unless somebody restored it."""
        return Session(self.loaded.config, self.design.recipe, self.examples, self.initial)

    @cached_property
    def kept(self) -> Array:
        """The parameters that are evaluated and deployed, in memory that all workers see."""
        return shared_zeros((self.design.recipe.model.layout.size,))

    @cached_property
    def _judging(self) -> Evaluator:
        recipe = self.design.recipe
        metrics = recipe.metrics.having(self.gates.reads())
        return Evaluator(
            recipe.model,
            recipe.loss,
            metrics,
            self.kept,
            self.examples,
            recipe.shard_size,
            phase="judge",
            witness=self._witness,
        )

    @contextmanager
    def team(self, workers: int, then: str = "try again", *, trains: bool = True) -> Iterator[Team]:
        """The workers, for everything that this job has still to do.

        then: what to do about the run where one of them is lost. trains: whether they train, too.
        """
        if trains:
            self._witness = self._new_witness()
        phases = dict(self._judging.phases)
        if trains:
            phases |= self.session.training.phases
        with workers_for(phases, workers, then) as team:
            yield team

    def evaluate(
        self, team: Team, roles: Sequence[str], gated_role: str
    ) -> dict[str, dict[str, Any]]:
        """The results of these parts with the kept parameters; see `evaluate.results_of`.

        The gates are judged by one of the parts, also if it is no other role. What they need beside
        the config's metrics comes of the same passes, and is not in the results.
        """
        asked = list(roles)
        if self.gates and gated_role not in asked:
            asked.append(gated_role)
        results = evaluate.results_of(self._judging, team, self.design, self.examples, asked)
        if self.gates:
            self.gates.judge(gated_role, results[gated_role]["metrics"], self._class_names)
        kept = ("loss", *self.design.recipe.metrics.metrics)
        for result in results.values():
            result["metrics"] = {name: result["metrics"][name] for name in kept}
        return {role: results[role] for role in roles}

    def _new_witness(self) -> Witness:
        recipe = self.design.recipe
        parts = {role: self.examples[role] for role in evaluate.evaluated_roles(self.examples)}
        return answer_curves.witness_of(
            self.loaded.config.seed, parts, recipe.metrics.learns, recipe.model.out_shape
        )

    def curves_of_answers(self) -> dict[str, Any]:
        """What the answers look like that `evaluate` gave last, of each part that a new run
        evaluates; see answer_curves.py. Only while there is a team that trains."""
        assert self._witness is not None, "nobody kept the answers"
        learns, scale = self.design.recipe.metrics.learns, self.prepared.target_scale
        learned = self.design.learned
        return {
            role: answer_curves.curves_of(
                self._witness, role, self.examples[role], learned[role], learns, scale
            )
            for role in self._witness.positions
        }

    def deploy(self, run: RunDirectory, *, earlier: bool = False) -> Deployed:
        """Write what answers with the kept parameters; what was written, and how it was proved.

        earlier: as earlier versions did; see deploy/bundle.py.
        """
        return deploy.deploy(
            run, self.loaded, self.prepared, self.design, self.kept, earlier=earlier
        )

    @property
    def subjects(self) -> Subjects:
        """What the numbers of an evaluation speak of."""
        return Subjects(self.design.classes, self.design.recipe.metrics.of_positive)

    def check_gates(self) -> None:
        """UsageError where a gate speaks of a class that the data does not have."""
        self.gates.check_classes(self._class_names)

    @property
    def _class_names(self) -> tuple[str, ...]:
        return evaluate.class_names(self.design.recipe, self.design.classes)

    def require_unchanged_data(self) -> None:
        """DataError if somebody has written into a file that is read while training."""
        for file in self.prepared.mapped:
            file.require_unchanged()


def _tell(loaded: LoadedConfig, findings: Sequence[Finding], reporter: Reporter) -> None:
    """As warnings; as errors where `data.audit` is strict."""
    audit.require_none(loaded, findings)
    for finding in findings:
        reporter.note(f"warning: {finding.told()}")
