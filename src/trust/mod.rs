//! Who may say what a device runs: signed documents, read and checked. `docs/trust.md` specifies every byte and rule.
//!
//! A [`Root`] names keys, a [`Statement`] says what a release is, a [`Head`] which releases a channel offers, [`Routes`]
//! how to get there. A device holds a [`Trusted`], which takes these documents from anyone and believes what is signed.
//! What signs stands behind the feature `sign`; a device has no use for it.

mod channel;
mod choose;
mod error;
mod field;
mod head;
mod key;
pub mod layout;
mod memory;
mod root;
mod routes;
#[cfg(feature = "sign")]
pub mod sign;
mod signed;
mod statement;
#[cfg(all(test, feature = "sign"))]
mod tests;
mod time;
mod trusted;

pub use channel::{App, Binary, Channel, MAX_WORD_BYTES, Platform, WordError};
pub use choose::{Choice, Passed, Running, Update, bucket};
pub use error::{NotCounted, TrustError};
pub use head::{Head, Listed, Offer, Offered, Part};
pub use key::{KeyId, PublicKey};
pub use memory::Memory;
pub use root::{Key, MAX_ROOTS, Role, Root, Window};
pub use routes::{MAX_CHAIN, Routes, Step};
pub use signed::{Document, MAX_SIGNATURES, Signed};
pub use statement::{Destructive, Foreign, Statement};
pub use time::Time;
pub use trusted::Trusted;
