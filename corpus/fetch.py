#!/usr/bin/env python3
"""Fetch the large pairs of manifest.tsv into corpus/large/PAIR/{old,new}, checked by hash.

    corpus/fetch.py                      every pair that a registry has
    corpus/fetch.py js- tree-n8n         the pairs whose names contain one of these
    corpus/fetch.py --built DIR rn-      the built React Native pairs, from a folder of vN.js.zst, vN.hbc.zst, ...
    corpus/fetch.py --check              only check what is there

npm packages come with `npm pack`, PyPI wheels with `pip download`. Archives stay in corpus/large/.archives, so that a
second run fetches nothing. Nothing is written before its archive's sha256 agrees with the manifest, and no pair stands
under its own name before both contents agree. Exit code: 0 all there, 1 something failed or was skipped.
"""
import argparse
import csv
import hashlib
import io
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
SIDES = ("old", "new")


class Trouble(Exception):
    """What kept one pair away; the message tells what to do."""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def content_hash(side):
    """The manifest's content hash: of the bytes of a file, or of the sorted lines `path sha256` of a tree."""
    if isinstance(side, bytes):
        return sha256(side)
    return sha256("\n".join(sorted(f"{path} {sha256(data)}" for path, data in side.items())).encode())


def read_back(path):
    if path.is_file():
        return path.read_bytes()
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def run(command):
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except FileNotFoundError:
        raise Trouble(f"`{command[0]}` is not installed") from None
    if done.returncode:
        raise Trouble(f"`{' '.join(map(str, command))}` failed: {done.stderr.decode(errors='replace').strip()[-300:]}")


def archive(source, version, archives, want):
    """The path of one package archive, fetched if it is not here yet, its hash checked."""
    registry, name = source.split(":", 1)
    folder = archives / f"{name.replace('/', '_')}@{version}"
    if not folder.is_dir() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        if registry == "npm":
            run(["npm", "pack", "--silent", f"{name}@{version}", "--pack-destination", folder])
        elif registry == "pypi":
            run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:",
                 "--ignore-requires-python", "-d", folder, f"{name}=={version}"])
        else:
            raise Trouble(f"the manifest names a registry that is not known here: {registry}")
    path = next(folder.iterdir())
    found = sha256(path.read_bytes())
    if found != want:
        raise Trouble(f"{path.name}: sha256 is {found}, the manifest has {want}; delete {folder} and try again")
    return path


def members(path):
    if path.suffix in (".tgz", ".gz"):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isfile():
                    yield member.name, tar.extractfile(member).read()
    else:
        with zipfile.ZipFile(path) as wheel:
            for info in wheel.infolist():
                if not info.is_dir():
                    yield info.filename, wheel.read(info)


def subset(path, part):
    """The part of an archive that a pair takes: `a/file`, or `a/folder/`; `*/` in front means anywhere."""
    tree = {}
    for name, data in members(path):
        if part.startswith("*/"):
            at = name.find(part[1:])
            if at >= 0:
                tree[name[at + len(part) - 1:]] = data
        elif part.endswith("/"):
            if name.startswith(part):
                tree[name[len(part):]] = data
        elif name == part:
            return data
    if not tree:
        raise Trouble(f"{path.name} holds nothing at {part}")
    return tree


def unzstd(path):
    if not path.is_file():
        raise Trouble(f"{path.name} is not in the folder of built files")
    try:
        return subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
    except FileNotFoundError:
        raise Trouble("`zstd` is not installed") from None


def built(pair, built_dir):
    """Both sides of a built React Native pair, by the naming of the built files (see README.md)."""
    if built_dir is None:
        raise Trouble("built, not published; give the folder of built files with --built DIR")
    _, kind, step = pair.split("-")
    a, b = f"v{step[1]}", f"v{step[2]}"
    if kind == "tree":
        sides = []
        for v in (a, b):
            with tarfile.open(fileobj=io.BytesIO(unzstd(built_dir / f"{v}.assets.tar.zst"))) as tar:
                tree = {m.name.removeprefix("./"): tar.extractfile(m).read() for m in tar if m.isfile()}
            tree["index.android.bundle"] = unzstd(built_dir / f"{v}.hbc.zst")
            sides.append(tree)
        return sides
    names = {
        "js": (f"{a}.js", f"{b}.js"),
        "hbc": (f"{a}-debug.hbc", f"{b}-debug.hbc"),
        "hbcbase": (f"{a}-debug.hbc", f"{b}-base-{a}-debug.hbc"),
        "hbcsm": (f"{a}.hbc", f"{b}.hbc"),
        "hbcsmbase": (f"{a}.hbc", f"{b}-base-{a}.hbc"),
    }[kind]
    return [unzstd(built_dir / f"{name}.zst") for name in names]


def put(path, side):
    if isinstance(side, bytes):
        path.write_bytes(side)
        return
    for name, data in side.items():
        parts = pathlib.PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts:
            raise Trouble(f"an archive holds the unsafe path {name}")
        file = path.joinpath(*parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def check(row, sides):
    for side, content in zip(SIDES, sides):
        found, want = content_hash(content), row[f"{side}_content_sha256"]
        if found != want:
            raise Trouble(f"{side}: content hash is {found}, the manifest has {want}")


def fetch(row, args):
    pair = args.into / row["pair"]
    if all((pair / side).exists() for side in SIDES):
        check(row, [read_back(pair / side) for side in SIDES])
        return "there"
    if args.check:
        raise Trouble("not fetched yet")
    if row["source"].startswith("built:"):
        sides = built(row["pair"], args.built)
    else:
        sides = [subset(archive(row["source"], row[f"{side}_version"], args.archives, row[f"{side}_archive_sha256"]),
                        row["subset"]) for side in SIDES]
    check(row, sides)
    part = args.into / f".{row['pair']}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for side, content in zip(SIDES, sides):
        put(part / side, content)
    if pair.exists():
        shutil.rmtree(pair)
    part.rename(pair)
    return "fetched"


def main():
    parser = argparse.ArgumentParser(description="Fetch the large pairs of manifest.tsv, checked by hash.")
    parser.add_argument("name", nargs="*", help="only pairs whose names contain one of these")
    parser.add_argument("--into", type=pathlib.Path, default=HERE / "large", help="where pairs go (corpus/large)")
    parser.add_argument("--archives", type=pathlib.Path, help="where package archives stay (INTO/.archives)")
    parser.add_argument("--built", type=pathlib.Path, metavar="DIR", help="folder of the built React Native files")
    parser.add_argument("--check", action="store_true", help="fetch nothing, only check what is there")
    args = parser.parse_args()
    args.archives = args.archives or args.into / ".archives"

    with open(HERE / "manifest.tsv", newline="") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t"))
    wanted = [row for row in rows if not args.name or any(name in row["pair"] for name in args.name)]
    absent = 0
    for row in wanted:
        try:
            print(f"{row['pair']}: {fetch(row, args)}", flush=True)
        except Trouble as trouble:
            absent += 1
            print(f"{row['pair']}: skipped: {trouble}", flush=True)
    print(f"{len(wanted) - absent} of {len(wanted)} pairs are in {args.into}")
    return 1 if absent or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
