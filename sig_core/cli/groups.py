"""A command that has others below it."""

from __future__ import annotations

import click

from sig_core.address import did_you_mean

__all__ = ["Group"]


class Group(click.Group):
    """Names the nearest command where there is none of that name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing and not name.startswith("-"):
            hint = did_you_mean(name, self.list_commands(ctx))
            ctx.fail(f"no command {name!r}{hint}; {ctx.command_path} --help lists them")
        return super().resolve_command(ctx, args)
