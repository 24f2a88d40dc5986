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
fn a_file_is_copied_from_the_one_it_was_paired_with() {
    let part = noise(4, 60);
    let old = [part.repeat(20), noise(5, 40), part.repeat(20)].concat();
    let hints: Vec<Hint> =
        (0..9).map(|i| Hint { new: i * 50, old: if i % 2 == 0 { 60 * i } else { 1240 + 60 * i } }).collect();
    let new: Vec<u8> = hints.iter().flat_map(|hint| old[hint.old..hint.old + 50].to_vec()).collect();
    for effort in EFFORTS {
        let covers = covers(&old, &new, &hints, effort, &Costs::TEXT);
        check(&old, &new, &covers);
        let found: Vec<Hint> = covers.iter().map(|cover| Hint { new: cover.new, old: cover.old }).collect();
        assert_eq!(found, hints);
        // A hint that is passed on the way, or one outside, does no harm.
        let mut hints = hints.clone();
        hints.extend([Hint { new: 3, old: 900 }, Hint { new: 4, old: 1 }, Hint { new: 449, old: 1 << 40 }]);
        hints.extend([Hint { new: 1 << 40, old: 0 }, Hint { new: 448, old: old.len() }]);
        check(&old, &new, &super::covers(&old, &new, &hints, effort, &Costs::TEXT));
    }
}

#[test]
fn content_that_repeats_is_covered() {
    let zeros = vec![0; 1 << 16];
    let new = [&zeros[..1 << 15], b"x", &zeros].concat();
    for effort in EFFORTS {
        for text in [&zeros, &b"abcdefghijklmnopqrstu".repeat(3000)] {
            let new = [&text[..1 << 15], b"-", &text[7..]].concat();
            let covers = of(text, &new, effort);
            assert!(literals(&new, &covers) < 40, "{effort:?}: {} literals", literals(&new, &covers));
        }
        let covers = of(&zeros, &new, effort);
        assert!(literals(&new, &covers) < 40, "{effort:?}: {} literals", literals(&new, &covers));
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

/// The cheapest covers by the same costs, found by trying every diagonal at every byte.
fn oracle(old: &[u8], new: &[u8], costs: &Costs) -> u64 {
    let diagonals: Vec<i64> = (-(new.len() as i64)..=old.len() as i64).collect();
    // Each state: cost by diagonal and whether the byte before differed; the literal by the diagonal before.
    let mut covered = vec![[u64::MAX / 2; 2]; diagonals.len()];
    let mut literal = vec![(u64::MAX / 2, 0usize); diagonals.len()];
    literal[new.len()] = (0, 0);
    for at in 0..new.len() {
        let (before, literal_before) = (covered.clone(), literal.clone());
        for (i, &to) in diagonals.iter().enumerate() {
            for (j, &from) in diagonals.iter().enumerate() {
                let (cost, since) = literal_before[j];
                let jump = if to == from {
                    u64::from(costs.resume)
                } else {
                    costs.copy_on(at as i64 + to, since as i64 + from, 0).0
                };
                covered[i][0] = covered[i][0].min(cost + jump);
                let cost = before[j][0].min(before[j][1]);
                if i != j {
                    covered[i][0] = covered[i][0].min(cost + costs.copy_on(at as i64 + to, at as i64 + from, 0).0);
                }
            }
            let left = before[i][0].min(before[i][1]) + u64::from(costs.leave);
            if left < literal[i].0 {
                literal[i] = (left, at);
            }
        }
        for (i, &diagonal) in diagonals.iter().enumerate() {
            let [calm, differed] = covered[i];
            let place = usize::try_from(at as i64 + diagonal).ok().and_then(|place| old.get(place));
            covered[i] = match place {
                Some(byte) if *byte == new[at] => {
                    [(calm + u64::from(costs.agrees)).min(differed + u64::from(costs.agrees_again)), u64::MAX / 2]
                }
                Some(_) => {
                    let cost = (calm + u64::from(costs.differs)).min(differed + u64::from(costs.differs_again));
                    [u64::MAX / 2, cost]
                }
                None => [u64::MAX / 2; 2],
            };
            literal[i].0 += u64::from(costs.literal);
        }
    }
    let covered = covered.iter().flatten().copied().min().unwrap_or(0);
    covered.min(literal.iter().map(|&(cost, _)| cost).min().unwrap_or(0))
}

/// What the covers cost.
fn price(old: &[u8], new: &[u8], covers: &[Cover], costs: &Costs) -> u64 {
    let (mut total, mut at, mut place) = (0, 0, 0);
    let mut first = true;
    for cover in covers {
        let inserted = cover.new - at;
        if inserted > 0 {
            total += inserted as u64 * u64::from(costs.literal) + if first { 0 } else { u64::from(costs.leave) };
        }
        let same = cover.old as i64 - cover.new as i64 == place as i64 - at as i64;
        total += if same { u64::from(costs.resume) } else { costs.copy_on(cover.old as i64, place as i64, 0).0 };
        let mut differed = false;
        for i in 0..cover.len {
            let agrees = old[cover.old + i] == new[cover.new + i];
            total += u64::from(match (agrees, differed) {
                (true, false) => costs.agrees,
                (true, true) => costs.agrees_again,
                (false, false) => costs.differs,
                (false, true) => costs.differs_again,
            });
            differed = !agrees;
        }
        (at, place, first) = (cover.new + cover.len, cover.old + cover.len, false);
    }
    let rest = new.len() - at;
    if rest > 0 {
        total += rest as u64 * u64::from(costs.literal) + if first { 0 } else { u64::from(costs.leave) };
    }
    total
}

type Change = (u16, u8, Vec<u8>, Option<(u16, u8)>);

/// Changes made to a text: where, how much is taken out, what is put in (bytes, or a piece from elsewhere).
fn edited(old: &[u8], edits: &[Change]) -> Vec<u8> {
    let mut new = old.to_vec();
    for (at, out, bytes, piece) in edits {
        let at = *at as usize % (new.len() + 1);
        let end = (at + *out as usize).min(new.len());
        let mut put = bytes.clone();
        if let Some((from, len)) = piece.filter(|_| !old.is_empty()) {
            let from = from as usize % old.len();
            put.extend_from_slice(&old[from..(from + len as usize).min(old.len())]);
        }
        new.splice(at..end, put);
    }
    new
}

mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn edits() -> impl Strategy<Value = Vec<Change>> {
        let piece = proptest::option::of((any::<u16>(), any::<u8>()));
        vec((any::<u16>(), any::<u8>(), vec(b'a'..b'e', 0..12), piece), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn covers_lie_in_both_ends_in_order(old in vec(b'a'..b'e', 0..3000), edits in edits(), hints in vec((0..4000usize, 0..4000usize), 0..5)) {
            let new = edited(&old, &edits);
            let hints: Vec<Hint> = hints.into_iter().map(|(new, old)| Hint { new, old }).collect();
            for effort in EFFORTS {
                check(&old, &new, &covers(&old, &new, &hints, effort, &Costs::TEXT));
                check(&old, &new, &covers(&old, &new, &hints, effort, &Costs::BINARY));
            }
        }

        #[test]
        fn covers_do_not_depend_on_the_number_of_threads(old in vec(any::<u8>(), 0..2000), edits in edits()) {
            let (old, new) = (old.repeat(200), edited(&old, &edits).repeat(200));
            let with = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| covers(&old, &new, &[], Effort::Default, &Costs::TEXT))
            };
            prop_assert_eq!(with(1), with(3));
        }

        #[test]
        fn small_texts_are_covered_nearly_as_cheaply_as_can_be(old in vec(b'a'..=b'z', 0..60), edits in edits()) {
            let edits: Vec<_> = edits.into_iter().take(2).map(|(at, out, put, _)| (at, out % 8, put, None)).collect();
            let new = edited(&old, &edits);
            let covers = of(&old, &new, Effort::Max);
            let (least, found) = (oracle(&old, &new, &Costs::TEXT), price(&old, &new, &covers, &Costs::TEXT));
            // Agreement of less than four bytes is not looked for.
            prop_assert!(found <= least + 3 * 64 * 12, "{} over {}: {:?}", found, least, covers);
        }
    }
}

/// The steps for inputs of one sort grow with their length and no faster.
fn grows_linearly(input: impl Fn(usize) -> (Vec<u8>, Vec<u8>)) {
    for effort in EFFORTS {
        let steps = |len: usize| {
            let (old, new) = input(len);
            let (covers, steps) = counted(&old, &new, &[], search(effort), &Costs::TEXT);
            check(&old, &new, &covers);
            steps
        };
        let (once, twice) = (steps(1 << 17), steps(1 << 18));
        assert!(twice <= once * 23 / 10 + 10_000, "{effort:?}: {once} steps, then {twice}");
        assert!(twice <= 256 << 18, "{effort:?}: {twice} steps");
    }
}

#[test]
fn zeros_take_linear_time() {
    grows_linearly(|len| (vec![0; len], vec![0; len + len / 3]));
    grows_linearly(|len| {
        let mut new = vec![0; len];
        new.iter_mut().step_by(50).for_each(|byte| *byte = 1);
        (vec![0; len], new)
    });
}

#[test]
fn periodic_text_takes_linear_time() {
    for period in [1, 2, 3, 7, 100, 1000] {
        grows_linearly(|len| {
            let part = noise(period as u64, period);
            let old: Vec<u8> = part.iter().copied().cycle().take(len).collect();
            let mut new = old[period / 2..].to_vec();
            new.iter_mut().step_by(70).for_each(|byte| *byte ^= 1);
            (old, new)
        });
    }
}

#[test]
fn fibonacci_words_take_linear_time() {
    grows_linearly(|len| {
        let (mut a, mut b) = (b"a".to_vec(), b"ab".to_vec());
        while b.len() < len + 100 {
            let next = [b.as_slice(), &a].concat();
            (a, b) = (b, next);
        }
        (b[..len].to_vec(), b[77..len].iter().rev().copied().collect())
    });
}

#[test]
fn a_shift_by_one_byte_takes_linear_time() {
    grows_linearly(|len| {
        let old = noise(1, len);
        (old.clone(), [&b"x"[..], &old].concat())
    });
}

#[test]
fn unrelated_ends_take_linear_time() {
    grows_linearly(|len| (noise(1, len), noise(2, len)));
    grows_linearly(|len| {
        // Few letters: every word stands everywhere.
        let letters = |seed| noise(seed, len).iter().map(|byte| byte % 2).collect();
        (letters(3), letters(4))
    });
}

#[test]
fn old_repeated_takes_linear_time() {
    grows_linearly(|len| (noise(1, len / 8), noise(1, len / 8).repeat(8)));
}

#[test]
fn thousands_of_tiny_files_take_linear_time() {
    grows_linearly(|len| {
        let files = |seed: u64| -> Vec<u8> {
            (0..len / 24).flat_map(|i| format!("export{{{} as v}}\n", i as u64 * 7919 % seed).into_bytes()).collect()
        };
        (files(10_007), files(10_009))
    });
}
