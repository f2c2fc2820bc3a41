"""WordNet: the tree of ImageNet's classes, made once from its database and from what people say every day.

    python -m index.names.wordnet /usr/share/wordnet --overwrite

(Debian's wordnet-base, WordNet 3.0) writes assets/names/taxonomy.json anew, by assets/names/everyday.toml beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.errors import ConceptIndexError
from index.names.taxonomy import TAXONOMY_FILE, plain
from model.startup import start_command

EVERYDAY_FILE = TAXONOMY_FILE.with_name("everyday.toml")
# What has more classes under it says nothing: an artifact, an object, a living thing.
MOST_CLASSES = 400
# A rarer sense of a word is not meant by it: a car is a machine too, and a toy a Chihuahua.
MOST_SENSES = 2


@dataclass(frozen=True)
class Synset:
    """words: as people write them, the usual one first; parents: its hypernyms."""

    words: tuple[str, ...]
    parents: tuple[str, ...]


class WordNet:
    """The nouns. synsets: by their ids, as "n02084071"; senses: a word's synsets, the most frequent first; plurals:
    the irregular ones, each with its singular."""

    def __init__(self, folder: Path) -> None:
        """Raises ConceptIndexError where there is no database of WordNet."""
        try:
            self.synsets = dict(_synset(line) for line in _lines(folder / "data.noun"))
            self.senses = dict(_senses(line) for line in _lines(folder / "index.noun"))
            self.plurals = dict(plain(line).split()[:2] for line in _lines(folder / "noun.exc"))
        except (OSError, ValueError, IndexError) as error:
            raise ConceptIndexError(f"{folder} has no nouns of WordNet that can be read ({error}); install Debian's "
                                    "wordnet-base, and name the folder that data.noun is in.") from error

    def above(self, synset: str) -> set[str]:
        """The synset and all its hypernyms. KeyError for one that is not there."""
        found, waiting = set(), [synset]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.synsets[one].parents
        return found

    def means(self, word: str, synset: str) -> bool:
        """Whether the synset is what people mean by one of its words."""
        usual = self.synsets[synset].words[0] == word
        return usual or synset in self.senses.get(word, ())[:MOST_SENSES]


def _lines(path: Path) -> list[str]:
    """Without the licence, whose lines start with two spaces."""
    return [line for line in path.read_text(encoding="latin-1").splitlines() if line and not line.startswith("  ")]


def _synset(line: str) -> tuple[str, Synset]:
    """A line of data.noun: its offset, file, kind, number of words (hexadecimal), words, pointers, gloss."""
    fields = line.partition("|")[0].split()
    words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
    pointers = fields[5 + 2 * len(words) :]
    parents = [f"n{pointers[place + 1]}" for place in range(0, len(pointers) - 3, 4)
               if pointers[place] in ("@", "@i") and pointers[place + 2] == "n"]
    return f"n{fields[0]}", Synset(tuple(dict.fromkeys(map(plain, words))), tuple(parents))


def _senses(line: str) -> tuple[str, list[str]]:
    """A line of index.noun: its word, and at the end as many offsets as its third field says."""
    fields = line.split()
    return plain(fields[0]), [f"n{offset}" for offset in fields[-int(fields[2]) :]]


def taxonomy_of(wordnet: WordNet, classes: Sequence[str], words: Sequence[str], everyday: Mapping) -> dict:
    """What taxonomy.json holds. classes: synsets in the classifier's order, and what each is called; everyday: what
    everyday.toml says."""
    above = [wordnet.above(synset) for synset in classes]
    count: dict[str, int] = {}
    for synset in (one for found in above for one in sorted(found)):
        count[synset] = count.get(synset, 0) + 1
    own = dict(zip(classes, words, strict=True))
    called = own | everyday["shown"]
    inner = sorted(synset for synset in count if synset not in own and count[synset] <= MOST_CLASSES)
    place = {synset: number for number, synset in enumerate([*classes, *inner])}
    for part in (everyday["shown"], everyday["unshown"]["synsets"], everyday["unnamed"]["synsets"],
                 *everyday["synonyms"].values()):
        if unknown := [synset for synset in part if synset not in place]:
            raise ConceptIndexError(f"{EVERYDAY_FILE.name} has {unknown[0]}, which no class lies under.")
    unnamed, unshown = (set(everyday[part]["synsets"]) for part in ("unnamed", "unshown"))
    nodes = []
    for synset in place:
        is_unnamed = bool(wordnet.above(synset) & unnamed)
        is_shown = synset in called and synset not in unshown and not is_unnamed
        name = called.get(synset, wordnet.synsets[synset].words[0])
        meant = [word for word in wordnet.synsets[synset].words if wordnet.means(word, synset)]
        spoken = [plain(word) for word in (name, own.get(synset, name))] if synset in called else []
        nodes.append({"synset": synset, "name": name, "shown": is_shown, "unnamed": is_unnamed,
                      "words": list(dict.fromkeys([*spoken, *meant])),
                      "parents": [place[parent] for parent in wordnet.synsets[synset].parents if parent in place]})
    shown = [node["name"] for node in nodes if node["shown"]]
    if twice := sorted({name for name in shown if shown.count(name) > 1}):
        raise ConceptIndexError(f"{EVERYDAY_FILE.name} has two kinds for each of these names: {', '.join(twice)}.")
    known = {word.split()[-1] for node in nodes for word in node["words"]} | {*everyday["synonyms"]}
    return {
        "source": "WordNet 3.0, Princeton University; its licence lies beside this file",
        "classes": list(words), "nodes": nodes,
        "synonyms": {plain(word): [place[synset] for synset in synsets]
                     for word, synsets in everyday["synonyms"].items()},
        "plurals": {plural: single for plural, single in sorted(wordnet.plurals.items()) if single in known}}


def written(taxonomy: Mapping) -> bytes:
    """JSON with a line a node, so that two versions can be compared."""
    parts = {key: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
             for key, value in taxonomy.items() if key != "nodes"}
    parts["nodes"] = "[\n" + ",\n".join(json.dumps(node, ensure_ascii=False, separators=(",", ":"))
                                        for node in taxonomy["nodes"]) + "\n]"
    return ("{" + ",\n".join(f'"{key}":{value}' for key, value in parts.items()) + "}\n").encode()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m index.names.wordnet",
                                     description="Makes the tree of concepts' names.")
    parser.add_argument("wordnet", type=Path, metavar="FOLDER", help="WordNet's database; Debian: /usr/share/wordnet")
    parser.add_argument("--out", type=Path, default=TAXONOMY_FILE, metavar="FILE", help=f"default: {TAXONOMY_FILE}")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    options = parser.parse_args(arguments)

    from timm.data import ImageNetInfo

    from index.names.naming import words_of
    from model.checkpoints.files import write_whole
    from model.targets import TakenError, check_free

    info = ImageNetInfo()
    try:
        check_free([options.out], overwrite=options.overwrite)
        everyday = tomllib.loads(EVERYDAY_FILE.read_text(encoding="utf-8"))
        words = words_of([info.index_to_description(number) for number in range(info.num_classes())])
        content = written(taxonomy_of(WordNet(options.wordnet), info.label_names(), words, everyday))
        write_whole(options.out, content)
    except (ConceptIndexError, TakenError, OSError, tomllib.TOMLDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.out}: {info.num_classes()} classes, {len(content) / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    start_command()
    sys.exit(main())
