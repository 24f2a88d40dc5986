//! What covers promise: they lie inside both ends, rebuild new, and choosing them takes linear time.

use super::*;
use crate::diff::tests::noise;

fn check(old: &[u8], new: &[u8], covers: &[Cover]) {
    let mut at = 0;
    for cover in covers {
        assert!(cover.len > 0 && cover.new >= at, "{cover:?} after {at}");
        assert!(cover.old + cover.len <= old.len(), "{cover:?} of {}", old.len());
        at = cover.new + cover.len;
        assert!(at <= new.len());
        for end in [0, cover.len - 1] {
            assert_eq!(old[cover.old + end], new[cover.new + end]);
        }
    }
}

fn of(old: &[u8], new: &[u8], effort: Effort) -> Vec<Cover> {
    let covers = covers(old, new, &[], effort, &Costs::TEXT);
    check(old, new, &covers);
    covers
}

const EFFORTS: [Effort; 3] = [Effort::Fast, Effort::Default, Effort::Max];

fn literals(new: &[u8], covers: &[Cover]) -> usize {
    new.len() - covers.iter().map(|cover| cover.len).sum::<usize>()
}

#[test]
fn empty_ends_have_no_covers() {
    for effort in EFFORTS {
        assert_eq!(of(b"", b"", effort), []);
        assert_eq!(of(b"abc", b"", effort), []);
        assert_eq!(of(b"", b"abc", effort), []);
    }
}

#[test]
fn equal_ends_are_one_cover() {
    let text = noise(1, 300_000);
    for effort in EFFORTS {
        assert_eq!(of(&text, &text, effort), [Cover { new: 0, old: 0, len: text.len() }]);
    }
}

#[test]
fn an_inserted_word_is_the_only_literal() {
    let old = noise(2, 10_000);
    let new = [&old[..5000], b"inserted", &old[5000..]].concat();
    for effort in EFFORTS {
        let covers = of(&old, &new, effort);
        assert_eq!(literals(&new, &covers), 8, "{covers:?}");
    }
}
