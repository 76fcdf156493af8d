"""The commands and their options."""

from cyclopts import App, Parameter

from reweigh._version import __version__
from reweigh.cli.apply import apply
from reweigh.cli.audit import audit
from reweigh.cli.demo import demo
from reweigh.cli.exchange import export, import_
from reweigh.cli.predict import predict
from reweigh.cli.report import report
from reweigh.cli.review import review
from reweigh.cli.score import score, select
from reweigh.cli.train import train

app = App(
    name="reweigh",
    help="Learn which training examples to trust: exact example weights from a small clean set.\n\n"
    "Start with `reweigh demo`: about a minute, no download.",
    version=__version__,
    default_parameter=Parameter(show_choices=False, negative_iterable=(), allow_repeating=True),
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
app.command(demo, sort_key=1)
app.command(train, sort_key=2, help_flags="--help")  # its -h is short
app.command(audit, sort_key=3)
app.command(report, sort_key=4)
app.command(review, sort_key=5)
app.command(apply, sort_key=6)
app.command(export, sort_key=7)
app.command(import_, name="import", sort_key=8)
app.command(predict, sort_key=9)
app.command(score, sort_key=10)
app.command(select, sort_key=11)
app.register_install_completion_command(help="Let the shell complete commands and options (bash, zsh, fish).")
