"""`python -m train.tables > assets/tables.json`: the slides' tables as the page reads them."""

from __future__ import annotations

if __name__ == "__main__":  # before packages that look for a place of theirs when they are imported
    from model.startup import start_command

    start_command()

import argparse
import json

from train.tables.published import as_data


def main() -> int:
    argparse.ArgumentParser(
        prog="python -m train.tables", description="Prints what the slides' tables declare, and the published figures, "
        "as JSON; assets/tables.json holds it for the page.").parse_args()
    print(json.dumps(as_data(), indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
