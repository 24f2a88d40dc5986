//! Android's binary XML, as far as it takes to read the version of an app.
//!
//! The format is that of `ResXMLTree` in the Android platform: chunks of a type (2 bytes), the size of their header (2)
//! and of the whole (4), all low byte first. The outermost chunk holds a pool of strings, a map from the index of an
//! attribute's name to its resource identifier, and then a chunk for each beginning and end of an element. The first
//! element is `manifest`, and its attributes are what is looked for.

use super::AndroidVersion;

const XML: u16 = 0x0003;
const STRING_POOL: u16 = 0x0001;
const RESOURCE_MAP: u16 = 0x0180;
const START_ELEMENT: u16 = 0x0102;

const VERSION_CODE: u32 = 0x0101_021B;
const VERSION_NAME: u32 = 0x0101_021C;
const VERSION_CODE_MAJOR: u32 = 0x0101_0576;

const TYPE_REFERENCE: u8 = 0x01;
const TYPE_STRING: u8 = 0x03;
const TYPE_INT_DEC: u8 = 0x10;
const TYPE_INT_HEX: u8 = 0x11;

const UTF8: u32 = 1 << 8;
/// Characters of a string that is read, at most: versions are short, and longer ones are no versions.
const MAX_STRING: usize = 1024;

/// Bytes that are read at places, each within bounds.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn u8(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn u16(self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.array(at)?))
    }

    fn u32(self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.array(at)?))
    }

    fn size(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }

    /// The chunk at `at`: its type, the size of its header, and its bytes.
    fn chunk(self, at: usize) -> Option<(u16, usize, Bytes<'a>)> {
        let (kind, header, size) =
            (self.u16(at)?, usize::from(self.u16(at.checked_add(2)?)?), self.size(at.checked_add(4)?)?);
        if header < 8 || size < header {
            return None;
        }
        Some((kind, header, Bytes(self.0.get(at..at.checked_add(size)?)?)))
    }
}

/// Reads the version of an app from the binary XML of its manifest. Time is linear in its size.
///
/// # Errors
/// Says what is wrong with it.
pub fn version(manifest: &[u8]) -> Result<AndroidVersion, String> {
    let (kind, header, xml) = Bytes(manifest).chunk(0).ok_or("it is not binary XML")?;
    if kind != XML {
        return Err("it is not binary XML".to_owned());
    }
    let cut = || "it ends in the middle of a part".to_owned();
    let mut at = header;
    let mut strings = None;
    let mut resources = Bytes(&[]);
    while at < xml.0.len() {
        let (kind, header, chunk) = xml.chunk(at).ok_or_else(cut)?;
        match kind {
            STRING_POOL if strings.is_none() => strings = Some((chunk, header)),
            RESOURCE_MAP => resources = Bytes(chunk.0.get(header..).unwrap_or_default()),
            START_ELEMENT => {
                let (pool, header_of_pool) = strings.ok_or("it has an element before its strings")?;
                return element(chunk, header, pool, header_of_pool, resources).ok_or_else(cut)?;
            }
            _ => {}
        }
        at = at.checked_add(chunk.0.len()).ok_or_else(cut)?;
    }
    Err("it has no element".to_owned())
}

/// The version in the attributes of the first element.
fn element(
    chunk: Bytes<'_>,
    header: usize,
    pool: Bytes<'_>,
    header_of_pool: usize,
    resources: Bytes<'_>,
) -> Option<Result<AndroidVersion, String>> {
    let name = chunk.u32(header.checked_add(4)?)?;
    if string(pool, header_of_pool, name).as_deref() != Some("manifest") {
        return Some(Err("its first element is not manifest".to_owned()));
    }
    let start = usize::from(chunk.u16(header.checked_add(8)?)?);
    let size = usize::from(chunk.u16(header.checked_add(10)?)?);
    let count = usize::from(chunk.u16(header.checked_add(12)?)?);
    if size < 20 {
        return None;
    }
    let mut version = AndroidVersion::default();
    let (mut code, mut major) = (None, 0);
    for n in 0..count {
        let at = header.checked_add(start)?.checked_add(n.checked_mul(size)?)?;
        let name = usize::try_from(chunk.u32(at.checked_add(4)?)?).ok()?;
        let kind = chunk.u8(at.checked_add(15)?)?;
        let data = chunk.u32(at.checked_add(16)?)?;
        let resource = name.checked_mul(4).and_then(|at| resources.u32(at));
        match (resource, kind) {
            (Some(VERSION_CODE), TYPE_INT_DEC | TYPE_INT_HEX) => code = Some(data),
            (Some(VERSION_CODE_MAJOR), TYPE_INT_DEC | TYPE_INT_HEX) => major = data,
            (Some(VERSION_NAME), TYPE_STRING) => version.name = string(pool, header_of_pool, data),
            (Some(VERSION_NAME), TYPE_REFERENCE) => {
                return Some(Err("its versionName stands in a resource; give --app-version".to_owned()));
            }
            _ => {}
        }
    }
    version.code = code.map(|code| u64::from(major) << 32 | u64::from(code));
    Some(Ok(version))
}

/// The string `index` of the pool; `None` where there is none or it is not well formed.
fn string(pool: Bytes<'_>, header: usize, index: u32) -> Option<String> {
    let count = pool.u32(8)?;
    let flags = pool.u32(16)?;
    let strings = pool.size(20)?;
    if index >= count {
        return None;
    }
    let offset = pool.size(header.checked_add(usize::try_from(index).ok()?.checked_mul(4)?)?)?;
    let mut at = strings.checked_add(offset)?;
    if flags & UTF8 != 0 {
        // The length in characters, then that in bytes, each of one byte or two.
        at = at.checked_add(if pool.u8(at)? & 0x80 == 0 { 1 } else { 2 })?;
        let first = usize::from(pool.u8(at)?);
        let bytes = if first & 0x80 == 0 {
            at = at.checked_add(1)?;
            first
        } else {
            let bytes = (first & 0x7F) << 8 | usize::from(pool.u8(at.checked_add(1)?)?);
            at = at.checked_add(2)?;
            bytes
        };
        if bytes > MAX_STRING {
            return None;
        }
        String::from_utf8(pool.0.get(at..at.checked_add(bytes)?)?.to_vec()).ok()
    } else {
        let units = usize::from(pool.u16(at)?);
        // A length above 32,767 takes two units; such a string is no version.
        if units > MAX_STRING {
            return None;
        }
        at = at.checked_add(2)?;
        let bytes = pool.0.get(at..at.checked_add(units.checked_mul(2)?)?)?;
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn chunk(kind: u16, header: &[u8], body: &[u8]) -> Vec<u8> {
        let header_size = u16::try_from(8 + header.len()).unwrap();
        let size = u32::try_from(8 + header.len() + body.len()).unwrap();
        let mut out = Vec::new();
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&header_size.to_le_bytes());
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(header);
        out.extend_from_slice(body);
        out
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A manifest as the platform's tools write it.
    pub(crate) fn manifest(name: &str, code: u32, utf8: bool) -> Vec<u8> {
        let strings = ["versionCode", "versionName", "manifest", name];
        let mut offsets = Vec::new();
        let mut data = Vec::new();
        for string in strings {
            offsets.push(u32::try_from(data.len()).unwrap());
            if utf8 {
                data.push(u8::try_from(string.chars().count()).unwrap());
                data.push(u8::try_from(string.len()).unwrap());
                data.extend_from_slice(string.as_bytes());
                data.push(0);
            } else {
                data.extend_from_slice(&u16::try_from(string.len()).unwrap().to_le_bytes());
                string.encode_utf16().for_each(|unit| data.extend_from_slice(&unit.to_le_bytes()));
                data.extend_from_slice(&[0, 0]);
            }
        }
        let flags = if utf8 { UTF8 } else { 0 };
        let pool_header = words(&[4, 0, flags, 28 + 16, 0]);
        let pool = chunk(STRING_POOL, &pool_header, &[words(&offsets), data].concat());
        let resources = chunk(RESOURCE_MAP, &[], &words(&[VERSION_CODE, VERSION_NAME]));
        let none = u32::MAX;
        let attribute = |name: u32, raw: u32, kind: u8, data: u32| {
            let mut out = words(&[none, name, raw]);
            out.extend_from_slice(&[8, 0, 0, kind]);
            out.extend_from_slice(&data.to_le_bytes());
            out
        };
        let mut body = words(&[none, 2]);
        for half in [20u16, 20, 2, 0, 0, 0] {
            body.extend_from_slice(&half.to_le_bytes());
        }
        body.extend(attribute(0, none, TYPE_INT_DEC, code));
        body.extend(attribute(1, 3, TYPE_STRING, 3));
        let start = chunk(START_ELEMENT, &words(&[1, none]), &body);
        chunk(XML, &[], &[pool, resources, start].concat())
    }

    #[test]
    fn the_version_of_a_manifest_is_read() {
        for utf8 in [false, true] {
            let found = version(&manifest("1.2.3", 42, utf8)).unwrap();
            assert_eq!(found, AndroidVersion { name: Some("1.2.3".into()), code: Some(42) });
        }
    }

    #[test]
    fn a_damaged_manifest_is_refused_or_says_something_else() {
        let whole = manifest("1.2.3", 42, true);
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
        assert!(version(b"<?xml version='1.0'?><manifest/>").is_err());
    }
}
