//! The tables that `docs/format.md` gives as rules are those of the code: their checksums stand there.

use smidge::codec::{
    history::{first_guesses, next},
    logistic::{LOGIT_MAX, squash, stretch},
};

/// Fails unless the page states the checksum of `table`.
#[track_caller]
fn is_stated(table: impl IntoIterator<Item = impl AsRef<[u8]>>) {
    let page = include_str!("../docs/format.md");
    let mut sum = crc32fast::Hasher::new();
    table.into_iter().for_each(|bytes| sum.update(bytes.as_ref()));
    let sum = format!("`{:08x}`", sum.finalize());
    assert!(page.contains(&sum), "{sum} is not in docs/format.md");
}

#[test]
fn the_logistic_tables_are_as_specified() {
    is_stated((-LOGIT_MAX..=LOGIT_MAX).map(|logit| (squash(logit) as u16).to_le_bytes()));
    is_stated((0..4096).map(|probability| (stretch(probability) as i16).to_le_bytes()));
}

#[test]
fn the_histories_are_as_specified() {
    is_stated((0..=255).map(|history| [next(history, 0), next(history, 1)]));
    is_stated(first_guesses().map(u16::to_le_bytes));
}
