"""The way in: `reweigh`, and `python -m reweigh` where its script is not on the path."""

import sys


def main() -> None:
    """Run the command line, which answers to ctrl-C from its first import on."""
    try:
        from reweigh.cli import main
    except KeyboardInterrupt:
        from reweigh.last_words import INTERRUPTED, LAST_WORDS

        print(f"reweigh: {LAST_WORDS[-1]}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    main()


if __name__ == "__main__":
    main()
