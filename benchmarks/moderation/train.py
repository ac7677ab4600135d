"""Makes the heads of the classifiers: python -m benchmarks.moderation.train --injection PATH --toxicity PATH ...

Writes chatapp/moderation/heads/<name>.json and prints its figures. benchmarks/moderation/datasets.py names the data.
"""

import argparse
import json
from pathlib import Path

from benchmarks.retrieval.database import own_database


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moderation.train", description=__doc__)
    parser.add_argument("--injection", type=Path, required=True, help="folder of train.csv, validation.csv, test.csv")
    parser.add_argument("--toxicity", type=Path, required=True, help="samples-1680.jsonl.gz")
    parser.add_argument("--documents", type=Path, required=True, help="folder of Markdown files")
    options = parser.parse_args()
    with own_database():
        from benchmarks.moderation.heads import Paths, read_materials
        from benchmarks.moderation.training import write_head
        from benchmarks.moderation.vectors import CACHE, Vectors

        for material in read_materials(Paths(options.injection, options.toxicity, options.documents)):
            print(material.name, json.dumps(write_head(material, Vectors(CACHE)), indent=1))


if __name__ == "__main__":
    main()
