"""The command line: `rules-engine COMMAND`.

Each command is a module of this package with a click command called `command`; it is imported only when it is used, so that
`rules-engine --help` answers at once. Exit codes: 0 done; 1 the check or comparison found something; 2 usage or ruleset;
3 data; 4 plugin; 70 our fault.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

import rules_engine
from rules_engine.cli._selection import every_plugin, plugin_options
from rules_engine.errors import EXIT_OURS, EXIT_RULESET, Problem, RulesEngineError
from rules_engine.machine import cores, keep_freed_memory

#: Command, and the one line that the overview shows for it, in the order of a first day with the engine.
COMMANDS = {
    "demo": "Run the first trial's protocol on a made-up study, to see everything work.",
    "run": "Derive a study's endpoints: ADaM data sets, estimates, findings and a report.",
    "merge": "Put the shards of a study together, which `run --shard` derived.",
    "explain": "Tell why one subject's record is as it is: dated, rule by rule, with the rule's place in the YAML.",
    "plot": "Draw the report's figures as files: SVG, PNG or PDF.",
    "tables": "Write the report's tables as files: CSV, Markdown, LaTeX or RTF.",
    "diff": "Compare two rulesets, or two data cut-offs: rules, records and estimates that differ, and why.",
    "check": "Check rulesets without data; show the effective ruleset and where each value came from.",
    "describe": "Tell a ruleset in plain English, as a statistical analysis plan would say it.",
    "template": "Write a workbook that a hospital can fill in: a sheet per input table, with drop-downs and notes.",
    "map": "Propose a mapping of a study's own files (SDTM, ADaM, hospital tables) as YAML.",
    "cases": "Run worked cases through the engine and name each one that fails.",
    "ctcae": "Import NCI's workbook into a grading of your own; show the units of a grading.",
    "serve": "Serve the engine over HTTP, with a page where a ruleset is edited, run and compared.",
    "simulate": "Make up a realistic study of the first trial, reproducibly.",
    "plugin": "Begin a plugin of your own: a package that installs and passes its tests.",
    "plugins": "List the plugins that are installed and what each offers.",
    "schema": "Write the JSON Schemas of rulesets and cases, for editors and other programs.",
}


#: Commands that load no plugin, or that are about the plugins themselves.
WITHOUT_PLUGINS = ("plugin", "simulate")


class _LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"{__name__}.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101  (our own modules)
        if cmd_name not in WITHOUT_PLUGINS and not any(one.name == "plugins" for one in command.params):
            command.params += plugin_options()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from their one line, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one, say which was meant perhaps."""
        from rules_engine.errors import closest

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            name = args[0] if args else ""
            meant = closest(name, COMMANDS)
            hint = f" Did you mean {meant!r}?" if meant else ""
            raise click.UsageError(
                f"There is no command {name!r}.{hint} Commands: {', '.join(COMMANDS)}.", ctx
            ) from None


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done; 1 the check or comparison found something; 2 usage or ruleset; 3 data; 4 plugin; 70 our fault.",
)
@click.version_option(rules_engine.__version__, prog_name="rules-engine")
def group() -> None:
    """Turn a trial's raw records into its endpoints, from rules that people can read.

    \b
    A first day:
      rules-engine demo                                    see everything work on a made-up study
      rules-engine check my_protocol.yaml                  is the ruleset right?
      rules-engine run my_protocol.yaml --data study/ --data-cutoff 2025-12-31 --out results/
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with the documented exit code; never shows a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    keep_freed_memory(os.environ, cores())  # Polars is loaded with the command
    every_plugin()
    as_json = "--json" in words
    try:
        code = group.main(args=words, prog_name="rules-engine", standalone_mode=False)
        _leave(code if isinstance(code, int) else 0)
    except RulesEngineError as error:
        _tell(error.problems, error.exit_code, as_json=as_json)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        _leave(130)
    except click.ClickException as error:
        remedy = f"see `{error.ctx.command_path} --help`" if isinstance(error, click.UsageError) and error.ctx else ""
        _tell([Problem("command line", error.format_message(), remedy)], EXIT_RULESET, as_json=as_json)
    except BrokenPipeError:
        # The reader of our output has gone; silence the flush at exit as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(1)
    except Exception as error:  # the last line of defence: our fault, told without a traceback
        if os.environ.get("RULES_ENGINE_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        remedy = "this is a fault of the engine: please report it; RULES_ENGINE_DEBUG=1 shows where it happened"
        _tell([Problem("rules-engine", what, remedy)], EXIT_OURS, as_json=as_json)


def _tell(problems: Sequence[Problem], exit_code: int, *, as_json: bool) -> None:
    if as_json:
        document = {"ok": False, "exit_code": exit_code, "problems": [problem.as_dict() for problem in problems]}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
    _leave(exit_code)


def _leave(code: int) -> None:
    sys.stdout.flush()
    waiting = sys.modules.get("rules_engine.waiting")
    if waiting is not None and waiting.is_left_behind():  # everything of ours is cleaned up by now
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
