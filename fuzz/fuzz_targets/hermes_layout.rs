//! Any bytes as the wire form of a layout, and what lies behind it as a function body.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use smidge::hermes::layout::{Layout, candidates};

static KNOWN: LazyLock<Vec<Layout>> = LazyLock::new(|| (84..100).flat_map(candidates).collect());

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    if let Ok(layout) = Layout::read(&mut rest) {
        let mut form = Vec::new();
        layout.write(&mut form);
        assert!(form.len() < 4096);
        assert_eq!(Layout::read(&mut &form[..]).unwrap(), layout);
        walk(&layout, rest);
    }
    let [number, body @ ..] = data else { return };
    walk(&KNOWN[usize::from(*number) % KNOWN.len()], body);
});

/// Instructions lie one behind the other, and the first that does not decode is the last.
fn walk(layout: &Layout, body: &[u8]) {
    let mut at = 0;
    let mut strays = 0;
    for instruction in layout.instructions(body) {
        assert_eq!(strays, 0);
        match instruction {
            Ok(instruction) => {
                assert_eq!(instruction.at, at);
                at += instruction.bytes.len();
                for operand in instruction.operands {
                    let value = operand.get(instruction.bytes).unwrap();
                    assert!(operand.set(&mut instruction.bytes.to_vec(), value));
                }
            }
            Err(_) => strays += 1,
        }
    }
    assert!(strays == 1 || at == body.len());
    assert!(strays == 0 || !layout.decodes(body));
}
