"""Check samconfig.toml against the options of the installed SAM CLI, which itself ignores keys it does not know.

    .venv-sam/bin/python infra/checks/lint_samconfig.py samconfig.toml

Needs no network and no account. Prints one line per finding and exits with 1 if there is any.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

# Commands as samconfig.toml spells them, and where SAM keeps their click definitions.
COMMANDS = {
    "build": "samcli.commands.build.command",
    "delete": "samcli.commands.delete.command",
    "deploy": "samcli.commands.deploy.command",
    "logs": "samcli.commands.logs.command",
    "package": "samcli.commands.package.command",
    "sync": "samcli.commands.sync.command",
    "validate": "samcli.commands.validate.validate",
}


def known_options() -> dict[str, dict[str, Any]]:
    """Option objects by command and by name, read from the installed SAM CLI."""
    from importlib import import_module

    return {name: {p.name: p for p in import_module(module).cli.params} for name, module in COMMANDS.items()}


def findings(config: dict[str, Any], options: dict[str, dict[str, Any]]) -> list[str]:
    """What is wrong with a parsed samconfig.toml, as sentences; empty when all is well."""
    problems = []
    if not isinstance(config.get("version"), float):
        problems.append("`version = 0.1` is missing")
    every_option = {name for of_command in options.values() for name in of_command}
    for environment, commands in config.items():
        if environment == "version":
            continue
        for command, section in commands.items():
            where = f"[{environment}.{command}]"
            if command != "global" and command not in options:
                problems.append(f"{where} is no command this check knows: {', '.join(options)}")
                continue
            unknown_sections = set(section) - {"parameters"}
            problems += [f"{where} has the key {key!r} beside `parameters`" for key in sorted(unknown_sections)]
            for key, value in section.get("parameters", {}).items():
                if key not in (every_option if command == "global" else options[command]):
                    problems.append(f"{where} has the unknown key {key!r}")
                elif command != "global" and options[command][key].is_flag and not isinstance(value, bool):
                    problems.append(f"{where} {key} must be true or false")
    return problems


def main() -> int:
    """Check the file named on the command line."""
    problems = findings(tomllib.loads(Path(sys.argv[1]).read_text()), known_options())
    for problem in problems:
        print(f"{sys.argv[1]}: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
