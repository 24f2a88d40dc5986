//! Any bytes as a patch: what a container gives out was covered by a hash, and little is held.

#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use smidge::patch::{Frames, Header, seal};

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    if let Ok((header, bytes)) = Header::read(&mut rest) {
        let mut again = Vec::new();
        header.write(&mut again);
        assert_eq!(again, bytes, "a header has one form");
        if let Ok(mut frames) = Frames::new(&mut rest, &bytes) {
            let mut body = Vec::new();
            let read = frames.read_to_end(&mut body);
            if read.is_ok() && frames.check().is_ok() && frames.finish().is_ok() {
                assert!(body.len() <= data.len());
                // Only one way of cutting a body into frames is written, but others are read.
                let sealed = seal(&bytes, &body);
                assert!(sealed.starts_with(&bytes));
            }
        }
    }
    let sealed = seal(b"header", data);
    let mut frames = Frames::new(&sealed[b"header".len()..], b"header").unwrap();
    let mut body = Vec::new();
    frames.read_to_end(&mut body).unwrap();
    frames.check().unwrap();
    assert!(body.starts_with(data));
});
