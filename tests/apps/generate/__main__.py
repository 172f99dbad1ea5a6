"""``python -m tests.apps.generate``: write the vectors anew."""

from __future__ import annotations

from tests.apps.generate.write import VECTORS, write_all

if __name__ == "__main__":
    print(f"{write_all(VECTORS)} files in {VECTORS.name}/")
