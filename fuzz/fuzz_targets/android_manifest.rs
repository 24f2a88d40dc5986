//! Any bytes as the manifest of an Android app, binary XML and protocol buffers: a version, or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;

// The two files by themselves: the feature that they belong to brings databases and networks, which a fuzzer would only
// wait for.
#[path = "../../src/release/archive/axml.rs"]
mod axml;
#[path = "../../src/release/archive/proto.rs"]
mod proto;

/// What both give back; as in the crate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AndroidVersion {
    /// `versionName`.
    pub name: Option<String>,
    /// `versionCode`.
    pub code: Option<u64>,
}

fuzz_target!(|bytes: &[u8]| {
    for found in [axml::version(bytes), proto::version(bytes)].into_iter().flatten() {
        assert!(found.name.is_none_or(|name| name.len() <= 4096));
    }
});
