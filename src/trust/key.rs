//! Public keys and their names.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};

use crate::hash::Hasher;

const ID_CONTEXT: &str = "smidge 1 key id";

/// The short name of a key: 8 bytes of a hash of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::BYTES]);

impl KeyId {
    /// Width of a key's name, in bytes.
    pub const BYTES: usize = 8;

    /// The name whose bytes are `bytes`.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the name.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Reads the 16 hexadecimal digits that [`fmt::Display`] writes; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// An Ed25519 public key: a point of the curve, not of small order. Ordered by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PublicKey::BYTES]);

impl PublicKey {
    /// Width of a public key, in bytes.
    pub const BYTES: usize = 32;

    /// The key whose bytes are `bytes`; `None` where they are no usable key.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(&bytes).ok()?;
        // Small order: signatures by such a key hold for every message. A second form of the same point would let one
        // key count twice.
        let usable = !key.is_weak() && key.to_edwards().compress().to_bytes() == bytes;
        usable.then_some(Self(bytes))
    }

    /// The key of a secret key, which is always usable.
    #[cfg(feature = "sign")]
    pub(super) const fn of_point(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits; `None` where they are no usable key.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).and_then(Self::from_bytes)
    }

    /// The bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut hasher = Hasher::with_context(ID_CONTEXT);
        hasher.update(&self.0);
        let mut id = [0; KeyId::BYTES];
        id.copy_from_slice(&hasher.finish().as_bytes()[..KeyId::BYTES]);
        KeyId(id)
    }

    /// Whether the key made `signature` over `message`, checked strictly.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads exactly `N` bytes in hexadecimal.
pub(super) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_small_order_and_second_forms_are_no_keys() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(PublicKey::from_bytes(identity).is_none());
        assert!(PublicKey::from_bytes([0; 32]).is_none());
        // y = p + 3, a second form of y = 3.
        let mut second = [0xff; 32];
        second[0] = 0xf0;
        second[31] = 0x7f;
        assert!(PublicKey::from_bytes(second).is_none());
    }

    #[test]
    fn names_read_back() {
        let id = KeyId::from_bytes(*b"\x00\x01\xfe\xffabcd");
        assert_eq!(KeyId::from_hex(&id.to_string()), Some(id));
        assert_eq!(KeyId::from_hex("00"), None);
        assert_eq!(KeyId::from_hex("zz01feff61626364"), None);
    }
}
