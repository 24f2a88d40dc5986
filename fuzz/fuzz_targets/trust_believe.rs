//! A device that believes one root is shown any bytes: nothing that no key signed may be believed, whatever it looks like.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use smidge::trust::{App, Channel, Platform, Time, Trusted};

static ROOT: &[u8] = include_bytes!("../../tests/golden/trust/v1/root-1");
static NEXT: &[u8] = include_bytes!("../../tests/golden/trust/v1/root-2");
static HEADS: [&[u8]; 2] =
    [include_bytes!("../../tests/golden/trust/v1/head"), include_bytes!("../../tests/golden/trust/v1/head-2")];
static DEVICE: LazyLock<Trusted> = LazyLock::new(|| {
    let mut device = Trusted::pinned(ROOT).unwrap();
    device.advance(NEXT).unwrap();
    device
});

fuzz_target!(|data: &[u8]| {
    let channel = Channel::new(App::new("acme/shop").unwrap(), Platform::Android, "production").unwrap();
    let now = Time::from_secs(1_795_000_800);
    let mut device = DEVICE.clone();
    if device.head(data, &channel, now).is_ok() {
        assert!(HEADS.contains(&data), "believed what nobody signed");
    } else {
        assert_eq!(device, *DEVICE, "what is refused leaves no trace");
    }
    assert!(device.advance(data).is_err());
    let mut first = Trusted::pinned(ROOT).unwrap();
    assert_eq!(first.advance(data).is_ok(), data == NEXT);
    let _ = Trusted::restored(ROOT, data, data);
});
