"""`backtest audit RUN`: replay a run's ledger, and look whether its files are still what they were."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from backtest import runs
from backtest.audit import AuditReport
from backtest.audit import audit as replay
from backtest.clock import moment_ns
from backtest.errors import MarketDataError
from backtest.venues.terms import has_reserve

SCHEMA_VERSION = 1


@click.command()
@click.argument("run")
@click.option(
    "--runs", "root", type=click.Path(file_okay=False, path_type=Path), help="Folder of runs.  [the workspace's]"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def audit(run: str, root: Path | None, as_json: bool) -> None:
    """Replay the ledger of RUN (an id, its first digits, or a folder) and prove that it balances.

    Ends with exit code 3 where a figure of the ledger does not follow from the rules, or a file of the run was changed.
    """
    saved = runs.open_run(run, root)
    damaged = saved.damaged()
    try:
        checked = replay(
            saved.ledger,
            cross=saved.manifest["config"]["margin_mode"] == "cross",
            reserve=has_reserve(saved.heading.venue, moment_ns(saved.heading.start)),
        )
    except (OSError, ValueError, ArithmeticError) as error:
        raise MarketDataError(
            f"run {saved.id}: its ledger cannot be replayed (changed since it was written: "
            f"{', '.join(damaged) or 'nothing'}; {type(error).__name__}); run it again to get a sound one"
        ) from error
    if as_json:
        click.echo(json.dumps(document(saved.id, checked, damaged), indent=2, allow_nan=False))
    else:
        click.echo(f"Run {saved.id}\n{checked}")
        click.echo("Files       as they were written" if not damaged else f"Files       changed: {', '.join(damaged)}")
    if damaged or not checked.ok:
        what = (
            "its ledger does not balance" if not checked.ok else f"changed since it was written: {', '.join(damaged)}"
        )
        raise MarketDataError(f"run {saved.id}: {what}; run it again to get a sound one")


def document(run_id: str, checked: AuditReport, damaged: tuple[str, ...]) -> dict[str, object]:
    """The outcome as plain values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "ok": checked.ok and not damaged,
        "rows": checked.rows,
        "turnover": checked.turnover,
        "residual": checked.residual if math.isfinite(checked.residual) else None,
        "relative_residual": checked.relative_residual if math.isfinite(checked.relative_residual) else None,
        "wallet": checked.wallet,
        "margin": checked.margin,
        "findings": [str(finding) for finding in checked.findings],
        "wallets": {
            name: {"turnover": each.turnover, "wallet": each.wallet, "margin": each.margin}
            for name, each in checked.currencies.items()
        },
        "damaged": list(damaged),
    }
