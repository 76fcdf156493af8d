"""One public figure, met once: Multi30k German to English, all pairs as they are, 36.09 BLEU by torchtext's scorer.

    python recipes/multi30k.py multi30k                 # some 70 minutes on one core, 10 epochs of 128 pairs
    pip install spacy                                    # for the tokens of the score, no model of it is needed

The figure is that of a Transformer of 3 + 3 layers and width 256 with 9.0 million parameters after 10 epochs, lowercase, on
the test part of 2016 (bentrevett/pytorch-seq2seq, notebook 6). Ours is `translator-small` by `reweigh train --rule uniform`
with the same pairs, epochs and batches: 7.6 million parameters, pieces in the place of words, the mean of the last three
epochs. The scorer is torchtext's `bleu_score`: corpus BLEU up to four tokens without smoothing, by spaCy's tokens.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import sacrebleu
import spacy
import torch

import reweigh
from reweigh.allocator import keep_freed_memory
from reweigh.run.start import start
from reweigh.run.watcher import SILENT
from reweigh.settings import Settings
from runs import add_result
from translation_pairs import lines_of, write

PUBLISHED = 36.09
RESULTS = Path(__file__).parent.parent / "docs" / "results" / "multi30k.jsonl"


def by_torchtext(said: list[str], wanted: list[str]) -> float:
    """torchtext's `bleu_score` in %, of spaCy's English tokens."""
    cut = spacy.blank("en").tokenizer
    spelled = [[" ".join(token.text for token in cut(text)) for text in texts] for texts in (said, wanted)]
    score = sacrebleu.corpus_bleu(spelled[0], [spelled[1]], tokenize="none", smooth_method="none", force=True)
    return float(score.score)


def main() -> None:
    parser = argparse.ArgumentParser(description="A public figure for Multi30k, met once.")
    parser.add_argument("data", type=Path, help="the folder of Multi30k")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--pairs", type=int, help="only so many, to try it")
    parser.add_argument("--model", default="translator-small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    keep_freed_memory()
    began = time.perf_counter()
    train, held, test = (
        [(german.lower(), english.lower()) for german, english in lines_of(args.data, part)]
        for part in ("train", "val", "test_2016_flickr")
    )
    train = train[: args.pairs]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {part: write(folder / f"{part}.tsv", pairs) for part, pairs in (("train", train), ("clean", held))}
        settings = {
            **files, "test": write(folder / "test.tsv", test), "source": "de", "target": "en", "text_length": 64,
            "rule": "uniform", "keep_clean_in_train": False, "model": args.model, "epochs": args.epochs, "batch_size": 128,
            "average": 3 if args.epochs > 2 else None, "seed": 0, "ledger": False, "device": args.device,
        }  # fmt: skip
        found = start(Settings.of(**settings), folder / "run", SILENT)
        run = reweigh.load(folder / "run")
        sources, wanted = map(list, zip(*test, strict=True))
        said = [str(text) for text in run.predict(sources).values]
        size = sum(p.numel() for p in run.model.parameters())
    result = {
        "bleu_torchtext": by_torchtext(said, wanted), "published": PUBLISHED, "bleu_sacrebleu": found["test_bleu"],
        "parameters": size, "pairs": len(train), "epochs": args.epochs, "model": args.model,
        "seconds": round(time.perf_counter() - began), "threads": torch.get_num_threads(), "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }  # fmt: skip
    add_result(args.results, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
