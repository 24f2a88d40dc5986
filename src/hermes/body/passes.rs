//! The two passes over the instructions of a changed body: which stay, go and come; then their operands.

use super::super::HermesError;
use super::super::code::{self, Instruction, signed, value};
use super::super::functions::Numbering;
use super::super::hints::Hints;
use super::super::layout::{Kind, Operand};
use super::super::rows::NONE;
use super::{Bodies, Code, Coded, Lesson, went};
use crate::codec::mix::hash;
use crate::codec::range::Coder;

/// Memory of an instruction beside its bytes: where it is, its counterpart, and where that went.
const INSTRUCTION_BYTES: u64 = 20;
/// Memory of a place that was learned.
const LEARNED_BYTES: u64 = 24;

impl Bodies {
    /// The first pass. Gives back the counterpart of each instruction.
    pub(super) fn code_instructions<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        numbering: &Numbering<'_>,
        from: &Code,
        lesson: &Lesson,
        out: &mut Code,
    ) -> Result<Vec<u32>, HermesError> {
        let mut align: Vec<u32> = Vec::new();
        let mut next = 0usize;
        let mut recent = 0u32;
        let mut distance = 0u32;
        let (mut last, mut before, mut deleted) = (0u32, 0u32, 0u32);
        self.past.begin();
        loop {
            let told = align.len();
            let opcode_at = |index: usize| from.instructions.get(index).map_or(256, |this| u32::from(this.opcode));
            let (here, ahead) = (opcode_at(next), opcode_at(next + 1));
            let at_end = next == from.instructions.len();
            let counterpart = lesson.align.get(told).copied();
            let near = (32 - distance.leading_zeros()).min(15);
            let state = (recent & 3) as usize | usize::from(at_end) << 2 | usize::from(from.bytes.is_empty()) << 3;
            if !at_end {
                let contexts = [
                    recent & 0xff,
                    hash(recent & 0xf, here),
                    hash(hash(recent & 3, here), ahead),
                    near | (recent & 3) << 8,
                    hash(hash(last, here), recent & 0xf),
                    hash(recent & 0xffff, near),
                ];
                let leaves = hints.decide(counterpart != Some(next as u32), 1, contexts, state, near as usize);
                if !leaves {
                    let opcode = from.instructions[next].opcode;
                    self.push(hints, numbering, out, opcode)?;
                    align.push(next as u32);
                    (before, last) = (last, opcode.into());
                    self.past.opcodes.push(opcode);
                    next += 1;
                    recent <<= 2;
                    distance = distance.saturating_add(1);
                    deleted = 0;
                    hints.check()?;
                    continue;
                }
            }
            distance = 0;
            let contexts = [
                recent & 0xff,
                hash(recent & 3, last),
                hash(hash(last, before), here),
                hash(recent & 0xf, here),
                hash(last, here),
                hash(deleted, recent & 0xf),
            ];
            // An instruction comes; or, if not, one of old goes, or the body ends.
            let comes = if at_end { told < lesson.code.instructions.len() } else { counterpart == Some(NONE) };
            let comes = hints.decide(comes, 2 + usize::from(at_end), contexts, state, (last & 255) as usize);
            hints.check()?;
            if comes {
                let told = lesson.code.instructions.get(told).map_or(0, |instruction| instruction.opcode);
                let opcode = self.past.opcodes.code(hints, told, here, deleted, recent);
                self.push(hints, numbering, out, opcode)?;
                align.push(NONE);
                (before, last) = (last, opcode.into());
                self.past.opcodes.push(opcode);
                recent = recent << 2 | 1;
            } else if at_end {
                return Ok(align);
            } else {
                deleted = here;
                next += 1;
                recent = recent << 2 | 2;
            }
        }
    }

    fn push<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        numbering: &Numbering<'_>,
        out: &mut Code,
        opcode: u8,
    ) -> Result<(), HermesError> {
        let size = numbering.isa.size_bytes(opcode).ok_or(HermesError::Hints { what: "an unknown opcode" })?;
        if out.bytes.len() + size > self.limit {
            return Err(HermesError::Hints { what: "a function that does not end" });
        }
        self.hold(hints, size as u64 + INSTRUCTION_BYTES)?;
        out.instructions.push(Instruction { at: out.bytes.len() as u32, opcode });
        out.bytes.push(opcode);
        out.bytes.resize(out.bytes.len() + size - 1, 0);
        Ok(())
    }

    /// The second pass.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn code_operands<C: Coder>(
        &mut self,
        hints: &mut Hints<C>,
        numbering: &mut Numbering<'_>,
        from: &Code,
        predicted: &[u8],
        lesson: &Lesson,
        align: &[u32],
        coded: &mut Coded,
    ) -> Result<(), HermesError> {
        let isa = numbering.isa;
        let mut tables_bytes = 0u64;
        for (index, &was) in align.iter().enumerate() {
            let Some(&instruction) = coded.code.instructions.get(index) else { break };
            let operands = isa.operands(instruction.opcode);
            let base = from.instructions.get(was as usize).copied();
            let following = coded.code.instructions.get(index + 1).map_or(0, |next| next.opcode);
            self.past.enter(isa, instruction.opcode, following);
            // What each operand is expected to be.
            let mut expected = [None; 8];
            let mut told = [0u64; 8];
            for (i, &operand) in operands.iter().enumerate() {
                told[i] = value(operand, &lesson.code.bytes, instruction.at);
                expected[i] = match (operand.kind, base) {
                    (Kind::JumpTable | Kind::StringTable, _) => {
                        // Tables lie behind the instructions, one behind the other.
                        Some((coded.code.bytes.len() as u64 + tables_bytes).wrapping_sub(instruction.at.into()) as u32
                            as u64)
                    }
                    (Kind::Jump, Some(base)) => Some(jump(operand, from, base, coded, instruction)),
                    (Kind::Register, Some(base)) => Some(self.past.register(value(operand, predicted, base.at))),
                    (_, Some(base)) => Some(value(operand, predicted, base.at)),
                    (kind, None) => numbering.next_literal(kind).map(u64::from),
                };
            }
            let mut exact = false;
            if base.is_some() {
                let stays = (0..operands.len()).all(|i| expected[i] == Some(told[i]));
                exact = self.past.code_exact(hints, stays, instruction.opcode, &expected);
                hints.check()?;
            }
            for i in self.past.order(operands) {
                let operand = operands[i];
                let new = if exact {
                    expected[i].unwrap_or_default()
                } else {
                    self.past.code_operand(hints, operand, i, told[i], expected[i])?
                };
                let place = coded.code.bytes.get_mut(instruction.at as usize..).unwrap_or_default();
                if !operand.set(place, new) {
                    return Err(HermesError::Hints { what: "an operand that is too wide" });
                }
                if let Some(base) = base {
                    let old = value(operand, &from.bytes, base.at);
                    if operand.kind == Kind::Register {
                        self.past.renamed(value(operand, predicted, base.at), new);
                    } else if expected[i] != Some(new) && numbering.learn(operand.kind, old as u32, new as u32) {
                        hints.budget.hold(LEARNED_BYTES)?;
                    }
                }
                numbering.used(operand.kind, new as u32);
                self.past.operand(operand, i, new);
            }
            self.past.leave(coded.code.instruction_bytes(index));
            if let Some((_, entries, words)) = code::table_of(isa, &coded.code.bytes, instruction) {
                tables_bytes = tables_bytes.saturating_add(entries * u64::from(words) * 4);
            }
        }
        Ok(())
    }
}

/// The operand of a jump whose target moved.
fn jump(operand: Operand, from: &Code, base: Instruction, coded: &Coded, instruction: Instruction) -> u64 {
    let distance = signed(value(operand, &from.bytes, base.at), operand.width);
    let target = i64::from(base.at) + distance;
    let target = u32::try_from(target).map_or(target, |target| i64::from(went(&coded.moved, target)));
    let new = target - i64::from(instruction.at);
    new as u64 & (u64::MAX >> (64 - 8 * u32::from(operand.width)))
}
