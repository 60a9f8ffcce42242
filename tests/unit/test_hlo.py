"""What a program sends between devices is counted as often as it is sent."""

import textwrap

import jax
import jax.numpy as jnp

from thfm_jax import hlo
from thfm_jax.hlo import Traffic

# As XLA prints programs, shortened: an all-gather in a loop of 30 turns, one that is pipelined in
# an unrolled loop of 8 / 2 turns, one in a loop whose length is a value, and one within a device.
PROGRAM = textwrap.dedent(
    """
    HloModule jit_f, is_scheduled=true

    %body (p: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
      %p = (s32[]{:T(128)}, f32[8,4]{1,0}) parameter(0)
      %i = s32[] get-tuple-element(%p), index=0
      %x = f32[8,4]{1,0} get-tuple-element(%p), index=1
      %one = s32[] constant(1)
      %next = s32[]{:T(128)} add(%i, %one)
      %part = f32[2,4]{1,0} slice(%x), slice={[0:2], [0:4]}
      %all-gather.1 = f32[8,4]{1,0:T(8,128)} all-gather(%part), channel_id=1, replica_groups=mesh['axis_0'=4,'axis_1'=2] {'axis_0'}, dimensions={0}
      ROOT %t = (s32[], f32[8,4]{1,0}) tuple(%next, %all-gather.1)
    }

    %condition (p: (s32[], f32[8,4])) -> pred[] {
      %limit = s32[]{:T(128)} constant(30)
      %p = (s32[], f32[8,4]{1,0}) parameter(0)
      %i = s32[] get-tuple-element(%p), index=0
      ROOT %less = pred[] compare(%i, %limit), direction=LT
    }

    %body.2 (p: (bf16[2,4], u32[])) -> (bf16[2,4], u32[]) {
      %p = (bf16[2,4]{1,0}, u32[]) parameter(0)
      %x = bf16[2,4]{1,0} get-tuple-element(%p), index=0
      %i = u32[] get-tuple-element(%p), index=1
      %two = u32[] constant(2)
      %next = u32[] add(%i, %two)
      %start = (bf16[2,4]{1,0}, bf16[2,4]{1,0}, u32[]{:S(2)}, u32[]{:S(2)}) collective-permute-start(%x), channel_id=2, source_target_pairs={{0,1},{1,0}}
      %done = bf16[2,4]{1,0} collective-permute-done(%start)
      ROOT %t = (bf16[2,4]{1,0}, u32[]) tuple(%done, %next)
    }

    %condition.2 (p: (bf16[2,4], u32[])) -> pred[] {
      %p = (bf16[2,4]{1,0}, u32[]) parameter(0)
      %limit = u32[] constant(8)
      %i = u32[] get-tuple-element(%p), index=1
      ROOT %less = pred[] compare(%i, %limit), direction=LT
    }

    %condition.3 (p: (s32[], f32[8,4])) -> pred[] {
      %p = (s32[], f32[8,4]{1,0}) parameter(0)
      %i = s32[] get-tuple-element(%p), index=0
      %n = s32[] get-tuple-element(%p), index=0
      ROOT %less = pred[] compare(%i, %n), direction=LT
    }

    %add (x: f32[], y: f32[]) -> f32[] {
      %x = f32[] parameter(0)
      %y = f32[] parameter(1)
      ROOT %sum = f32[] add(%x, %y)
    }

    ENTRY %main (a: (s32[], f32[8,4]), b: (bf16[2,4], u32[])) -> f32[2,4] {
      %a = (s32[], f32[8,4]{1,0}) parameter(0)
      %b = (bf16[2,4]{1,0}, u32[]) parameter(1)
      %w = (s32[], f32[8,4]{1,0}) while(%a), condition=%condition, body=%body
      %v = (bf16[2,4]{1,0}, u32[]) while(%b), condition=%condition.2, body=%body.2
      %u = (s32[], f32[8,4]{1,0}) while(%w), condition=%condition.3, body=%body
      %x = f32[8,4]{1,0} get-tuple-element(%u), index=1
      %alone = f32[8,4]{1,0} all-reduce(%x), channel_id=3, replica_groups={{0},{1}}, to_apply=%add
      ROOT %rs = f32[2,4]{1,0} reduce-scatter(%alone), channel_id=4, replica_groups=[2,4]<=[8], dimensions={0}, to_apply=%add
    }
    """  # noqa: E501
)


def test_collectives_of_loops_count_each_turn():
    assert hlo.collectives(PROGRAM) == {
        "all-gather": Traffic(31, 31 * 8 * 4 * 4),
        "reduce-scatter": Traffic(1, 8 * 4 * 4),
        "collective-permute": Traffic(4, 4 * 2 * 4 * 2),
    }


def test_a_program_of_one_device_sends_nothing():

    compiled = jax.jit(lambda x: jax.lax.map(jnp.sin, x)).lower(jnp.ones((4, 4))).compile()
    assert hlo.collectives(compiled.as_text()) == {}
