"""The command line finds its parts, and one broken part breaks no other."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

import engine.cli
from engine.cli import PluginGroup, main


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> PluginGroup:
    points = [
        EntryPoint("good", "tests.cli.test_plugins:good", "sluice.commands"),
        EntryPoint("gone", "no.such.module:thing", "sluice.commands"),
        EntryPoint("odd", "tests.cli.test_plugins:NOT_A_COMMAND", "sluice.commands"),
        EntryPoint("own", "tests.cli.test_plugins:thief", "sluice.commands"),
    ]
    monkeypatch.setattr(engine.cli, "entry_points", lambda group: points)
    return PluginGroup("x", own={"own": "tests.cli.test_plugins:own"}, entry_point_group="sluice.commands")


NOT_A_COMMAND = 5


@click.command()
def good() -> None:
    """Good."""
    click.echo("good ran")


@click.command()
def own() -> None:
    """Own."""
    click.echo("own ran")


@click.command()
def thief() -> None:
    """Thief."""
    click.echo("thief ran")


def test_a_broken_plugin_is_shown_and_harms_nobody(group: PluginGroup) -> None:
    """One plug-in cannot be imported, one is no command: both are listed with the reason, the others run."""
    listed = CliRunner().invoke(group, ["--help"])
    assert listed.exit_code == 0
    for word in ("good", "gone", "odd", "own", "cannot be loaded"):
        assert word in listed.output
    assert CliRunner().invoke(group, ["good"]).output == "good ran\n"
    gone = CliRunner().invoke(group, ["gone", "--whatever", "x"])
    assert gone.exit_code == 1
    assert 'the command "gone" cannot be loaded from no.such.module:thing' in gone.output
    odd = CliRunner().invoke(group, ["odd"])
    assert odd.exit_code == 1
    assert "got int, wanted a click command" in odd.output


def test_nobody_takes_over_an_own_command(group: PluginGroup) -> None:
    """An installed package names itself like one of ours: ours runs."""
    assert CliRunner().invoke(group, ["own"]).output == "own ran\n"


def test_an_unknown_command_is_wrong_usage(group: PluginGroup) -> None:
    """Exit code 2, and the name is said."""
    result = CliRunner().invoke(group, ["nonsense"])
    assert result.exit_code == 2
    assert "nonsense" in result.output


def test_ctrl_c_is_130(group: PluginGroup) -> None:
    """Interrupted is not refused."""

    @click.command()
    def stop() -> None:
        raise KeyboardInterrupt

    group.add_command(stop, "stop")
    assert CliRunner().invoke(group, ["stop"]).exit_code == 130


def test_exit_codes_and_version_are_told() -> None:
    """--help documents the exit codes, --version says the version."""
    assert "Exit codes:" in CliRunner().invoke(main, ["--help"]).output
    assert CliRunner().invoke(main, ["--version"]).output.startswith("sluice, version ")


def test_python_without_asserts_is_refused() -> None:
    """python -O would switch the engine's invariants off: exit code 2, one line."""
    code = "from engine.cli import main; main(['token', '--help'])"
    result = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("sluice: python -O")
    assert result.stderr.count("\n") == 1
