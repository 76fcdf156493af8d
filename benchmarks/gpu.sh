#!/usr/bin/env bash
# What only a GPU can show, in at most nine minutes on a bare image of PyTorch, without a network: steps captured as CUDA graphs
# beside steps by Python, plain ones beside both, peak memory, and the tests that need a card.
#
#     bash benchmarks/gpu.sh                        # rows into docs/results/gpu.json, after every task
#     bash benchmarks/gpu.sh --small OUTPUT.json    # the same on a processor, in small
set -uo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH=src${PYTHONPATH:+:$PYTHONPATH}
small=0
[ "${1:-}" = --small ] && { small=1; shift; }
output=${1:-docs/results/gpu.json}
failed=0

measure() {  # seconds, and what benchmarks.step_cost is to measure
    local limit=$1
    shift
    timeout "$limit" python -m benchmarks.step_cost --output "$output" "$@" || { echo "not done: $*" >&2; failed=1; }
}

if [ $small = 1 ]; then
    measure 300 --models transformer --rounds 1 --no-memory --threads 2 --variants "ghost, fused" "ghost, replayed"
    exit $failed
fi

python -c "import torch; assert torch.cuda.is_available(), 'there is no CUDA device'; print(torch.cuda.get_device_name(), torch.__version__)" || exit 1
python -c "import pytest" 2> /dev/null && { timeout 90 python -m pytest -q tests/capture/test_cuda.py || failed=1; }
both=("ghost, fused" "ghost, CUDA graphs" "forward, fused" "forward, CUDA graphs")
by_forward=("forward, fused" "forward, CUDA graphs")
measure 80 --device cuda --dtype bf16 --rounds 20 --models transformer resnet32-groupnorm --variants "${both[@]}"
measure 60 --device cuda --dtype bf16 --rounds 20 --models resnet32 --variants "${by_forward[@]}"
measure 60 --device cuda --rounds 20 --models resnet32 --variants "${by_forward[@]}"
measure 110 --device cuda --dtype bf16 --rounds 10 --models gpt2-small --variants "${both[@]}"
measure 110 --device cuda --dtype bf16 --rounds 10 --models wrn-28-10 --variants "${by_forward[@]}"
exit $failed
