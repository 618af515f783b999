"""``sluice desk articles``: check a folder of articles, and turn it into one table and back."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from engine.cli.desk_bot import EXIT_CODES, give_up
from engine.desk.knowledge import markdown
from engine.desk.knowledge.folder import read_folder
from engine.desk.knowledge.table import read_table, write_table
from engine.desk.problems import DeskErrors

DIR = click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
TABLE = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


@click.group(epilog=EXIT_CODES)
def articles() -> None:
    """Check articles, and take them out of a folder or into it. DIR holds articles/ and categories.csv."""


@articles.command(epilog=EXIT_CODES)
@DIR
@click.option("--json", "json_out", is_flag=True, help="One JSON object.")
def check(folder: Path, json_out: bool) -> None:
    """Name every problem of all files in DIR; else count what is there."""
    try:
        knowledge = read_folder(folder)
    except DeskErrors as errors:
        if json_out:
            click.echo(msgspec.json.encode({"problems": errors.problems}))
            raise SystemExit(1) from errors
        give_up(errors)
    except OSError as error:
        give_up(error)
    counted = {
        "articles": len(knowledge.articles),
        "published": sum(article.state == "published" for article in knowledge.articles),
        "categories": len(knowledge.categories),
        "terms": len(knowledge.terms),
        "phrases": len(knowledge.phrases),
    }
    if json_out:
        click.echo(msgspec.json.encode({"problems": [], **counted}))
    else:
        click.echo(", ".join(f"{name}: {value}" for name, value in counted.items()))


@articles.command(name="export", epilog=EXIT_CODES)
@DIR
@click.argument("table", type=TABLE)
def export_table(folder: Path, table: Path) -> None:
    """Write all articles of DIR into one CSV file, TABLE (- for standard output)."""
    try:
        text = write_table(read_folder(folder).articles)
        with click.open_file(str(table), "w", encoding="utf-8") as stream:
            stream.write(text)
    except (DeskErrors, OSError) as error:
        give_up(error)


@articles.command(name="import", epilog=EXIT_CODES)
@DIR
@click.argument("table", type=TABLE)
@click.option("--force", is_flag=True, help="Write over articles that are there already.")
def import_table(folder: Path, table: Path, force: bool) -> None:
    """Write each row of a CSV file, TABLE, as an article into DIR. Nothing is written when any row has a problem."""
    try:
        categories = read_folder(folder).categories
        with sys.stdin.buffer if str(table) == "-" else table.open("rb") as stream:
            found = read_table(stream, str(table), categories)
        paths = {folder / "articles" / markdown.file_name(article): article for article in found}
        there = [path for path in paths if path.exists()]
        if there and not force:
            raise FileExistsError(
                f'"{there[0]}" is there already ({len(there)} of {len(paths)}); --force writes over them'
            )
        for path, article in paths.items():
            path.write_text(markdown.write(article), encoding="utf-8")
    except (DeskErrors, OSError) as error:
        give_up(error)
    click.echo(f"{len(paths)} articles written to {folder / 'articles'}")
