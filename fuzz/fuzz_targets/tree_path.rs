//! Any text as a path: what passes names one place below a folder, whoever reads it.

#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use smidge::tree::path;

fuzz_target!(|text: &str| {
    let folded = path::fold(text);
    assert_eq!(path::fold(&folded), folded, "folding twice changes nothing");
    match path::check(text) {
        Ok(()) => {
            assert!(!text.is_empty() && text.len() <= path::MAX_PATH_BYTES);
            assert!(!text.contains(['\0', '\\', ':']));
            let parts: Vec<_> = Path::new(text).components().collect();
            assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))));
            assert_eq!(parts.len(), text.split('/').count());
        }
        Err(error) => assert!(error.to_string().len() < 4096),
    }
});
