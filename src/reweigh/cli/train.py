"""`reweigh train`: its options are the settings, and a few about the run's folder.

What is not said is not there, so that a resumed run can tell what was said again from what was left out.
"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from reweigh.cli.config_file import settings_in
from reweigh.cli.ending import ended
from reweigh.cli.live import Line, Screen
from reweigh.cli.options import PANELS, Flag, Said
from reweigh.cli.short_help import print_short_help
from reweigh.cli.show import console_for
from reweigh.cli.voice import ALOUD, Answer, Voice
from reweigh.distributed import alone
from reweigh.errors import BadInput
from reweigh.run.begun import goes_on
from reweigh.run.start import resume as resume_run
from reweigh.run.start import start
from reweigh.run.together import together
from reweigh.settings import Settings
from reweigh.settings.run import RunSettings
from reweigh.storage import home
from reweigh.verdict import verdict_after

_CONFIG = "Settings as YAML, TOML or JSON, such as a run's config.json; options go before it."


def _run(text: str, **more: Any) -> Parameter:
    return Parameter(help=text, group=PANELS[RunSettings], **more)


def train(
    said: Annotated[Said | None, Parameter(name="*")] = None,
    *,
    output: Annotated[Path, _run("The run's folder.")] = Path("runs/reweigh"),
    resume: Annotated[Flag, _run("Go on with the run in that folder.")] = False,
    overwrite: Annotated[Flag, _run("Replace the run in that folder.")] = False,
    config: Annotated[Path | None, _run(_CONFIG)] = None,
    quick: Annotated[Flag, _run("Leave out the comparison with other ways at the end.")] = False,
    verbose: Annotated[Flag, _run("Say a line an epoch, and all that was found.", name=("--verbose", "-v"))] = False,
    ten: Annotated[Flag, _run("Show the ten options that matter.", name="-h")] = False,
    voice: Voice = ALOUD,
) -> Answer | None:
    """Train with learned example weights, and keep all that came out in a folder.

    Example: reweigh train --train noisy.csv --clean checked.csv --target label --output runs/mine

    The folder gets config.json, metrics.jsonl (a line an epoch), model.safetensors, weights.parquet (a row an
    example), ledger/ (each epoch's weights), distrusted.png (of images), summary.json, of your own data
    encoding.json (how they became numbers) and verdict.json (beside other ways to a model; --quick leaves it
    out), and of a rule that learns teacher.safetensors. A run that was stopped or killed goes on with --resume and
    ends as if nothing had happened.
    """
    if ten:
        print_short_help(train)
        return None
    output = home(output)
    with together() as is_main, console_for(is_main):
        given = dict(said or {}) if config is None else settings_in(config, dict(said or {}))
        if resume and overwrite:
            raise BadInput("--resume and --overwrite contradict each other: give one of them")
        if verbose and (voice.quiet or voice.json):
            raise BadInput("--verbose says more, and --quiet and --json leave it out: give one of them")
        settings = None if resume else Settings.of(**given)
        with Line() as line:
            screen = Screen(line, verbose=verbose)
            if settings is None or goes_on(output, given, overwrite=overwrite):
                summary = resume_run(output, given, screen)
            else:
                summary = start(settings, output, screen, overwrite=overwrite)
            if not is_main:
                return None
            with alone():
                verdict = None if quick else verdict_after(output, screen, given.get("model"), given.get("task"))
    code = {name: named for name in ("model", "task") if ":" in (named := str(given.get(name, "")))}
    return ended(summary, output, verdict, screen.notes, code)
