"""What a compiled program sends between devices, read from the text of its HLO."""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterator

KINDS = (
    "all-gather", "all-reduce", "reduce-scatter", "all-to-all", "ragged-all-to-all",
    "collective-permute", "collective-broadcast",
)  # fmt: skip

_COMPUTATION = re.compile(r"^(ENTRY )?%([\w.-]+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%([\w.-]+) = (.*?) ([a-z][\w-]*)\((.*)$")
_ARRAY = re.compile(r"\b(pred|[a-z]+[0-9]+[a-z0-9]*)\[([0-9,]+)\]")
_NAME = re.compile(r"%([\w.-]+)")
_LOOP = re.compile(r"condition=%([\w.-]+), body=%([\w.-]+)")
_CALLED = re.compile(r"(?:calls|to_apply|true_computation|false_computation)=%([\w.-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")


@dataclasses.dataclass(frozen=True)
class Traffic:
    """`count` runs of collectives of a kind, which handle `bytes` on each device.

    A run handles what goes in or what comes out, whichever is more.
    """

    count: int
    bytes: int


@dataclasses.dataclass(frozen=True)
class _Instruction:
    name: str
    type: str
    opcode: str
    rest: str  # operands and attributes

    @property
    def operands(self) -> list[str]:
        return _NAME.findall(self.rest.partition(")")[0])


_Computations = dict[str, dict[str, _Instruction]]


def collectives(text: str) -> dict[str, Traffic]:
    """Kind of collective -> its traffic in one run of the program.

    What a loop does counts as often as it turns, where its length is a constant; once where it is a
    value. Of the branches of a condition all count. Groups of one device are no traffic.
    """
    computations, entry = _parse(text)
    counts: Counter[str] = Counter()
    volumes: Counter[str] = Counter()
    for name, runs in _runs(computations, entry).items():
        body = computations[name]
        for instruction in body.values():
            kind = instruction.opcode.removesuffix("-start")
            if kind in KINDS and not _alone(instruction.rest):
                counts[kind] += runs
                volumes[kind] += runs * _volume(instruction, body)
    return {kind: Traffic(counts[kind], volumes[kind]) for kind in KINDS if counts[kind]}


def _parse(text: str) -> tuple[_Computations, str]:
    computations: _Computations = {}
    entry, body = "", {}
    for line in text.splitlines():
        if match := _COMPUTATION.match(line):
            body = computations[match[2]] = {}
            entry = match[2] if match[1] else entry
        elif match := _INSTRUCTION.match(line):
            body[match[1]] = _Instruction(*match.groups())
    return computations, entry


def _runs(computations: _Computations, entry: str) -> Counter[str]:
    """How often each computation runs."""
    runs: Counter[str] = Counter()
    waiting = [(entry, 1)]
    while waiting:
        name, times = waiting.pop()
        runs[name] += times
        for instruction in computations[name].values():
            for called, turns in _called(instruction, computations):
                waiting.append((called, times * turns))
    return runs


def _called(instruction: _Instruction, computations: _Computations) -> Iterator[tuple[str, int]]:
    if match := _LOOP.search(instruction.rest):
        yield match[2], _turns(computations[match[1]], computations[match[2]])
    elif not instruction.opcode.endswith(("-done", "-update")):
        names = _CALLED.findall(instruction.rest)
        for branches in _BRANCHES.findall(instruction.rest):
            names += _NAME.findall(branches)
        yield from ((name, 1) for name in names)


def _turns(condition: dict[str, _Instruction], body: dict[str, _Instruction]) -> int:
    """Turns of a loop that counts from 0 while it is less than a constant; 1 of any other."""
    for compare in condition.values():
        if compare.opcode != "compare" or "direction=LT" not in compare.rest:
            continue
        counter, limit = (condition.get(name) for name in compare.operands)
        if not counter or not limit or limit.opcode != "constant":
            continue
        index = re.search(r"index=(\d+)", counter.rest)
        if index:
            return math.ceil(_constant(limit) / _step(body, int(index[1])))
    return 1


def _step(body: dict[str, _Instruction], index: int) -> int:
    """What a turn adds to the counter: more than 1 where XLA unrolled the loop."""
    *_, root = body.values()
    add = body.get(root.operands[index])
    constants = [
        _constant(body[name])
        for name in (add.operands if add and add.opcode == "add" else ())
        if name in body and body[name].opcode == "constant"
    ]
    return constants[0] if constants else 1


def _constant(instruction: _Instruction) -> int:
    return int(instruction.rest.partition(")")[0])


def _alone(rest: str) -> bool:
    """Whether every group of a collective is one device."""
    if match := re.search(r"source_target_pairs=\{(.*?)\}\}", rest):
        return all(a == b for a, b in re.findall(r"(\d+),(\d+)", match[1]))
    if match := re.search(r"replica_groups=\{\{(.*?)\}\}", rest):
        return "," not in match[1].replace("},{", "")
    if match := re.search(r"replica_groups=\[\d+,(\d+)\]", rest):
        return match[1] == "1"
    if match := re.search(r"replica_groups=mesh\[(.*?)\] \{(.*?)\}", rest):
        sizes = dict(re.findall(r"('\w+')=(\d+)", match[1]))
        return all(sizes.get(axis, "1") == "1" for axis in re.findall(r"'\w+'", match[2]))
    return False


def _volume(instruction: _Instruction, body: dict[str, _Instruction]) -> int:
    inputs = sum(_bytes(body[name].type) for name in instruction.operands if name in body)
    outputs = _bytes(instruction.type)
    if instruction.opcode.endswith("-start"):  # its result holds the operands too
        outputs -= inputs
    return max(inputs, outputs)


def _bytes(type_: str) -> int:
    """Bytes of an array or a tuple of arrays; scalars, which pending transfers carry, are none."""
    total = 0
    for dtype, shape in _ARRAY.findall(re.sub(r"\{[^}]*\}", "", type_)):
        bits = 8 if dtype == "pred" else int(re.findall(r"\d+", dtype)[0])
        total += math.prod(map(int, shape.split(","))) * bits // 8
    return total
