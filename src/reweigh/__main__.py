"""`python -m reweigh`: the command line where its script is not on the path."""

from reweigh.cli import main

if __name__ == "__main__":
    main()
