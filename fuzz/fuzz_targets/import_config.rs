//! Any text as the builder's configuration: what is mended is valid, says the same again, and keeps all other keys.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use smidge::release::import::{
    config::{AppCenter, Config},
    scan::{mend, scan},
};

fuzz_target!(|text: &str| {
    let found = scan(text);
    let mended = mend(text, &found.mends);
    assert_eq!(text.matches('\n').count(), mended.matches('\n').count());
    let valid = serde_json::from_str::<Value>(text).ok();
    if valid.is_some() {
        assert!(found.mends.is_empty(), "valid JSON is left alone");
        for range in found.values.values() {
            serde_json::from_str::<Value>(&text[range.clone()]).unwrap();
        }
    }
    let wanted = AppCenter { android: Some("Other-Android".to_owned()), ..AppCenter::default() };
    for wanted in [AppCenter::default(), wanted] {
        let Ok(config) = Config::read(text.as_bytes(), &wanted) else { continue };
        let again = Config::read(config.text.as_bytes(), &AppCenter::default()).unwrap();
        assert_eq!((&again.text, &again.app_center, again.mends.len()), (&config.text, &config.app_center, 0));
        assert_eq!(again.others, config.others);
        let (before, after): (Value, Value) =
            (serde_json::from_str(&mended).unwrap(), serde_json::from_str(&config.text).unwrap());
        assert_eq!(without(before), without(after));
    }
});

/// The configuration without what is ours.
fn without(mut config: Value) -> Value {
    if let Some(section) = config.get_mut("appcenter").and_then(Value::as_object_mut) {
        for key in ["iosAppName", "androidAppName", "organization"] {
            section.remove(key);
        }
        if section.is_empty() {
            config.as_object_mut().unwrap().remove("appcenter");
        }
    }
    config
}
