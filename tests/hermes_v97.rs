//! Version 97, which no released compiler writes: files are put together here as that version's sources describe them.

#![cfg(feature = "diff")]

use std::io;

use smidge::hermes::layout::{Kind, Layout, candidates};
use smidge::hermes::reader::Bytecode;
use smidge::hermes::{Bounds, Image, plan, predict};

/// What a small function does: it loads a constant and returns, with the operands at hand.
fn body(layout: &Layout, string: u32, function: u32) -> Vec<u8> {
    let mut body = Vec::new();
    // Any opcode that refers to a string, and any to a function, of the widest operands.
    for (kind, value) in [(Kind::String, string), (Kind::Function, function)] {
        let refers = |opcode: &u8| {
            let operands = layout.operands(*opcode).unwrap_or_default();
            operands.len() <= 3
                && operands.iter().all(|operand| operand.kind == kind || operand.kind == Kind::Register)
                && operands.iter().any(|operand| operand.kind == kind && operand.width >= 2)
        };
        let opcode = (0..layout.opcode_count() as u8).find(refers).expect("there is one");
        let mut instruction = vec![0; layout.size_bytes(opcode).unwrap()];
        instruction[0] = opcode;
        for operand in layout.operands(opcode).unwrap().iter().filter(|operand| operand.kind == kind) {
            assert!(operand.set(&mut instruction, value.into()));
        }
        body.extend(instruction);
    }
    body
}

fn words(out: &mut Vec<u8>, words: &[u32]) {
    out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

/// A file of version 97 with these strings, sorted, and a function for each; every third needs a large header.
fn file(strings: &[String]) -> Vec<u8> {
    let layout = candidates(97).remove(0);
    let count = strings.len() as u32;
    let storage: Vec<u8> = strings.iter().flat_map(|string| string.bytes()).collect();
    let sections = 128 + 12 * count + 4 + 4 * count + storage.len() as u32;
    let mut at = sections;
    let bodies: Vec<Vec<u8>> = (0..count).map(|i| body(&layout, i, (i + 1) % count)).collect();
    let code: u32 = bodies.iter().map(|body| body.len() as u32).sum();
    let mut info = (at + code).next_multiple_of(4);
    let (mut heads, mut infos) = (Vec::new(), Vec::new());
    for (i, body) in bodies.iter().enumerate() {
        let (size, name) = (body.len() as u32, i as u32);
        let (frame, parameters) = (if i % 3 == 0 { 300 } else { 9 }, 2);
        if frame < 256 {
            words(&mut heads, &[at | parameters << 25, size | name << 15, frame | 1 << 8 | 2 << 16]);
        } else {
            // Overflowed: 16 bits of the place where the body's is, those above where the name is.
            words(&mut heads, &[info & 0xffff, info >> 16 << 15, 1 << 29]);
            words(&mut infos, &[at, parameters, size, name, frame]);
            infos.extend([1, 2, 0, 0]);
            info += 24;
        }
        at += size;
    }
    // The last large header is not padded.
    infos.truncate(infos.len() - 1);
    let mut out = 0x1F19_03C1_03BC_1FC6u64.to_le_bytes().to_vec();
    words(&mut out, &[97]);
    out.extend([7; 20]);
    let debug = (at.next_multiple_of(4) + infos.len() as u32).next_multiple_of(4);
    words(&mut out, &[debug + 20 + 20, 0, count, 1, 0, count, 0, storage.len() as u32]);
    words(&mut out, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, debug]);
    out.resize(128, 0);
    out.extend(heads);
    words(&mut out, &[count]);
    let mut offset = 0;
    for string in strings {
        words(&mut out, &[offset << 1 | (string.len() as u32) << 24]);
        offset += string.len() as u32;
    }
    out.extend(storage);
    out.extend(bodies.concat());
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(infos);
    out.resize(debug as usize, 0);
    // Five words of debug info, none of it.
    out.extend([0; 20]);
    let hash = sha1_smol::Sha1::from(&out).digest().bytes();
    out.extend(hash);
    out
}

fn strings(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("name{:04}", i * 7)).collect()
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Image for Bytes {
    fn put(&mut self, at: u64, bytes: &[u8], _tag: u8) -> io::Result<()> {
        let end = at as usize + bytes.len();
        self.0.resize(self.0.len().max(end), 0);
        self.0[at as usize..end].copy_from_slice(bytes);
        Ok(())
    }
}

#[test]
fn headers_large_and_small_are_read() {
    let data = file(&strings(300));
    let read = Bytecode::read(&mut &data[..]).unwrap();
    assert_eq!((read.functions.len(), read.strings.len()), (300, 300));
    for (i, function) in read.functions.iter().enumerate() {
        assert_eq!(function.large, i % 3 == 0);
        assert_eq!(function.name(&read.form), i as u32);
    }
}

#[test]
fn an_inserted_string_renumbers_all_and_costs_little() {
    let old = strings(300);
    let mut new = old.clone();
    new.insert(40, "name0275".to_owned());
    let (old, new) = (file(&old), file(&new));
    let plan = plan(&old, &new).expect("both are of version 97");
    let mut image = Bytes::default();
    let bounds = Bounds { image_bytes: 1 << 20, memory_bytes: plan.memory_bytes };
    let bytes = predict(&mut &old[..], &plan.hints[..], &mut image, bounds).unwrap();
    image.0.resize(bytes as usize, 0);
    assert!(image.0 == plan.image);
    let wrong = (0..new.len() - 20).filter(|&at| image.0.get(at) != Some(&new[at])).count();
    let plain = old.iter().zip(&new).filter(|(a, b)| a != b).count();
    println!("{} bytes of hints, {wrong} wrong; {plain} bytes differ", plan.hints.len());
    assert!(plan.hints.len() < 200 && wrong < 20 && plain > 2_000);
}
