"""Runs by several processes on this machine, as torchrun starts them, and their folders compared with those of one."""

import json
import os
import socket
import traceback

import pyarrow.parquet as pq
import safetensors.torch
import torch

from reweigh.run.folder.run_folder import FILES
from reweigh.run.start import resume, start
from reweigh.run.together import Elsewhere, together
from reweigh.run.watcher import SILENT
from reweigh.settings import Settings
from run.conftest import CONTEXT


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _process(rank, size, port, jobs):
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank}
    os.environ.update({name: str(value) for name, value in address.items()})
    torch.set_num_threads(1)
    try:
        with together() as is_main:
            for settings, folder in jobs:
                summary = (
                    resume(folder, {}, SILENT) if settings is None else start(Settings.of(**settings), folder, SILENT)
                )
                assert bool(summary) == is_main
    except Elsewhere:
        os._exit(3)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def train(jobs, size=2, seconds=300):
    """Each of the jobs, settings (None to go on) and a folder, one after the other by the same processes; exit codes."""
    port = free_port()
    processes = [CONTEXT.Process(target=_process, args=(rank, size, port, jobs)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(seconds)
    return [process.exitcode for process in processes]


def metrics(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def distance(one, other):
    """The largest difference of two runs: of parameters, of weights, and of an epoch's numbers, relative to their size."""
    here, there = (safetensors.torch.load_file(folder / "model.safetensors") for folder in (one, other))
    assert here.keys() == there.keys()
    model = max(float((here[name].double() - there[name].double()).abs().max()) for name in here if here[name].numel())
    mine, yours = (pq.read_table(folder / "weights.parquet") for folder in (one, other))
    assert mine.schema == yours.schema
    for name in ("id", "given_label", "true_label", "visits"):
        assert mine[name] == yours[name], name
    weights = max(
        _apart(mine[name].to_pylist(), yours[name].to_pylist()) for name in ("mean_weight", "last_epoch_weight")
    )
    lines = max(_lines_apart(a, b) for a, b in zip(metrics(one), metrics(other), strict=True))
    for name in FILES:
        assert (one / name).exists() == (other / name).exists(), name
    return {"model": model, "weights": weights, "metrics": lines}


def _lines_apart(one, other):
    assert one.keys() == other.keys()
    return max(_apart([one[name]], [other[name]]) for name in one)


def _apart(mine, yours):
    assert [x is None for x in mine] == [x is None for x in yours]
    return max((abs(a - b) / max(1.0, abs(b)) for a, b in zip(mine, yours, strict=True) if a is not None), default=0.0)


def _command(rank, size, port, arguments, folder, more):
    from reweigh.cli.guard import main

    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank}
    os.environ.update({name: str(value) for name, value in {**address, **more}.items()})
    torch.set_num_threads(1)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{rank}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    main(arguments)


def begin(arguments, folder, size=2, **more):
    """The processes of `torchrun -m reweigh ARGUMENTS`, begun; what each says goes to a file of the `folder`."""
    told, port = [str(argument) for argument in arguments], free_port()
    processes = [CONTEXT.Process(target=_command, args=(rank, size, port, told, folder, more)) for rank in range(size)]
    for process in processes:
        process.start()
    return processes


def end(processes, folder, seconds=120):
    """Exit codes, and what was said on stderr by each, on one line."""
    for process in processes:
        process.join(seconds)
    said = [" ".join((folder / f"{rank}.err").read_text().split()) for rank in range(len(processes))]
    return [process.exitcode for process in processes], said


def command(arguments, folder, size=2, **more):
    """Both."""
    return end(begin(arguments, folder, size, **more), folder)
