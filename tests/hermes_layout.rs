//! The instruction layouts against bytecode of the released compilers: `tests/data/hermes/vNN.hbc`, made by the script
//! beside them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use smidge::hermes::layout::{Instruction, Kind, Layout, candidates, choose};

const VERSIONS: [u32; 8] = [84, 85, 89, 90, 94, 96, 98, 99];

/// As much of a bytecode file as these tests need.
struct Sample {
    bytes: Vec<u8>,
    version: u32,
    bodies: Vec<(usize, usize)>,
}

impl Sample {
    fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let version = word(8);
        let body = |function: usize| {
            if version <= 96 {
                let at = 128 + 16 * function;
                if word(at + 12) >> 24 & 0x20 == 0 {
                    return (word(at) & 0x1ff_ffff, word(at + 4) & 0x7fff);
                }
                let large = ((word(at + 8) & 0x1ff_ffff) << 16 | word(at) & 0xffff) as usize;
                (word(large), word(large + 8))
            } else {
                let at = 128 + 12 * function;
                if word(at + 8) >> 24 & 0x20 == 0 {
                    return (word(at) & 0x1ff_ffff, word(at + 4) & 0x3fff);
                }
                let large = ((word(at + 4) >> 14 & 0xff) << 24 | word(at) & 0xff_ffff) as usize;
                (word(large), word(large + 12))
            }
        };
        let bodies = (0..word(40) as usize).map(body).map(|(at, size)| (at as usize, size as usize)).collect();
        Self { bytes, version, bodies }
    }

    fn of_version(version: u32) -> Self {
        Self::open(&data(&format!("v{version}.hbc")))
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    fn bodies(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.bodies.iter().map(|&(at, size)| &self.bytes[at..at + size])
    }

    /// One more than the highest value that an operand of `kind` may have, for references; from the file's header.
    fn bound(&self, kind: Kind) -> Option<u32> {
        let bigints = if self.version >= 87 { 8 } else { 0 };
        let word = match kind {
            Kind::Function => 40,
            Kind::String => 52,
            Kind::BigInt => 64,
            Kind::RegExp => 64 + bigints,
            Kind::ArrayBuffer => 72 + bigints,
            Kind::KeyBuffer => 76 + bigints,
            Kind::ValueBuffer if self.version <= 96 => 80 + bigints,
            Kind::ValueBuffer => 72 + bigints,
            Kind::Shape => 80 + bigints,
            _ => return None,
        };
        Some(self.word(word))
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hermes").join(name)
}

fn signed(instruction: &Instruction, kind: Kind) -> Option<i64> {
    let operand = instruction.operands.iter().find(|operand| operand.kind == kind)?;
    let bits = operand.get(instruction.bytes)?;
    Some(match operand.width {
        1 => i64::from(bits as u8 as i8),
        _ => i64::from(bits as u32 as i32),
    })
}

fn value(instruction: &Instruction, kind: Kind) -> u32 {
    signed(instruction, kind).unwrap() as u32
}

/// Where the cases of a switch jump to, as distances, and the strings that they name.
fn cases(sample: &Sample, body: usize, instruction: &Instruction) -> Vec<(Option<u32>, i64)> {
    let table = |kind| {
        let distance = signed(instruction, kind)?;
        Some((body + instruction.at + usize::try_from(distance).unwrap()).next_multiple_of(4))
    };
    let distance = |at| i64::from(sample.word(at) as i32);
    if let Some(start) = table(Kind::JumpTable) {
        let count = value(instruction, Kind::CaseHigh) - value(instruction, Kind::CaseLow) + 1;
        (0..count as usize).map(|case| (None, distance(start + 4 * case))).collect()
    } else if let Some(start) = table(Kind::StringTable) {
        let count = value(instruction, Kind::Count) as usize;
        let case = |case| (Some(sample.word(start + 8 * case)), distance(start + 8 * case + 4));
        (0..count).map(case).collect()
    } else {
        Vec::new()
    }
}

/// Every reference is in bounds, and every jump lands on an instruction.
fn check(sample: &Sample, layout: &Layout) -> BTreeSet<Kind> {
    let mut kinds = BTreeSet::new();
    for (&(body, _), bytes) in sample.bodies.iter().zip(sample.bodies()) {
        let instructions: Vec<_> = layout.instructions(bytes).map(Result::unwrap).collect();
        let starts: BTreeSet<_> = instructions.iter().map(|instruction| instruction.at as i64).collect();
        for instruction in &instructions {
            let cases = cases(sample, body, instruction);
            let strings = cases.iter().filter_map(|&(string, _)| string);
            assert!(strings.clone().all(|string| string < sample.bound(Kind::String).unwrap()));
            let jumps = cases.iter().map(|&(_, distance)| distance).chain(signed(instruction, Kind::Jump));
            for distance in jumps {
                assert!(starts.contains(&(instruction.at as i64 + distance)), "{instruction:?}");
            }
            for operand in instruction.operands {
                kinds.insert(operand.kind);
                let Some(bound) = sample.bound(operand.kind) else {
                    assert!(!operand.kind.is_reference());
                    continue;
                };
                let value = operand.get(instruction.bytes).unwrap();
                // An object of no literal at all may point at the end of an empty buffer.
                let inside = value < u64::from(bound) || value == 0;
                assert!(inside, "{operand:?} is {value}, of {bound}");
            }
        }
    }
    kinds
}

#[test]
fn every_body_of_every_compiler_decodes_to_its_end() {
    for version in VERSIONS {
        let sample = Sample::of_version(version);
        assert_eq!(sample.version, version);
        let released = candidates(version).swap_remove(0);
        assert_eq!(choose(version, sample.bodies()), Some(released));
    }
}

#[test]
fn references_are_in_bounds_and_jumps_land_on_instructions() {
    for version in VERSIONS {
        let sample = Sample::of_version(version);
        let kinds = check(&sample, &choose(version, sample.bodies()).unwrap());
        let mut expected = vec![Kind::String, Kind::Function, Kind::RegExp, Kind::ValueBuffer, Kind::JumpTable];
        expected.push(if version <= 96 { Kind::KeyBuffer } else { Kind::Shape });
        expected.extend((version >= 89).then_some(Kind::BigInt));
        expected.extend((version <= 96).then_some(Kind::ArrayBuffer));
        expected.extend((version >= 98).then_some(Kind::StringTable));
        for kind in expected {
            assert!(kinds.contains(&kind), "the sample of version {version} has no {kind:?}");
        }
    }
}

#[test]
fn another_versions_table_does_not_decode() {
    for (of, by) in [(84, 85), (85, 89), (94, 89), (98, 96), (99, 96), (96, 98)] {
        let sample = Sample::of_version(of);
        let released = candidates(by).swap_remove(0);
        assert!(!sample.bodies().all(|body| released.decodes(body)), "version {of} by the table of {by}");
    }
}
