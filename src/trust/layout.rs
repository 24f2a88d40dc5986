//! Where documents and objects lie on a host, below one prefix, and how long they may be cached.

use super::Channel;
use crate::hash::Hash;

/// `Cache-Control` of what never changes: roots and objects.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// `Cache-Control` of heads, and of the answer that there is no such root.
pub const FRESH: &str = "public, max-age=60";
/// `Content-Type` of everything.
pub const CONTENT_TYPE: &str = "application/octet-stream";

/// Where root `number` lies.
#[must_use]
pub fn root(number: u64) -> String {
    format!("v1/roots/{number}")
}

/// Where the newest head of `channel` lies.
#[must_use]
pub fn head(channel: &Channel) -> String {
    format!("v1/heads/{channel}")
}

/// Where the object lies whose hash is `hash`.
#[must_use]
pub fn object(hash: &Hash) -> String {
    let hex = hash.to_string();
    let (first, rest) = hex.split_at(2);
    format!("v1/objects/{first}/{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{App, Platform};

    #[test]
    fn paths_are_those_of_the_specification() {
        let app = App::new("acme/shop").unwrap();
        let channel = Channel::new(app, Platform::Android, "production").unwrap();
        assert_eq!(head(&channel), "v1/heads/acme/shop/android/production");
        assert_eq!(root(12), "v1/roots/12");
        let path = object(&Hash::of(b""));
        assert_eq!(path, "v1/objects/af/1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    }
}
