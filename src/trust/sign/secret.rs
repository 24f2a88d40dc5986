//! Secret keys, and the text files that keys are kept in.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use thiserror::Error;

use crate::trust::{KeyId, PublicKey, key::from_hex};

const SECRET: &str = "smidge-secret-key-1";
const PUBLIC: &str = "smidge-public-key-1";
/// No key file is longer: two lines of comment and one of key.
const MAX_FILE_BYTES: usize = 4096;

/// Why a key cannot be had.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}; no key was made")]
    Random(getrandom::Error),
    /// The text is no key.
    #[error("this is no {expected}: {problem}; make one with `smidge key new`")]
    NotAKey {
        /// What was asked for.
        expected: &'static str,
        /// What is wrong with it. Never tells what stands in the text.
        problem: &'static str,
    },
}

/// A key that signs. Shown, it tells its name only; dropped, it is wiped from memory.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A new key, of the system's random bytes.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(KeyError::Random)?;
        Ok(Self::from_seed(&seed))
    }

    /// The key of `seed`, RFC 8032's private key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let refuse = |problem| KeyError::NotAKey { expected: "secret key", problem };
        let [id, seed] = words(text, SECRET).map_err(refuse)?;
        let key = Self::from_seed(&from_hex(seed).ok_or(refuse("the key is not 64 hexadecimal digits"))?);
        if KeyId::from_hex(id) != Some(key.public().id()) {
            return Err(refuse("the name before the key is not its own, so one of the two is damaged"));
        }
        Ok(key)
    }

    /// The text of its file, secret like the key.
    #[must_use]
    pub fn to_text(&self) -> String {
        let seed: String = self.0.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "# Smidge SECRET key. Whoever has this file can sign in your name.\n\
             # Never put it into version control, a chat or an e-mail; keep a copy offline.\n\
             {SECRET} {} {seed}\n",
            self.public().id()
        )
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::of_point(self.0.verifying_key().to_bytes())
    }

    /// The Ed25519 signature over `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().id())
    }
}

impl PublicKey {
    /// The text of a public key's file.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{PUBLIC} {} {self}\n", self.id())
    }
}

/// Reads the text of a public key's file.
///
/// # Errors
/// [`KeyError::NotAKey`].
pub fn read_public(text: &str) -> Result<PublicKey, KeyError> {
    let refuse = |problem| KeyError::NotAKey { expected: "public key", problem };
    let [id, key] = words(text, PUBLIC).map_err(refuse)?;
    let key = PublicKey::from_hex(key).ok_or(refuse("the key is not one of Ed25519 in 64 hexadecimal digits"))?;
    if KeyId::from_hex(id) == Some(key.id()) {
        return Ok(key);
    }
    Err(refuse("the name before the key is not its own, so one of the two is damaged"))
}

/// The two words behind `tag` on the only line that is no comment.
fn words<'a>(text: &'a str, tag: &str) -> Result<[&'a str; 2], &'static str> {
    if text.len() > MAX_FILE_BYTES {
        return Err("it is too long");
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words: Vec<&str> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
    match words[..] {
        _ if lines.next().is_some() => Err("it has more than one line that is no comment"),
        [found, id, key] if found == tag => Ok([id, key]),
        [SECRET, ..] => Err("it is a SECRET key, which should not be here: name the .pub file beside it"),
        [PUBLIC, ..] => Err("it is a public key: name the file without .pub"),
        _ => Err("it does not begin with the words of one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_are_not_taken_for_each_other() {
        let key = SecretKey::generate().unwrap();
        let public = key.public().to_text();
        assert_eq!(SecretKey::from_text(&key.to_text()).unwrap().public(), key.public());
        assert_eq!(read_public(&public).unwrap(), key.public());
        assert!(SecretKey::from_text(&public).unwrap_err().to_string().contains("it is a public key"));
        assert!(read_public(&key.to_text()).unwrap_err().to_string().contains("SECRET"));
        assert!(read_public("").is_err() && read_public(&public.repeat(2)).is_err());
    }

    #[test]
    fn a_damaged_key_is_refused_and_never_shown() {
        let key = SecretKey::from_seed(&[7; 32]);
        let text = key.to_text().replace("0707", "0708");
        let error = SecretKey::from_text(&text).unwrap_err().to_string();
        assert!(error.contains("damaged") && !error.contains("07"), "{error}");
        assert!(!format!("{key:?}").contains("0707"));
    }
}
