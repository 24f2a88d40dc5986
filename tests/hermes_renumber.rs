//! Strings and functions of real bytecode under other numbers: the same program, and hints of a few bytes for each
//! number that changed, though every reference to it changed too.

#![cfg(feature = "diff")]

use std::collections::HashMap;
use std::io;

use smidge::hermes::body::read_info;
use smidge::hermes::budget::Budget;
use smidge::hermes::code::{Code, Isa};
use smidge::hermes::form::{COUNTS_AT, Count, FOOTER_BYTES, Section};
use smidge::hermes::function::{Function, HAS_DEBUG, HAS_HANDLERS};
use smidge::hermes::layout::{Kind, Operand, choose};
use smidge::hermes::reader::{BUFFERS, Bytecode};
use smidge::hermes::{Bounds, Image, literals, plan, predict, sequences};

fn data(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/data/hermes/{name}.hbc", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Numbers that look random and are the same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// The identity, but for `swaps` pairs among those that `may` change places.
fn swapped(count: usize, swaps: usize, dice: &mut Dice, may: impl Fn(usize, usize) -> bool) -> Vec<u32> {
    let mut map: Vec<u32> = (0..count as u32).collect();
    let mut left = swaps;
    while left > 0 {
        let (a, b) = (dice.below(count), dice.below(count));
        if a != b && may(a, b) {
            map.swap(a, b);
            left -= 1;
        }
    }
    map
}

fn isa_of(bytes: &[u8], file: &Bytecode) -> Isa {
    let bodies: Vec<&[u8]> = file.functions.iter().map(|function| body(bytes, file, function)).collect();
    Isa::new(choose(file.form.version, bodies.into_iter()).unwrap())
}

fn body<'a>(bytes: &'a [u8], file: &Bytecode, function: &Function) -> &'a [u8] {
    &bytes[function.offset() as usize..][..function.size(&file.form) as usize]
}

/// The body and tables of a function, with the ids that the maps say.
fn renamed(bytes: &[u8], isa: &Isa, file: &Bytecode, function: &Function, maps: [&[u32]; 2]) -> Code {
    let size = function.size(&file.form);
    let mut code = Code::read(&mut &bytes[..], isa, function.offset().into(), size.into()).unwrap();
    for instruction in code.instructions.clone() {
        for operand in isa.operands(instruction.opcode) {
            let map = match operand.kind {
                Kind::String => maps[0],
                Kind::Function => maps[1],
                _ => continue,
            };
            let place = &mut code.bytes[instruction.at as usize..];
            let id = operand.get(place).unwrap();
            assert!(operand.set(place, map[id as usize].into()), "all ids fit a byte in these samples");
        }
    }
    // The tables of string switches are pairs; the samples have one such table at most in a function.
    let is_string_table = |operand: &&_| matches!(operand, Operand { kind: Kind::StringTable, .. });
    let strings = code.instructions.iter().filter_map(|it| isa.operands(it.opcode).iter().find(is_string_table));
    if strings.count() == 1 {
        for pair in code.tables.chunks_exact_mut(2) {
            pair[0] = maps[0][pair[0] as usize];
        }
    }
    code
}

fn put(out: &mut Vec<u8>, at: usize, bytes: &[u8]) -> usize {
    out.resize(out.len().max(at + bytes.len()), 0);
    out[at..at + bytes.len()].copy_from_slice(bytes);
    at + bytes.len()
}

fn words(words: impl IntoIterator<Item = u32>) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// The same program with string `i` as `strings[i]` and function `i` as `functions[i]`, laid out as the compiler would.
fn renumber(bytes: &[u8], strings: &[u32], functions: &[u32]) -> Vec<u8> {
    let file = Bytecode::read(&mut &bytes[..]).unwrap();
    let form = file.form;
    let isa = isa_of(bytes, &file);
    let section = |section: Section| {
        let (at, length) = file.places.get(section);
        at as usize..(at + length) as usize
    };
    let mut out = bytes[..file.places.end as usize].to_vec();

    let (table, hashes) = (section(Section::Strings), section(Section::Hashes));
    let identifiers = file.identifiers();
    let ordinal = |id: usize| identifiers[..id].iter().filter(|&&identifier| identifier).count();
    for (from, &to) in strings.iter().enumerate() {
        let (from_at, to_at) = (table.start + 4 * from, table.start + 4 * to as usize);
        put(&mut out, to_at, &bytes[from_at..from_at + 4]);
        if identifiers[from] {
            let (from_at, to_at) = (hashes.start + 4 * ordinal(from), hashes.start + 4 * ordinal(to as usize));
            put(&mut out, to_at, &bytes[from_at..from_at + 4]);
        }
    }
    let lists = sequences::collect(&mut &bytes[..], &file, &file.buffers, &isa, &mut Budget::default()).unwrap();
    let buffers = literals::renumber(&file.form, &file.buffers, &lists, strings);
    for (buffer, name) in buffers.iter().zip(BUFFERS) {
        if !buffer.is_empty() {
            put(&mut out, section(name).start, buffer);
        }
    }

    let mut order: Vec<usize> = (0..functions.len()).collect();
    order.sort_by_key(|&from| functions[from]);
    let mut at = file.code_start as usize;
    let mut places: HashMap<u32, u32> = HashMap::new();
    let mut headers = Vec::new();
    for &from in &order {
        let mut function = file.functions[from];
        function.fields[form.name_field] = strings[function.name(&form) as usize];
        let place = places.entry(function.offset()).or_insert(u32::MAX);
        if *place == u32::MAX {
            *place = at as u32;
            let code = renamed(bytes, &isa, &file, &file.functions[from], [strings, functions]);
            at = put(&mut out, at, &code.bytes);
            if !code.tables.is_empty() {
                at = put(&mut out, at.next_multiple_of(4), &words(code.tables));
            }
        }
        function.fields[0] = *place;
        headers.push((from, function));
    }
    let mut small = Vec::new();
    for (from, function) in &mut headers {
        let info = read_info(&mut &bytes[..], &file, &file.functions[*from]).unwrap();
        let place = at.next_multiple_of(4);
        let extra = function.flags & (HAS_HANDLERS | HAS_DEBUG) != 0;
        function.info = place as u32;
        if let Some(field) = form.info_field {
            function.fields[field] = place as u32;
        }
        function.large = !function.fits_small(&form) || extra && form.info_field.is_none();
        if function.large {
            let mut large = Vec::new();
            function.write_large(&form, &mut large);
            at = put(&mut out, place, &large);
        }
        if function.flags & HAS_HANDLERS != 0 {
            let count = info.handlers.len() as u32;
            let table = words([count].into_iter().chain(info.handlers.into_iter().flatten()));
            at = put(&mut out, at.next_multiple_of(4), &table);
        }
        function.write_small(&form, &mut small);
    }
    put(&mut out, section(Section::Functions).start, &small);

    let debug = at.next_multiple_of(4);
    let at = put(&mut out, debug, &bytes[file.count(Count::DebugInfo) as usize..bytes.len() - FOOTER_BYTES]);
    for (i, count) in form.counts().into_iter().enumerate() {
        let value = match count {
            Count::DebugInfo => debug,
            Count::FileLength => at + FOOTER_BYTES,
            Count::GlobalCode => functions[file.count(Count::GlobalCode) as usize] as usize,
            _ => continue,
        };
        put(&mut out, COUNTS_AT + 4 * i, &words([value as u32]));
    }
    let footer = sha1_smol::Sha1::from(&out).digest().bytes();
    put(&mut out, at, &footer);
    out
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Image for Bytes {
    fn put(&mut self, at: u64, bytes: &[u8], _tag: u8) -> io::Result<()> {
        put(&mut self.0, at as usize, bytes);
        Ok(())
    }
}

/// The bytes of the hints that make `new` from `old`, footer aside.
fn hints(old: &[u8], new: &[u8]) -> usize {
    let plan = plan(old, new).unwrap();
    let mut image = Bytes::default();
    let bounds = Bounds { image_bytes: 1 << 20, memory_bytes: plan.memory_bytes };
    predict(&mut &old[..], &plan.hints[..], &mut image, bounds).unwrap();
    let content = new.len() - FOOTER_BYTES;
    assert!(plan.footer && image.0[..content] == new[..content], "the image is new");
    plan.hints.len()
}

const SAMPLES: [&str; 4] = ["v84", "v96", "v98", "v99"];

fn identity(count: usize) -> Vec<u32> {
    (0..count as u32).collect()
}

#[test]
fn the_renumbering_of_nothing_is_the_file_itself() {
    for sample in SAMPLES {
        let old = data(sample);
        let file = Bytecode::read(&mut &old[..]).unwrap();
        let new = renumber(&old, &identity(file.strings.len()), &identity(file.functions.len()));
        assert!(new == old, "{sample}");
    }
}

#[test]
fn renumbered_strings_cost_a_few_bytes_each() {
    let mut dice = Dice(7);
    for sample in SAMPLES {
        let old = data(sample);
        let file = Bytecode::read(&mut &old[..]).unwrap();
        let identifiers = file.identifiers();
        let functions = identity(file.functions.len());
        let nothing = hints(&old, &old);
        for swaps in [1, 2, 4, 8] {
            let strings = swapped(identifiers.len(), swaps, &mut dice, |a, b| identifiers[a] == identifiers[b]);
            let bytes = hints(&old, &renumber(&old, &strings, &functions));
            println!("{sample}: {swaps} pairs of strings, {bytes} bytes of hints");
            assert!(bytes <= nothing + 40 + 12 * swaps, "{sample}: {swaps} pairs of strings, {bytes} bytes");
        }
    }
}

#[test]
fn functions_in_another_order_are_found_again() {
    let mut dice = Dice(11);
    for sample in SAMPLES {
        let old = data(sample);
        let file = Bytecode::read(&mut &old[..]).unwrap();
        let strings = identity(file.strings.len());
        let nothing = hints(&old, &old);
        for swaps in [1, 2, 4, 8] {
            let functions = swapped(file.functions.len(), swaps, &mut dice, |_, _| true);
            let bytes = hints(&old, &renumber(&old, &strings, &functions));
            println!("{sample}: {swaps} pairs of functions, {bytes} bytes of hints");
            assert!(bytes <= nothing + 40 + 60 * swaps, "{sample}: {swaps} pairs of functions, {bytes} bytes");
        }
    }
}
