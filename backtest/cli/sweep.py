"""`backtest sweep STRATEGY`: one history, many parameter sets; their table, the best of them, a heatmap."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from backtest import plugins
from backtest.cli.choosing import load_history
from backtest.cli.main import INTERRUPTED
from backtest.cli.progress import Progress
from backtest.cli.request import RunRequest, fees
from backtest.errors import UsageError
from backtest.sweeps.result import Best, SweepResult
from backtest.sweeps.storage import SweepFolder
from backtest.sweeps.sweep import sweep as run_sweep
from backtest.workspace import Workspace

SCHEMA_VERSION = 1
HEATMAP = "heatmap.svg"
EPILOG = """\b
Examples:
  backtest sweep gradual-leverage -p step=0.01:0.05:0.01 -p leverage=2,3,5
  backtest sweep ./my_strategy.py:Cross -r 90d -p fast=10:50:10 -p slow=50:200:50 --heatmap fast,slow
  backtest sweep ./my_strategy.py:Cross --method random -n 500 --maximize calmar --constraint 'liquidations==0'
  backtest sweep --resume 3f9a
"""


@click.command(epilog=EPILOG)
@click.argument("strategy", required=False)
@click.option("--venue", help="Venue whose rules and stored history are used.  [sample: the embedded synthetic market]")
@click.option("-s", "--symbol", "symbols", multiple=True, help="Symbol; may be repeated.  [all that the venue has]")
@click.option("-r", "--range", "range_", help="FROM..TO in UTC, the end exclusive, or 90d for the last days.  [all]")
@click.option("--timeframe", "--tf", help="How often the strategy decides.  [1h]")
@click.option("--detail-timeframe", "--detail-tf", help="Finer bars that fills and liquidations walk.  [the timeframe]")
@click.option("--cash", help="Deposit, in the settlement currency.  [10000; of an inverse market 1 coin]")
@click.option(
    "-p",
    "--param",
    "texts",
    multiple=True,
    metavar="NAME=VALUES",
    help="FROM:TO:STEP, a list A,B,C, one value; for draws also LOW..HIGH, or bounds for the parameter's own.",
)
@click.option("--method", default="grid", show_default=True, help="grid: all sets; random: drawn; tpe: guided search.")
@click.option("-n", "number", type=int, help="How many sets random and tpe try.  [100]")
@click.option("--jobs", type=int, help="Threads or processes.  [one for each core]")
@click.option("--maximize", help="Metric by which the best is chosen.  [sharpe]")
@click.option("--minimize", help="The same, the lowest value being the best.")
@click.option("--constraint", "constraints", multiple=True, help="What the best must fulfil: 'liquidations==0'.")
@click.option("--heatmap", "axes", metavar="X,Y", help="Two parameters to draw the metric over.  [the first two]")
@click.option("--resume", metavar="ID", help="Go on with a sweep; what is finished is not done again.")
@click.option("--cluster", metavar="ADDRESS", help="Run on a Ray cluster: host:6379, auto, or local.")
@click.option("--position-mode", help="one-way, or hedge: a long and a short of a symbol at once.  [one-way]")
@click.option("--slippage", help="Of the price, paid by market orders: 2bps, 0.02%.  [0]")
@click.option("--fees", "fees_text", metavar="maker=…,taker=…", help="In place of the contracts' own fees.")
@click.option("--funding", help="history, zero, or one rate for all settlements: const:0.01%.  [history]")
@click.option("--path", help="adverse-first or favourable-first.  [adverse-first]")
@click.option("--holes", help="A missing bar under an open position: refuse, or hold.  [refuse]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the draws and of the strategy's own.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of sweeps.  [sweeps/ of the workspace]"
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no remarks on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of the summary.")
def sweep(resume: str | None, out: Path | None, quiet: bool, as_json: bool, **asked: Any) -> int:
    """Run STRATEGY with many parameter sets and say which is best, and how much to believe in it."""
    workspace = Workspace.find()
    root = out or workspace.root / "sweeps"
    if resume is not None:
        place = {"jobs": asked["jobs"], "cluster": asked["cluster"]}
        asked = {**asked, **SweepFolder.find(root, resume).asked, **place}
    if asked["strategy"] is None:
        raise UsageError("name the strategy to sweep, or go on with a sweep: backtest sweep --resume ID")
    strategy = plugins.strategy(asked["strategy"])
    history = load_history(request := _request(asked, workspace))
    maximize, minimize, where = asked["maximize"], asked["minimize"], " and ".join(asked["constraints"])
    try:
        with Progress(str(asked["strategy"]), quiet=quiet) as progress:
            found = run_sweep(
                strategy,
                history,
                grid=_grid(asked["texts"]),
                method=asked["method"],
                n=asked["number"],
                jobs=asked["jobs"],
                seed=asked["seed"],
                maximize=maximize,
                minimize=minimize,
                constraint=where,
                config=request.configs[0],
                out=root,
                cluster=asked["cluster"],
                progress=progress,
                said=None if quiet else _say,
                asked={name: value for name, value in asked.items() if name not in ("jobs", "cluster")},
            )
    except KeyboardInterrupt:
        click.echo("interrupted; the trials that are finished are kept: run the same command again to go on", err=True)
        return INTERRUPTED
    picture = _draw(found, asked["axes"], where)
    try:
        best: Best | None = found.best(where=where)
    except UsageError as error:
        best = None
        if not quiet:
            click.echo(str(error), err=True)
    click.echo(_document(found, best, where, picture) if as_json else _text(found, best, where, picture))
    return 0


def _say(text: str) -> None:
    click.echo(text, err=True)


_ASKED = (
    "venue", "symbols", "timeframe", "detail_timeframe", "cash", "position_mode", "slippage", "funding", "path",
    "holes",
)  # fmt: skip


def _request(asked: Mapping[str, Any], workspace: Workspace) -> RunRequest:
    given: dict[str, object] = {name: asked[name] for name in _ASKED}
    given |= {"range": asked["range_"], "seed": asked["seed"]}
    given["symbols"] = tuple(asked["symbols"])
    if asked["fees_text"]:
        given |= fees(asked["fees_text"])
    request = RunRequest.resolve(given, workspace.run_defaults())
    if len(request.configs) > 1:
        raise UsageError("a sweep walks one path; give --path adverse-first or favourable-first")
    return request


def _grid(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, sign, values = (word.strip() for word in text.partition("="))
        name = name.replace("-", "_")
        if not sign or not name.isidentifier() or not values:
            raise UsageError(f"'-p {text}' sets no parameter; write -p NAME=VALUES, as in -p fast=10:50:10")
        if name in found:
            raise UsageError(f"'-p {name}' is given twice; keep one")
        found[name] = values
    return found


def _draw(found: SweepResult, axes: str | None, where: str) -> Path | None:
    names = [name.strip().replace("-", "_") for name in axes.split(",")] if axes else list(found.varied[:2])
    if axes is None and len(names) < 2:
        return None
    if len(names) != 2:
        raise UsageError(f"'--heatmap {axes}' does not name two parameters; write --heatmap X,Y")
    assert found.folder is not None
    target = found.folder / HEATMAP
    found.heatmap(names[0], names[1], where=where).savefig(target, metadata={"Date": None})
    return target


def _text(found: SweepResult, best: Best | None, where: str, picture: Path | None) -> str:
    total, failed = len(found.frame), int((found.frame["error"] != "").sum())
    out = total - failed - len(found.feasible(where))
    head = [f"{total:,}/{total:,} runs", f"{found.seconds:.0f} s"]
    head += [f"{found.resumed:,} were there"] if found.resumed else []
    head += [f"{out:,} infeasible ({where} does not hold)"] if out else []
    head += [f"{failed:,} could not be run (see the column error)"] if failed else []
    if best is not None:
        settings = " ".join(f"{name}={_short(value)}" for name, value in best.parameters.items())
        head.append(f"best {settings} {best.metric} {_number(best.value)}")
        head.append(f"median of its {best.neighbours} neighbours {_number(best.neighbourhood)}")
    lines = ["   ".join(head)]
    last = [] if best is None else [f"deflated Sharpe {_number(best.deflated_sharpe)} ({total:,} trials)"]
    last += [] if picture is None else [f"heatmap: {_place(picture)}"]
    assert found.folder is not None
    last.append(f"table: {_place(found.folder / 'results.parquet')}")
    lines.append("   ".join(last))
    if not found.frame[["trades", "open_trades"]].to_numpy().any():
        refused = found.frame["rejections"].sum()
        lines.append(f"! no trial made a trade; the venue refused {refused:,.0f} orders: run one alone to see why")
    lines += [f"! {note}" for note in found.notes if "synthetic" in note]
    return "\n".join(lines)


def _document(found: SweepResult, best: Best | None, where: str, picture: Path | None) -> str:
    assert found.folder is not None
    document = {
        "schema_version": SCHEMA_VERSION,
        "sweep_id": found.folder.name,
        "strategy": found.strategy,
        "trials": len(found.frame),
        "feasible": len(found.feasible(where)),
        "failed": int((found.frame["error"] != "").sum()),
        "resumed": found.resumed,
        "parameters": list(found.varied),
        "best": None
        if best is None
        else {
            "trial": best.trial,
            "parameters": {name: _plain(value) for name, value in best.parameters.items()},
            "metric": best.metric,
            "value": best.value,
            "neighbours": best.neighbours,
            "neighbourhood_median": _known(best.neighbourhood),
            "deflated_sharpe": _known(best.deflated_sharpe),
            "metrics": {name: _known(value) for name, value in best.metrics.items()},
        },
        "results": str(found.folder / "results.parquet"),
        "heatmap": None if picture is None else str(picture),
        "notes": list(found.notes),
    }
    return json.dumps(document, indent=1)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(_plain(value), float) else str(value)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _place(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
