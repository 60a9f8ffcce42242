"""What is worth shading in a pixel: its samples, grouped by the surface that they see.

Shading every sample would cost nine times as much as shading every pixel and show the same, but
where surfaces meet. So the samples of a pixel that see the same mesh at about the same depth make a
group. It is shaded at one sample, or at `MAX_SHADED` where its triangles are smaller than a pixel.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from thfm_jax.data.synthetic.rendering.jit import kernel

MAX_SHADED = 3
# So many triangles in a pixel can still meet at one vertex of a coarse mesh.
COARSE = 3
# Samples whose depth differs by more than this share see different surfaces.
SAME_DEPTH = 0.02


class Fragments(NamedTuple):
    """Samples to shade, N of them, ordered by mesh, then by pixel.

    Attributes:
      pixel: [N] int32, row times width plus column.
      sample: [N] int32, number of the sample in its pixel, row by row.
      triangle: [N] int32, among those of all meshes.
      weight: [N] float32, share of the pixel that it stands for.
      near: [N] float32, 1 / z.
      first: [M + 1] int64, where each mesh's begin.
    """

    pixel: np.ndarray
    sample: np.ndarray
    triangle: np.ndarray
    weight: np.ndarray
    near: np.ndarray
    first: np.ndarray


class Samples:
    """What each sample of an image sees: a z-buffer, and room to gather fragments from it."""

    def __init__(self, height: int, width: int, side: int):
        self.side = side
        self.near = np.zeros((height * side, width * side), np.float32)
        self.ids = np.empty(self.near.shape, np.int32)
        kinds = (np.int32, np.int32, np.int32, np.float32, np.float32, np.int32)
        self._room = tuple(np.empty(self.near.size, kind) for kind in kinds)

    def clear(self) -> None:
        self.near.fill(0)
        self.ids.fill(-1)

    def gather(self, owner: Int[np.ndarray, "F"], meshes: int) -> Fragments:
        """Fragments of the image; `owner` is the mesh, int32, of each triangle."""
        count = _gather(self.near, self.ids, owner, self.side, *self._room)
        pixel, sample, triangle, weight, near, mesh = (values[:count] for values in self._room)
        first, order = _by_mesh(mesh, meshes)
        return Fragments(
            pixel[order], sample[order], triangle[order], weight[order], near[order], first
        )

    def centres(self, step: int) -> Float[np.ndarray, "h w"]:
        """1 / z at the middle sample of every `step`th pixel, float32."""
        some = slice(self.side // 2, None, step * self.side)
        return np.ascontiguousarray(self.near[some, some])


@kernel
def row_and_column(fragments, n, width, side):
    """Where a fragment's sample is in an image of `side` x `side` samples a pixel.

    With a `side` of 1, where its pixel is.
    """
    pixel, sample = fragments.pixel[n], fragments.sample[n]
    # Divisions of integers are slow, and these are exact.
    row = int((pixel + 0.5) * (1.0 / width))
    if side == 1:
        return row, pixel - row * width
    up = int((sample + 0.5) * (1.0 / side))
    return row * side + up, (pixel - row * width) * side + sample - up * side


@kernel
def _gather(near, ids, owner, side, pixel, sample, triangle, weight, nearness, mesh):
    rows, columns = near.shape[0] // side, near.shape[1] // side
    total = side * side
    seen, kind = np.empty(total, np.int32), np.empty(total, np.int32)
    depth, members = np.empty(total, np.float32), np.empty(total, np.int32)
    count = 0
    for row in range(rows):
        for column in range(columns):
            if _is_uniform(ids, row * side, column * side, side):
                one = ids[row * side, column * side]
                if one >= 0:
                    pixel[count] = row * columns + column
                    sample[count] = total // 2
                    triangle[count] = one
                    weight[count] = 1.0
                    nearness[count] = near[row * side + side // 2, column * side + side // 2]
                    mesh[count] = owner[one]
                    count += 1
                continue
            _read(near, ids, owner, row * side, column * side, side, seen, kind, depth)
            for s in range(total):
                if kind[s] < 0:
                    continue
                here = kind[s]
                size = _group(s, kind, depth, members)
                shaded = _shaded(members, size, seen)
                for k in range(shaded):
                    chosen = members[size * (2 * k + 1) // (2 * shaded)]
                    pixel[count] = row * columns + column
                    sample[count] = chosen
                    triangle[count] = seen[chosen]
                    weight[count] = np.float32(size) / np.float32(shaded * total)
                    nearness[count] = depth[chosen]
                    mesh[count] = here
                    count += 1
    return count


@kernel
def _is_uniform(ids, top, left, side):
    one = ids[top, left]
    for i in range(top, top + side):
        for j in range(left, left + side):
            if ids[i, j] != one:
                return False
    return True


@kernel
def _read(near, ids, owner, top, left, side, seen, kind, depth):
    """Copies a pixel's samples: triangle, its mesh (-1 for none), 1 / z."""
    s = 0
    for i in range(top, top + side):
        for j in range(left, left + side):
            seen[s], depth[s] = ids[i, j], near[i, j]
            kind[s] = owner[seen[s]] if seen[s] >= 0 else -1
            s += 1


@kernel
def _group(first, kind, depth, members):
    """Takes away the samples that see what `first` sees, into `members`; returns how many."""
    mesh, size = kind[first], 0
    for s in range(first, len(kind)):
        if kind[s] == mesh and abs(depth[s] - depth[first]) <= SAME_DEPTH * depth[first]:
            kind[s] = -1
            members[size] = s
            size += 1
    return size


@kernel
def _shaded(members, size, seen):
    """How many samples of a group to shade."""
    different = 0
    for m in range(size):
        new = True
        for earlier in range(m):
            new = new and seen[members[earlier]] != seen[members[m]]
        different += new
    return 1 if different <= COARSE else min(size, MAX_SHADED)


@kernel
def _by_mesh(mesh, meshes):
    """([M + 1] where each mesh begins, [N] order that sorts by mesh and keeps the order within)."""
    first = np.zeros(meshes + 1, np.int64)
    for m in mesh:
        first[m + 1] += 1
    for m in range(meshes):
        first[m + 1] += first[m]
    place = first[:-1].copy()
    order = np.empty(len(mesh), np.int64)
    for i in range(len(mesh)):
        order[place[mesh[i]]] = i
        place[mesh[i]] += 1
    return first, order


@kernel
def add_up(fragments, colours, people, strands, image, shares):
    """Adds the fragments to their pixels, by weight.

    Args:
      fragments: N of them.
      colours: [N, 3] float32.
      people, strands: [M] bool, what each mesh belongs to.
      image: [H W, 3] float32, updated.
      shares: [3, H W] float32 of each pixel: covered by anything, by people, by strands; updated.
    """
    for m in range(len(people)):
        for n in range(fragments.first[m], fragments.first[m + 1]):
            pixel, weight = fragments.pixel[n], fragments.weight[n]
            shares[0, pixel] += weight
            if people[m]:
                shares[1, pixel] += weight
            if strands[m]:
                shares[2, pixel] += weight
            for c in range(3):
                image[pixel, c] += weight * colours[n, c]
