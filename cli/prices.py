"""`augentis prices list | set`: what models cost since when, for the operator."""

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

import settings
from cli.exits import CommandError
from storage.entities import operator
from storage.errors import PriceInForceError

_MOST = Decimal(1_000_000)
_SMALLEST = Decimal("0.000001")
_LONGEST_NAME = 100

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What models cost, in US dollars per million tokens: list, set.",
)


@app.command("list")
async def list_(
    *, json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False
) -> None:
    """List the prices of all models, those to come included."""
    found = await operator.prices(settings.load().need("database_url"))
    if json_:
        rows = [{**price._asdict(), "effective_from": price.effective_from.isoformat()} for price in found]
        print(json.dumps(rows, default=str))
        return
    print("model  from  input/million  output/million")
    for price in found:
        since = price.effective_from.astimezone(UTC).isoformat()
        print(f"{price.model}  {since}  {price.input_per_million}  {price.output_per_million}")


@app.command("set")
async def set_(
    model: Annotated[str, typer.Argument(help="As runners name it, for example gpt-4.")],
    input_: Annotated[str, typer.Option("--input", help="Dollars per million tokens read, 6 decimals.")],
    output: Annotated[str, typer.Option("--output", help="Dollars per million tokens written, 6 decimals.")],
    from_: Annotated[
        str | None,
        typer.Option("--from", help="When it comes into force, as in 2026-12-01T00:00:00Z; by default now."),
    ] = None,
) -> None:
    """Set a model's price from a moment on. What has started before is charged as it was.

    A price that is in force stays: it gets a successor. Only a model's first price may be dated back.
    """
    if not 1 <= len(model) <= _LONGEST_NAME or not model.isprintable():
        raise typer.BadParameter("MODEL: 1 to 100 characters on one line")
    prices = _price("--input", input_), _price("--output", output)
    since = None if from_ is None else _moment(from_)
    try:
        begins = await operator.set_price(settings.load().need("database_url"), model, *prices, since)
    except PriceInForceError as error:
        raise CommandError(str(error)) from None
    print(f"{model} costs {prices[0]} and {prices[1]} from {begins.astimezone(UTC).isoformat()}")


def _price(option: str, text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not (price.is_finite() and 0 <= price < _MOST and price == price.quantize(_SMALLEST)):
        raise typer.BadParameter(f"{option}: a number from 0 to 999999.999999 with at most 6 decimals")
    return price


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--from: write a time as in 2026-12-01T00:00:00Z") from None
    if moment.tzinfo is None:
        raise typer.BadParameter("--from: say the offset as well, as in 2026-12-01T00:00:00Z")
    return moment
