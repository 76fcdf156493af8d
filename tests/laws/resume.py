"""A run that was stopped goes on as if it had not been."""

import copy
import io

import torch
from torch import Tensor

from laws.weights import reweigher
from reweigh import Reweigher
from zoo import Case, Scene


def resumes(case: Case, engine: str) -> None:
    """Stopped after some steps and rebuilt from what was saved, a run gives the weights it would have given."""

    def start() -> tuple[Scene, Reweigher, torch.optim.Optimizer]:
        scene = case.build()
        by_rule = reweigher(scene, engine, clean=scene.clean, clean_batch_size=2, seed=5)
        return scene, by_rule, torch.optim.SGD(scene.model.parameters(), lr=0.05)

    def steps(scene: Scene, by_rule: Reweigher, optimizer: torch.optim.Optimizer, count: int) -> list[Tensor]:
        seen = []
        for _ in range(count):
            optimizer.zero_grad()
            seen.append(by_rule.backward(scene.train).weights)
            optimizer.step()
        return seen

    torch.manual_seed(6)
    scene, by_rule, optimizer = start()
    steps(scene, by_rule, optimizer, 4)
    saved = io.BytesIO()
    torch.save((scene.model.state_dict(), by_rule.state_dict(), torch.get_rng_state()), saved)
    saved.seek(0)
    expected = steps(scene, by_rule, optimizer, 4)
    model_state, rule_state, generator = torch.load(saved, weights_only=True)
    scene, by_rule, optimizer = start()
    steps(scene, by_rule, optimizer, 1)  # loading must replace a state, not only fill an empty one
    scene.model.load_state_dict(model_state)
    by_rule.load_state_dict(copy.deepcopy(rule_state))
    torch.set_rng_state(generator)
    for was, now in zip(expected, steps(scene, by_rule, optimizer, 4), strict=True):
        assert torch.equal(was, now)
