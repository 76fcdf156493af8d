"""What examples are compared with: preconditioned by choice, and over an adapter's parameters where there is one."""

import pyarrow.parquet as pq
import pytest
import torch
import transformers

import tiny_language_models as tiny
from reweigh import optimizers
from reweigh.errors import BadInput
from reweigh.scoring import score
from reweigh.scoring.preconditioner import as_adam_applies
from scoring.by_hand import ByHand
from scoring.test_score import near, scored

ROWS, CLEAN = tiny.texts(12), tiny.texts(5, seed=1)


def trained(model, steps=3, groups=1):
    """A model after a few steps of AdamW, and that."""
    network = transformers.AutoModelForCausalLM.from_pretrained(model.removeprefix("hf:"))
    decayed = transformers.Trainer.get_decay_parameter_names(None, network)
    every = dict(network.named_parameters())
    split = [[p for name, p in every.items() if (name in decayed) == way] for way in (True, False)]
    params = [{"params": part} for part in split] if groups == 2 else list(every.values())
    optimizer = torch.optim.AdamW(params, lr=1e-3)
    ids = torch.randint(1, 300, (4, 9), generator=torch.Generator().manual_seed(0))
    for _ in range(steps):
        optimizer.zero_grad()
        network(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    return network.eval(), optimizer


def test_the_direction_over_the_root_of_its_own_moments(gpt2, tmp_path):
    found = scored(tmp_path, ROWS, CLEAN, gpt2, precondition="target")
    near(found, ByHand(gpt2).scores([(r["text"],) for r in ROWS], [(r["text"],) for r in CLEAN], root=True), 1e-4)


@pytest.mark.parametrize("groups", [1, 2])
def test_an_adam_applies_the_direction_as_it_would(groups, gpt2, tmp_path):
    network, optimizer = trained(gpt2, groups=groups)
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    v = {name: torch.randn_like(p) for name, p in network.named_parameters()}
    for group in optimizer.param_groups:
        group["lr"] = 1.0
    expected = optimizers.precondition(v, optimizer, dict(network.named_parameters()))
    found = as_adam_applies(v, network, tmp_path / "optimizer.pt")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_a_state_after_a_schedule_that_ended_at_zero_still_applies(gpt2, tmp_path):
    network, optimizer = trained(gpt2)
    torch.save(optimizer.state_dict(), tmp_path / "warm.pt")
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    torch.save(optimizer.state_dict(), tmp_path / "cold.pt")
    v = {name: torch.ones_like(p) for name, p in network.named_parameters()}
    warm, cold = (as_adam_applies(v, network, tmp_path / f"{name}.pt") for name in ("warm", "cold"))
    assert all(torch.equal(warm[name], cold[name]) for name in warm)
    assert any(bool(g.any()) for g in warm.values())


def test_scores_by_adam_are_along_another_direction(gpt2, tmp_path):
    torch.save(trained(gpt2)[1].state_dict(), tmp_path / "optimizer.pt")
    plain = scored(tmp_path, ROWS, CLEAN, gpt2)
    adam = scored(tmp_path, ROWS, CLEAN, gpt2, precondition="adam", optimizer=tmp_path / "optimizer.pt")
    assert adam["representation"] == plain["representation"]
    assert adam["alignment"] != pytest.approx(plain["alignment"], rel=0.1)


def test_states_that_do_not_fit_are_refused(gpt2, llama, tmp_path):
    network, _ = trained(gpt2, 0)
    v = {name: torch.ones_like(p) for name, p in network.named_parameters()}
    sgd = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    (sum(p.sum() for p in network.parameters())).backward()
    sgd.step()
    others = trained(llama)[1].state_dict()
    states = {"second moments": sgd.state_dict(), "no optimizer's state": {"a": 1}, "of 21 parameters": others}
    for sentence, state in states.items():
        torch.save(state, tmp_path / "state.pt")
        with pytest.raises(BadInput, match=sentence):
            as_adam_applies(v, network, tmp_path / "state.pt")
    (tmp_path / "state.pt").write_bytes(b"no")
    with pytest.raises(BadInput, match="cannot be read as an optimizer's state"):
        as_adam_applies(v, network, tmp_path / "state.pt")


def test_with_an_adapter_alignments_are_over_its_parameters(gpt2, tmp_path):
    peft = pytest.importorskip("peft")
    network = transformers.AutoModelForCausalLM.from_pretrained(gpt2.removeprefix("hf:"))
    torch.manual_seed(4)
    config = peft.LoraConfig(r=2, target_modules=["c_attn"], init_lora_weights=False, fan_in_fan_out=True)
    adapted = peft.get_peft_model(network, config).eval()
    adapted.save_pretrained(tmp_path / "lora")
    found = scored(tmp_path, ROWS, CLEAN, gpt2, adapter=str(tmp_path / "lora"))
    hand = ByHand(gpt2)
    hand.model = adapted.double()
    hand.model.base_model_of = None
    lora = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    assert len(lora) == 4
    rows = [(row["text"],) for row in ROWS]
    each = [torch.autograd.grad(hand.loss((row["text"],)), list(lora.values())) for row in CLEAN]
    v = [torch.stack(one).mean(0) for one in zip(*each, strict=True)]
    for row, loss, alignment in zip(rows, found["loss"], found["alignment"], strict=True):
        g = torch.autograd.grad(hand.loss(row), list(lora.values()))
        assert loss == pytest.approx(hand.loss(row).item(), rel=1e-5)
        assert alignment == pytest.approx(
            sum((a * b).sum().item() for a, b in zip(g, v, strict=True)), rel=1e-3, abs=1e-4
        )
    with pytest.raises(BadInput, match="cannot be had as an adapter"):
        scored(tmp_path, ROWS, CLEAN, gpt2, adapter=str(tmp_path / "nothing"))
    assert pq.read_schema(tmp_path / "scores.parquet").metadata


def test_half_precision_is_near(gpt2, tmp_path):
    full, half = (scored(tmp_path, ROWS, CLEAN, gpt2, precision=kind) for kind in ("fp32", "bf16"))
    ranks = [torch.tensor(found["alignment"]).argsort().argsort().double() for found in (full, half)]
    assert torch.corrcoef(torch.stack(ranks))[0, 1] > 0.95


def test_layers_none_takes_all_parameters(gpt2, tmp_path):
    tiny.json_lines(tmp_path / "d.jsonl", ROWS)
    tiny.json_lines(tmp_path / "c.jsonl", CLEAN)
    files = {"model": gpt2, "target": tmp_path / "c.jsonl", "by": "alignment"}
    body, all_ = (
        pq.read_table(score(tmp_path / "d.jsonl", output=tmp_path / f"{name}.parquet", layers=name, **files).path)
        for name in ("body", None)
    )
    assert body["alignment"] != all_["alignment"]
