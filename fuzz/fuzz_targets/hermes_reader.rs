//! Any bytes as a bytecode file: read, decoded body by body, and looked at by `lint`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smidge::hermes::layout;
use smidge::hermes::lint::lint;
use smidge::hermes::reader::Bytecode;

const SAMPLE: &[u8] = include_bytes!("../../tests/data/hermes/v96.hbc");

fuzz_target!(|data: &[u8]| {
    let Ok(file) = Bytecode::read(&mut &data[..]) else { return };
    assert_eq!(file.file_bytes, data.len() as u64);
    for string in &file.strings {
        assert_eq!(string.text(&file.storage).len() as u64, string.bytes());
    }
    for layout in layout::candidates(file.form.version) {
        for function in &file.functions {
            let start = function.offset() as usize;
            let body = &data[start..start + function.size(&file.form) as usize];
            let decoded: usize = layout.instructions(body).flatten().map(|instruction| instruction.bytes.len()).sum();
            assert!(decoded <= body.len());
            assert!(!layout.decodes(body) || decoded == body.len());
        }
    }
    for finding in lint(SAMPLE, data) {
        assert!(!finding.to_string().is_empty());
    }
});
