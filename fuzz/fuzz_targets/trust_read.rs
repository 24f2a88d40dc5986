//! Any bytes as every document of trust. The first byte says which: so each seed exercises one parser.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smidge::{
    hash::Hash,
    trust::{Document, Head, Memory, Part, Root, Routes, Running, Signed, Statement, sign},
};

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 6 {
        0 => {
            for document in [Document::Root, Document::Statement, Document::Head] {
                if let Ok(signed) = Signed::read(data, document) {
                    assert_eq!(signed.write(), data, "a signed document has one form");
                    assert!(signed.message().ends_with(signed.payload()));
                }
            }
        }
        1 => {
            if let Ok(root) = Root::read(data) {
                let written = root.write();
                // Fields that may be passed over are lost, nothing else.
                assert!(written.len() <= data.len());
                assert_eq!(Root::read(&written).unwrap(), root);
                root.check_successor(&root).unwrap_err();
            }
        }
        2 => {
            if let Ok(statement) = Statement::read(data) {
                let written = statement.write();
                assert!(written.len() <= data.len());
                assert_eq!(Statement::read(&written).unwrap(), statement);
                let _ = statement.destroys(Some("1"));
            }
        }
        3 => {
            if let Ok(mut head) = Head::read(data) {
                let written = head.write();
                assert!(written.len() <= data.len());
                assert_eq!(Head::read(&written).unwrap(), head);
                for offered in &head.binaries {
                    let choice = head.choose(&offered.binary, b"device", Running::default(), |_| false);
                    assert!(choice.known);
                }
                for release in &head.releases {
                    let _ = release.routes(None);
                }
                head.split(0);
                assert!(head.releases.iter().all(|release| match &release.routes {
                    Part::Inside(bytes) => bytes.len() < 64,
                    Part::Object { .. } => true,
                }));
                Head::read(&head.write()).unwrap();
            }
        }
        4 => {
            if let Ok(routes) = Routes::read(data) {
                let written = routes.write();
                assert!(written.len() <= data.len());
                assert_eq!(Routes::read(&written).unwrap(), routes);
                let start = routes.steps().first().and_then(|step| step.from).unwrap_or(Hash::of(b""));
                if let Some(way) = routes.choose(&[start], &[]) {
                    // A way begins at what the device has, or at nothing, and every step takes up the one before.
                    let mut at = Some(start);
                    for step in &way {
                        assert!(step.from.is_none() || step.from == at);
                        at = Some(step.to);
                    }
                    assert_eq!(at, Some(routes.target()));
                }
            }
        }
        _ => {
            if let Ok(memory) = Memory::read(data) {
                assert_eq!(Memory::read(&memory.write()).unwrap(), memory);
            }
            let text = String::from_utf8_lossy(data);
            let _ = sign::read_public(&text);
            let _ = sign::SecretKey::from_text(&text);
        }
    }
});
