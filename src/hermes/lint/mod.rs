//! Why a patch between two bytecode files is larger than the change in their source, and what to do about it.
//!
//! [`lint`] looks at the two ends only, not at a patch: most of what makes a patch needlessly large is decided when the
//! bytecode is compiled.

mod clues;
mod finding;

use super::form::{Count, FOOTER_BYTES, MAGIC};
use super::layout;
use super::reader::Bytecode;
use clues::{Build, Order};
pub use finding::{End, Finding};

/// Below this share of strings in common, two files are not versions of one app.
const RELATED_PERCENT: u64 = 40;
/// An update leaves most functions alone; below this share of functions with their old size, all were compiled anew.
const SAME_SIZE_PERCENT: u64 = 30;
/// Above this share of strings under another number, compiling against old is worth a try.
const RENUMBERED_PERCENT: u64 = 10;
/// A difference in the share of short function names that only minifying makes.
const SHORT_NAMES_PERCENT: u64 = 30;

/// What makes a patch from `old` to `new` larger than it should be, the gravest first; empty where nothing does, and
/// where neither is Hermes bytecode. Takes time and memory that grow with both.
#[must_use]
pub fn lint(old: &[u8], new: &[u8]) -> Vec<Finding> {
    let ends = [(End::Old, old), (End::New, new)];
    let mut findings = Vec::new();
    let (deltas, plain): (Vec<_>, Vec<_>) = ends.into_iter().partition(|(_, bytes)| is_delta(bytes));
    findings.extend(deltas.into_iter().map(|(end, _)| Finding::Delta { end }));
    let (compiled, text): (Vec<_>, Vec<_>) = plain.into_iter().partition(|(_, bytes)| bytes.starts_with(&MAGIC));
    if let ([_], [(end, _)]) = (&compiled[..], &text[..]) {
        findings.push(Finding::NotBytecode { end: *end });
    }
    let mut builds = Vec::new();
    for (end, bytes) in compiled {
        match Bytecode::read(&mut &*bytes) {
            Ok(file) => builds.push(Build::new(end, bytes, file)),
            Err(error) => findings.push(Finding::Unreadable { end, why: error.to_string() }),
        }
    }
    findings
        .extend(builds.iter().filter(|build| !build.footer_holds()).map(|build| Finding::Footer { end: build.end }));
    if let [old, new] = &builds[..] {
        compare(old, new, &mut findings);
    }
    findings
}

fn is_delta(bytes: &[u8]) -> bool {
    bytes.get(..MAGIC.len()).is_some_and(|head| head.iter().zip(MAGIC).all(|(&byte, magic)| byte == !magic))
}

fn compare(old: &Build, new: &Build, findings: &mut Vec<Finding>) {
    let versions = [old, new].map(|build| build.file.form.version);
    if versions[0] != versions[1] {
        findings.push(Finding::Versions { old: versions[0], new: versions[1] });
        compare_debug(old, new, findings);
        return;
    }
    let layouts = [old, new].map(|build| layout::choose(versions[0], build.bodies().into_iter()));
    if layouts[0] != layouts[1] || old.file.form != new.file.form {
        findings.push(Finding::Compilers { version: versions[0] });
    }
    let strings = clues::strings(old, new);
    if strings.kept * 100 < strings.of * RELATED_PERCENT {
        findings.push(Finding::Unrelated { kept: strings.kept, of: strings.of });
        return;
    }
    if old.source_hash() == new.source_hash() && old.bytes != new.bytes {
        findings.push(Finding::SameSource);
    }
    compare_debug(old, new, findings);
    let [before, after] = [old, new].map(Build::short_names);
    if before.abs_diff(after) >= SHORT_NAMES_PERCENT {
        findings.push(Finding::Minified { end: if before > after { End::Old } else { End::New } });
    }
    let (matched, same) = clues::sizes(old, new);
    if matched >= 8 && same * 100 < matched * SAME_SIZE_PERCENT {
        findings.push(Finding::Optimised { same, of: matched });
    }
    if old.static_builtins() != new.static_builtins() {
        findings.push(Finding::StaticBuiltins { end: if old.static_builtins() { End::Old } else { End::New } });
    }
    let extends = strings.in_place == strings.of;
    match (old.order(), new.order()) {
        _ if extends => {}
        (_, Order::Based) => findings.push(Finding::OtherBase { in_place: strings.in_place, of: strings.of }),
        (Order::Based, Order::Plain) => findings.push(Finding::BaseDropped),
        (Order::Plain, Order::Plain) => {
            let moved = strings.kept.saturating_sub(strings.in_place);
            if moved * 100 >= strings.of * RENUMBERED_PERCENT {
                findings.push(Finding::Renumbered { moved, of: strings.of });
            }
        }
    }
}

fn compare_debug(old: &Build, new: &Build, findings: &mut Vec<Finding>) {
    let bytes = |build: &Build| {
        let end = build.file.file_bytes.saturating_sub(FOOTER_BYTES as u64);
        end.saturating_sub(u64::from(build.file.count(Count::DebugInfo)))
    };
    match (old.has_debug(), new.has_debug()) {
        (true, true) => findings.push(Finding::DebugInBoth { bytes: bytes(new) }),
        (true, false) => findings.push(Finding::Debug { end: End::Old, bytes: bytes(old) }),
        (false, true) => findings.push(Finding::Debug { end: End::New, bytes: bytes(new) }),
        (false, false) => {}
    }
}
