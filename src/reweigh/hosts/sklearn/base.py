"""What classifier and regressor have in common: their parameters, the clean set, training, and the module's outputs.

Targets pass through here as the module is trained on them: class numbers, or standardised numbers. Whatever is drawn is
drawn from `random_state`; the global random number generators are left as found.
"""

import functools
import warnings
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from reweigh import rng
from reweigh.errors import BadInput
from reweigh.hosts.sklearn.choice import chosen, default_for, not_comparable
from reweigh.hosts.sklearn.clean_rows import Ints, stand_in
from reweigh.hosts.sklearn.judges import Judges
from reweigh.hosts.sklearn.rows import Rows, Scaling, inputs
from reweigh.hosts.sklearn.settings import build_module, build_optimizer, build_rule, check_outputs
from reweigh.hosts.sklearn.training import TURN, Loss, Parts, Plan, Trained, loss_of_batch, train
from reweigh.reweigher import Reweigher
from reweigh.rules import Judged, LearnedRule, Materials, Rule, SecondModel, Uniform
from reweigh.rules.registry import AUTO, DEFAULT, PLAIN
from reweigh.run import World
from reweigh.run.bench import part_of_warm_up
from reweigh.tasks import Task

USUAL_EPOCHS = 30
ACCEPTED = {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}
_PREDICTED_AT_ONCE = 128
"""Rows a forward pass of prediction. All have this size, the last one filled up, because matrix products round differently
at other sizes: so a row's prediction does not depend on which rows come with it."""


class ReweighEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The parameters, which `ReweighClassifier` documents, and what is done with them."""

    def __init__(
        self,
        module: Any = None,
        *,
        hidden: tuple[int, ...] = (100,),
        loss: Any = None,
        rule: Any = AUTO,
        learning: Any = None,
        epochs: int | None = None,
        batch_size: int = 100,
        lr: float = 0.01,
        optimizer: Any = "adam",
        clean_fraction: float = 0.1,
        clean_batch_size: int | None = None,
        train_on_clean: bool = False,
        standardize: bool = True,
        warm_up: int = 0,
        engine: Any = "auto",
        device: Any = "cpu",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.module, self.hidden, self.loss = module, hidden, loss
        self.rule, self.learning, self.engine, self.warm_up = rule, learning, engine, warm_up
        self.epochs, self.batch_size, self.lr, self.optimizer = epochs, batch_size, lr, optimizer
        self.clean_fraction, self.clean_batch_size = clean_fraction, clean_batch_size
        self.train_on_clean, self.standardize = train_on_clean, standardize
        self.device, self.random_state, self.verbose = device, random_state, verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _fit(
        self,
        X: Any,
        y: Tensor,
        clean_rows: Ints | None,
        given: tuple[Any, Tensor] | None,
        *,
        outputs: int,
        counts: Tensor | None,
        loss: Loss,
        task: Task | None,
    ) -> None:
        """Train on the rows of X, with some of them as the clean set, or those of `given`, (X_clean, y_clean).

        `task` says how rules are compared, where they can be.
        """
        self._check_settings()
        random = check_random_state(self.random_state)
        seed = int(random.randint(2**31 - 1))
        told = clean_rows is not None or given is not None
        if not told:
            codes = None if counts is None else y.numpy()
            clean_rows = stand_in(codes, len(y), self.clean_fraction, random)
        self._scaling = Scaling.of(X) if self.standardize else None
        rows = Rows(X, y, self._scaling)
        if given is not None:
            clean = Rows(given[0], given[1], self._scaling, first=len(rows))
        else:
            assert clean_rows is not None  # named by the user or standing in
            clean = rows.select(clean_rows)
        self.clean_rows_ = clean_rows
        device = World.here(self.device).device
        with TURN, rng.kept([device]):
            rng.seed(seed, [device])
            module = build_module(self.module, X.shape[1], outputs, self.hidden).to(device)
            check_outputs(module, rows.batch(torch.arange(min(2, len(rows))))["x"].to(device), outputs)
            parts = Parts(rows, clean, loss_of_batch(loss, device), counts, seed)
            judges = self._judges(module, parts, task)
            rule, steps = self._choose(module, parts, task if told else None, told=told, judges=judges)
            trained, self.rule_ = self._train(module, rule, parts, self._trained_on(len(rows)), steps, judges=judges)
        self.module_, self.history_ = module.eval(), trained.history
        self.sample_weight_, self.explanation_ = trained.weights, trained.explanation
        self.n_iter_ = len(trained.history)
        if trained.vanished_at and told:
            named = (
                "later weights are noise: train for fewer epochs, with a smaller learning rate, or give more clean rows"
            )
            warnings.warn(
                f"the clean set is fitted and its gradient had all but vanished at step {trained.vanished_at}, so "
                + (named if self.choice_ is None else "rows count by how likely their labels are right from there on"),
                ConvergenceWarning,
                stacklevel=3,
            )

    def _judges(self, module: nn.Module, parts: Parts, task: Task | None) -> Judges | None:
        """Who says how likely each label is right, where somebody asks and such targets are judged."""
        if task is None or task.judging is None:
            return None

        def plainly(copied: nn.Module, some: Tensor, steps: int) -> object:
            return self._train(copied, PLAIN, parts, some, steps, quiet=True)

        trained_on = self._trained_on(len(parts.rows))
        steps = self._usual_steps(trained_on)
        return Judges(module, task, parts, trained_on, plainly=plainly, steps=steps)

    def _choose(
        self, module: nn.Module, parts: Parts, task: Task | None, *, told: bool, judges: Judges | None
    ) -> tuple[Any, int | None]:
        """The rule that was named, or the one that held-back clean rows choose; and for how many steps, None for all."""
        self.choice_ = None
        if not default_for(self.rule):
            return self.rule, None
        if self.learning is not None:
            raise BadInput("learning= is for a rule that learns, and none is named: name it by rule=")
        trained_on = self._trained_on(len(parts.rows))
        if task is None:
            why = "each row has several targets" if told else "no row is said to be clean, a share of them stands in"
            self.choice_ = not_comparable(DEFAULT, why)
        else:

            def briefly(copied: nn.Module, rule: str, left: Rows, some: Tensor, steps: int) -> object:
                return self._train(copied, rule, parts._replace(clean=left), some, steps, judges=judges, quiet=True)

            steps, open_ = self._usual_steps(trained_on), self.epochs is None
            self.choice_ = chosen(module, task, parts, trained_on, briefly, judges, steps=steps, length_open=open_)
        if self.verbose:
            print(f"rule {self.choice_.way}: {self.choice_.why}")
        return self.choice_.rule, self.choice_.way.steps

    def _usual_steps(self, trained_on: Tensor) -> int:
        return (USUAL_EPOCHS if self.epochs is None else self.epochs) * self._steps_an_epoch(trained_on)

    def _steps_an_epoch(self, trained_on: Tensor) -> int:
        return -(-len(trained_on) // self.batch_size)

    def _train(
        self,
        module: nn.Module,
        given: Any,
        parts: Parts,
        trained_on: Tensor,
        steps: int | None = None,
        *,
        judges: Judges | None = None,
        quiet: bool = False,
    ) -> tuple[Trained, Rule]:
        """Trained by a rule, to the end or for so many steps."""
        rows, clean, loss, counts, seed = parts
        an_epoch, usual = self._steps_an_epoch(trained_on), self._usual_steps(trained_on)
        epochs = max(1, round((usual if steps is None else steps) / an_epoch))
        second = SecondModel(
            student=module,
            loss=loss,
            clean=clean,
            optimizer=lambda model: build_optimizer(self.optimizer, model, self.lr),
        )
        checked = torch.isin(trained_on, clean.ids)
        materials = Materials(
            seed=lambda purpose: seed,
            class_sizes=counts,
            second_model=second,
            steps=epochs * an_epoch,
            checked=checked if bool(checked.any()) else None,
            judged=None if judges is None else lambda: judges.known(clean.ids),
            ids=rows.ids[trained_on],
        )
        rule = build_rule(given, materials)
        when_vanished = Uniform() if judges is None else Judged(lambda: judges.known(clean.ids))
        optimizer = build_optimizer(self.optimizer, module, self.lr)
        learned = isinstance(rule, LearnedRule)
        reweigher = Reweigher(
            module,
            loss,
            rule=rule,
            clean=clean,
            engine=self.engine,
            optimizer=optimizer if learned else None,
            learning=self.learning,
            clean_batch_size=self.clean_batch_size,
            warm_up=part_of_warm_up(self.warm_up, epochs * an_epoch, usual),
            when_vanished=when_vanished if default_for(self.rule) else None,
            seed=seed,
        )
        sampling = functools.partial(rule.sampling_weights, rows.y[trained_on])
        plan = Plan(trained_on, sampling, rule.thins, epochs, self.batch_size, seed, self.verbose and not quiet)
        return train(module, reweigher, optimizer, rows, plan), rule

    def _trained_on(self, rows: int) -> Tensor:
        """The rows that are trained on, (n,): all but the clean ones, if those are rows of X and are to be left out."""
        chosen = torch.ones(rows, dtype=torch.bool)
        if self.clean_rows_ is not None and not self.train_on_clean:
            chosen[torch.from_numpy(self.clean_rows_)] = False
        if not chosen.any():
            raise BadInput(
                "every row of X is in the clean set, so none is left to weigh: name fewer, or set train_on_clean=True"
            )
        return chosen.nonzero().flatten()

    def _check_settings(self) -> None:
        if (self.epochs is not None and self.epochs < 1) or self.batch_size < 1:
            raise BadInput(f"epochs={self.epochs} and batch_size={self.batch_size}: both must be at least 1")
        if not self.lr > 0:
            raise BadInput(f"lr={self.lr}: give a learning rate above 0, such as 0.01")
        if not 0 < self.clean_fraction < 1:
            raise BadInput(f"clean_fraction={self.clean_fraction}: give a share between 0 and 1, such as 0.1")

    def _outputs(self, X: Any) -> np.ndarray[Any, Any]:
        """What the module makes of new rows, (N, outputs), float32."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **ACCEPTED)
        device = next((p.device for p in self.module_.parameters()), torch.device("cpu"))
        n = X.shape[0]
        portions = np.minimum(np.arange(-(-n // _PREDICTED_AT_ONCE) * _PREDICTED_AT_ONCE), n - 1)
        with torch.no_grad():
            made = [
                self.module_(inputs(X, rows, self._scaling).to(device)).cpu().float()
                for rows in portions.reshape(-1, _PREDICTED_AT_ONCE)
            ]
        outputs: np.ndarray[Any, Any] = torch.cat(made)[:n].reshape(n, -1).numpy()
        return outputs
