//! The manifest of an Android App Bundle: XML in protocol buffers, as far as it takes to read the version of an app.
//!
//! The messages are those of `Resources.proto` of Android's aapt2: an `XmlNode` has an `XmlElement` (field 1), that one a
//! name (3) and attributes (4), an `XmlAttribute` a name (2), a value as text (3) and compiled (6), an `Item` a
//! primitive (7), and a `Primitive` a decimal (6) or hexadecimal (7) number.

use super::AndroidVersion;

/// The fields of a message, one after the other.
struct Fields<'a>(&'a [u8]);

/// The value of a field. Those of other types are passed over.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..70).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    /// The next field and its value; `Ok(None)` at the end.
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        self.field().map(Some).ok_or_else(|| "it ends in the middle of a field, or is no protocol buffer".to_owned())
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Other)?,
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| Value::Other)?,
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

/// Reads the version of an app from the manifest of its bundle. Time is linear in its size.
///
/// # Errors
/// Says what is wrong with it.
pub fn version(manifest: &[u8]) -> Result<AndroidVersion, String> {
    let mut node = Fields(manifest);
    let mut element = None;
    while let Some((field, value)) = node.next()? {
        if let (1, Value::Bytes(bytes)) = (field, value) {
            element = Some(bytes);
        }
    }
    let mut element = Fields(element.ok_or("it has no element")?);
    let mut name: &[u8] = &[];
    let mut version = AndroidVersion::default();
    let (mut code, mut major) = (None, 0);
    while let Some((field, value)) = element.next()? {
        match (field, value) {
            (3, Value::Bytes(bytes)) => name = bytes,
            (4, Value::Bytes(bytes)) => {
                let attribute = attribute(bytes)?;
                match attribute.name {
                    b"versionName" => version.name = text(attribute.value),
                    b"versionCode" => code = attribute.number(),
                    b"versionCodeMajor" => major = attribute.number().unwrap_or(0),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    if name != b"manifest" {
        return Err("its first element is not manifest".to_owned());
    }
    version.code = code.map(|code| u64::from(major) << 32 | u64::from(code));
    Ok(version)
}

struct Attribute<'a> {
    name: &'a [u8],
    value: &'a [u8],
    compiled: Option<u64>,
}

impl Attribute<'_> {
    fn number(&self) -> Option<u32> {
        let written = text(self.value).and_then(|text| text.parse().ok());
        written.or_else(|| self.compiled.and_then(|number| u32::try_from(number).ok()))
    }
}

fn attribute(bytes: &[u8]) -> Result<Attribute<'_>, String> {
    let mut attribute = Attribute { name: &[], value: &[], compiled: None };
    let mut fields = Fields(bytes);
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (2, Value::Bytes(bytes)) => attribute.name = bytes,
            (3, Value::Bytes(bytes)) => attribute.value = bytes,
            (6, Value::Bytes(item)) => attribute.compiled = primitive(item)?,
            _ => {}
        }
    }
    Ok(attribute)
}

fn primitive(item: &[u8]) -> Result<Option<u64>, String> {
    let mut fields = Fields(item);
    while let Some((field, value)) = fields.next()? {
        if let (7, Value::Bytes(bytes)) = (field, value) {
            let mut fields = Fields(bytes);
            while let Some((field, value)) = fields.next()? {
                if let (6 | 7, Value::Number(number)) = (field, value) {
                    return Ok(Some(number));
                }
            }
        }
    }
    Ok(None)
}

/// A short text; `None` for nothing, or what is no text.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty() && text.len() <= 1024).then(|| text.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
        [&[field << 3 | 2, u8::try_from(value.len()).unwrap()], value].concat()
    }

    /// A manifest as the platform's tools write it.
    pub(crate) fn manifest(name: &str, code: u8) -> Vec<u8> {
        let number = bytes(6, &bytes(7, &[6 << 3, code]));
        let code = [bytes(1, b"http://schemas"), bytes(2, b"versionCode"), number, vec![5 << 3, 9]].concat();
        let name = [bytes(2, b"versionName"), bytes(3, name.as_bytes())].concat();
        bytes(1, &[bytes(3, b"manifest"), bytes(4, &code), bytes(4, &name)].concat())
    }

    #[test]
    fn the_version_of_a_manifest_is_read() {
        let found = version(&manifest("1.2.3", 42)).unwrap();
        assert_eq!(found, AndroidVersion { name: Some("1.2.3".into()), code: Some(42) });
    }

    #[test]
    fn a_damaged_manifest_is_refused_or_says_something_else() {
        let whole = manifest("1.2.3", 42);
        for len in 0..whole.len() {
            assert!(version(&whole[..len]).is_err(), "{len} bytes");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                let _ = version(&damaged);
            }
        }
    }
}
