"""`python -m index.atlas INDEX`: draws the map of an index's concepts anew."""

from __future__ import annotations

import sys

from index.atlas.atlas import main
from model.startup import start_command

if __name__ == "__main__":
    start_command()
    sys.exit(main())
