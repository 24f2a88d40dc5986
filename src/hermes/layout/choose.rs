//! Which table a file needs.

use super::Layout;
use super::tables::{TABLES, table};

/// The layout of the released compilers of bytecode `version`, or of the development builds where none was released;
/// `None` for a version that smidge does not know.
#[must_use]
pub fn layout(version: u32) -> Option<Layout> {
    candidates(version).into_iter().next()
}

/// Every known layout of bytecode `version`, the released one first.
#[must_use]
pub fn candidates(version: u32) -> Vec<Layout> {
    let released = TABLES.iter().map(|table| table.released);
    let passing = TABLES.iter().map(|table| table.passing);
    let tables = released.enumerate().chain(passing.enumerate());
    tables.filter(|(_, versions)| versions.contains(&version)).filter_map(|(index, _)| table(index)).collect()
}

/// The first of the [`candidates`] of `version` that [decodes](Layout::decodes) every one of `bodies`; `None` where
/// none does. Takes time linear in the bytes of `bodies`, at most once per candidate.
pub fn choose<'a>(version: u32, bodies: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Layout> {
    candidates(version).into_iter().find(|layout| bodies.clone().all(|body| layout.decodes(body)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hermes::layout::Kind;

    #[test]
    fn every_version_has_as_many_opcodes_as_its_compilers() {
        let counts = |version| candidates(version).iter().map(Layout::opcode_count).collect::<Vec<_>>();
        assert!(counts(83).is_empty());
        assert_eq!(counts(84), [185]);
        assert_eq!(counts(85), [187, 185]);
        assert_eq!(counts(86), [185, 187]);
        for version in [87, 88, 89, 90, 91, 93] {
            assert_eq!(counts(version), [190]);
        }
        for version in [92, 94, 95, 96] {
            assert_eq!(counts(version), [192]);
        }
        assert_eq!(counts(97), [197, 199]);
        assert_eq!(counts(98), [219, 220, 219]);
        assert_eq!(counts(99), [220, 219, 220]);
        assert!(counts(100).is_empty());
    }

    #[test]
    fn operands_lie_one_behind_the_other() {
        for layout in (84..100).flat_map(candidates) {
            for opcode in 0..layout.opcode_count() as u8 {
                let mut at = 1;
                for operand in layout.operands(opcode).unwrap() {
                    assert_eq!(usize::from(operand.at), at);
                    at += usize::from(operand.width);
                }
                assert_eq!(layout.size_bytes(opcode), Some(at));
            }
            assert_eq!(layout.operands(layout.opcode_count() as u8), None);
        }
    }

    #[test]
    fn only_whole_instructions_and_jumps_that_land_on_one_decode() {
        // LoadConstUndefined r0; Ret r0. Below, 142 is Jmp.
        let body = [118, 0, 92, 0];
        let layout = layout(96).unwrap();
        let instructions: Vec<_> = layout.instructions(&body).map(Result::unwrap).collect();
        assert_eq!(instructions.len(), 2);
        assert_eq!((instructions[1].at, instructions[1].opcode()), (2, 92));
        assert_eq!(instructions[0].operands[0].kind, Kind::Register);
        assert!(choose(96, [&body[..]].into_iter()).is_some());
        assert!(choose(96, [&body[..3]].into_iter()).is_none(), "the last instruction is cut");
        assert!(choose(96, [&[255_u8][..]].into_iter()).is_none(), "there is no such opcode");
        let jump = |distance| [142, distance, 118, 0, 92, 0];
        assert!(choose(96, [&jump(4)[..]].into_iter()).is_some());
        assert!(choose(96, [&jump(3)[..]].into_iter()).is_none(), "the jump lands within an instruction");
        assert!(choose(96, [&jump(6)[..]].into_iter()).is_none(), "the jump lands behind the body");
        assert!(choose(96, [&jump(255)[..]].into_iter()).is_none(), "the jump lands before the body");
    }
}
