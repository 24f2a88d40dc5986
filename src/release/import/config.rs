//! The builder's `.config`: which apps of App Center it releases to.
//!
//! The file belongs to the builder: everything in it that is not asked for stays as it is, byte for byte. A file that is
//! not valid JSON is not just refused: the builder would fail to start without a word, so each mistake is named with its
//! line, and mended where that is asked for.

use std::ops::Range;

use serde_json::Value;

use super::{
    ImportError,
    app_center::{self, AppName},
    scan::{self, Mend},
};

/// Bytes of a configuration, at most.
pub const CONFIG_BYTES: usize = 1 << 20;
const WHAT: &str = "the configuration";
const SECTION: &str = "appcenter";

/// What the configuration says of App Center, or is to say. None is not said, or stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppCenter {
    /// `iosAppName`.
    pub ios: Option<String>,
    /// `androidAppName`.
    pub android: Option<String>,
    /// `organization`; none where a user owns the apps.
    pub organisation: Option<String>,
}

/// A configuration that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What it says, names only, whatever addresses were pasted.
    pub app_center: AppCenter,
    /// The user that owns the apps, where an address told.
    pub user: Option<String>,
    /// Mistakes in it.
    pub mends: Vec<Mend>,
    /// Keys beside `appcenter`, and within it beside those that are known. They stay.
    pub others: usize,
    /// The text without mistakes, with names in the place of addresses.
    pub text: String,
}

impl Config {
    /// Reads a configuration, and puts into it what `wanted` has.
    ///
    /// # Errors
    /// [`ImportError`]: where it cannot be understood even with its mistakes mended, where a value is no text, where an
    /// address leads to no app, where organisations differ, and [`ImportError::NoApp`].
    pub fn read(bytes: &[u8], wanted: &AppCenter) -> Result<Self, ImportError> {
        if bytes.len() > CONFIG_BYTES {
            return Err(ImportError::TooLarge { what: WHAT, limit: CONFIG_BYTES });
        }
        let text =
            std::str::from_utf8(bytes).map_err(|error| ImportError::NotUtf8 { what: WHAT, at: error.valid_up_to() })?;
        let mends = scan::scan(text).mends;
        let mut text = scan::mend(text, &mends);
        let before = parse(&text)?;
        let said = |key: &str| before.get(SECTION).and_then(|section| section.get(key));
        let text_of = |key: &str, wanted: &Option<String>| match (wanted, said(key)) {
            (Some(wanted), _) => Ok(Some(wanted.clone())),
            (None, None | Some(Value::Null)) => Ok(None),
            (None, Some(Value::String(text))) => Ok(Some(text.clone())),
            (None, Some(other)) => Err(not_text(&format!("{SECTION}.{key}"), other)),
        };
        let names = |key: &str, wanted| text_of(key, wanted)?.map(|text| AppName::read(&text)).transpose();
        let (ios, android) = (names("iosAppName", &wanted.ios)?, names("androidAppName", &wanted.android)?);
        let organisation = text_of("organization", &wanted.organisation)?;
        let organisation = organisation.filter(|text| !text.is_empty()).map(|text| app_center::organisation(&text));
        let mut organisation = organisation.transpose()?;
        let mut user = None;
        for name in [&ios, &android].into_iter().flatten() {
            user = user.or_else(|| name.user.clone());
            match (&organisation, &name.organisation) {
                (Some(first), Some(second)) if first != second => {
                    return Err(ImportError::Organisations { first: first.clone(), second: second.clone() });
                }
                (None, Some(found)) => organisation = Some(found.clone()),
                _ => {}
            }
        }
        if let (Some(organisation), Some(user)) = (&organisation, &user) {
            return Err(ImportError::Organisations { first: organisation.clone(), second: format!("the user {user}") });
        }
        let app_center =
            AppCenter { ios: ios.map(|name| name.app), android: android.map(|name| name.app), organisation };
        if app_center.ios.is_none() && app_center.android.is_none() {
            return Err(ImportError::NoApp);
        }
        let values = [
            ("organization", &app_center.organisation),
            ("androidAppName", &app_center.android),
            ("iosAppName", &app_center.ios),
        ];
        for (key, value) in values {
            if let Some(value) = value {
                text = put(&text, key, value);
            }
        }
        Ok(Self { app_center, user, mends, others: others(&before), text })
    }

    /// A new configuration that says what `wanted` has.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn create(wanted: &AppCenter) -> Result<Self, ImportError> {
        Self::read(b"{}\n", wanted)
    }
}

fn parse(text: &str) -> Result<Value, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(|source| ImportError::Json { what: WHAT, source })?;
    if !value.is_object() {
        return Err(not_object(WHAT, &value));
    }
    match value.get(SECTION) {
        Some(section) if !section.is_object() => Err(not_object(SECTION, section)),
        _ => Ok(value),
    }
}

fn not_object(place: &str, found: &Value) -> ImportError {
    ImportError::Value { place: place.to_owned(), found: kind(found).to_owned(), expected: "an object in braces" }
}

fn not_text(place: &str, found: &Value) -> ImportError {
    ImportError::Value { place: place.to_owned(), found: kind(found).to_owned(), expected: "a text in double quotes" }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// How many keys there are that are not ours.
fn others(config: &Value) -> usize {
    let known = ["iosAppName", "androidAppName", "organization"];
    let outer = config.as_object().into_iter().flatten().filter(|(key, _)| *key != SECTION);
    let inner = config.get(SECTION).and_then(Value::as_object).into_iter().flatten();
    outer.count() + inner.filter(|(key, _)| !known.contains(&key.as_str())).count()
}

/// `text`, valid JSON, with `appcenter.key` set and everything else as it is.
fn put(text: &str, key: &str, value: &str) -> String {
    let value = Value::from(value).to_string();
    let values = scan::scan(text).values;
    if let Some(place) = values.get(&[SECTION.to_owned(), key.to_owned()][..]) {
        return replaced(text, place.clone(), &value);
    }
    if let Some(place) = values.get(&[SECTION.to_owned()][..]) {
        let indent = indent_of(text, place.start);
        return insert(text, place.start, &format!("{indent}  "), &indent, &format!("\"{key}\": {value}"));
    }
    // The whole text is one object, so its first brace opens it.
    let open = text.find('{').unwrap_or(0);
    let section = format!("\"{SECTION}\": {{\n    \"{key}\": {value}\n  }}");
    insert(text, open, "  ", "", &section)
}

fn replaced(text: &str, place: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..place.start], &text[place.end..])
}

/// Puts `member` first into the object that opens at `open`.
fn insert(text: &str, open: usize, indent: &str, outer: &str, member: &str) -> String {
    let rest = &text[open + 1..];
    if rest.trim_start().starts_with('}') {
        let end = open + 1 + (rest.len() - rest.trim_start().len());
        return replaced(text, open + 1..end, &format!("\n{indent}{member}\n{outer}"));
    }
    let on_one_line = !rest.starts_with(['\n', '\r']);
    let tail = if on_one_line { format!(",\n{indent}") } else { ",".to_owned() };
    let from = if on_one_line { open + 1 + (rest.len() - rest.trim_start().len()) } else { open + 1 };
    replaced(text, open + 1..from, &format!("\n{indent}{member}{tail}"))
}

/// The blanks that the line of `at` begins with.
fn indent_of(text: &str, at: usize) -> String {
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    text[line..at].chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that lacks a comma after its second name.
    const EXAMPLE: &str = "{\n  \"ios\": {\"keep\": 1.50},\n  \"appcenter\": {\n    \"iosAppName\": \"Shop-iOS\",\n    \
                           \"androidAppName\": \"Shop-Android\"\n    \"organization\": \"Acme\"\n  }\n}\n";

    #[test]
    fn the_missing_comma_is_named_and_mended_and_nothing_else_changes() {
        let config = Config::read(EXAMPLE.as_bytes(), &AppCenter::default()).unwrap();
        let places: Vec<_> = config.mends.iter().map(|mend| (mend.line, mend.column)).collect();
        assert_eq!(places, [(5, 37)]);
        assert_eq!(config.text, EXAMPLE.replace("Shop-Android\"", "Shop-Android\","));
        assert_eq!(config.app_center.organisation.as_deref(), Some("Acme"));
        assert_eq!(config.others, 1);
    }

    #[test]
    fn addresses_become_names_and_tell_the_organisation() {
        let text = "{\"a\": 12345678901234567890123, \"appcenter\": {\n\t\"iosAppName\": \
                    \"https://appcenter.ms/orgs/Acme/apps/Shop-iOS/build\", \"other\": [1, 2]}, \"z\": 1e400}";
        // A number that no machine holds is not ours to change.
        let text = text.replace("1e400", "1e40");
        let config = Config::read(text.as_bytes(), &AppCenter::default()).unwrap();
        assert!(config.text.contains("12345678901234567890123") && config.text.contains("1e40"));
        assert!(
            config.text.contains("\"iosAppName\": \"Shop-iOS\"") && config.text.contains("\"organization\": \"Acme\"")
        );
        assert_eq!(config.others, 3);
    }

    #[test]
    fn a_new_configuration_says_what_was_asked_for() {
        let wanted =
            AppCenter { ios: Some("Acme/Shop-iOS".into()), android: Some("Shop-Android".into()), organisation: None };
        let config = Config::create(&wanted).unwrap();
        assert_eq!(
            config.text,
            "{\n  \"appcenter\": {\n    \"iosAppName\": \"Shop-iOS\",\n    \"androidAppName\": \"Shop-Android\",\n    \
             \"organization\": \"Acme\"\n  }\n}\n"
        );
        let again = Config::read(config.text.as_bytes(), &AppCenter::default()).unwrap();
        assert_eq!((again.text, again.mends.len()), (config.text, 0));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_was_found() {
        let refused = |text: &str| Config::read(text.as_bytes(), &AppCenter::default()).unwrap_err().to_string();
        assert!(refused("{}").contains("--ios"));
        assert!(refused("[]").contains("a list"));
        assert!(refused("{\"appcenter\": []}").contains("appcenter is a list"));
        assert!(refused("{\"appcenter\": {\"iosAppName\": 1}}").contains("a number"));
        assert!(refused("{\n\"appcenter\" {}}").contains("line 2"));
        let two = "{\"appcenter\": {\"iosAppName\": \"a/x\", \"organization\": \"b\"}}";
        assert!(refused(two).contains("two organisations"));
        assert!(matches!(Config::read(&[b'{', 0xFF], &AppCenter::default()), Err(ImportError::NotUtf8 { at: 1, .. })));
    }
}
