//! Four bytes looked for in the neighbourhood of a place, many places at a time.

use std::ops::Range;

/// Bytes that are looked for.
const LEN: usize = 4;
/// Places that are compared at once.
const WIDE: usize = 16;

/// Whether `wanted` begins at any of the first places of `text`. Written so that it becomes a few wide instructions.
#[inline]
fn any(text: &[u8; WIDE + LEN - 1], wanted: &[u8; LEN]) -> bool {
    let mut found = 0;
    for i in 0..WIDE {
        found |= u8::from(text[i] == wanted[0])
            & u8::from(text[i + 1] == wanted[1])
            & u8::from(text[i + 2] == wanted[2])
            & u8::from(text[i + 3] == wanted[3]);
    }
    found != 0
}

#[inline]
fn begins(text: &[u8], at: usize, wanted: &[u8; LEN]) -> bool {
    text.get(at..).and_then(|text| text.first_chunk()) == Some(wanted)
}

/// The first of `places` where `wanted` begins.
#[inline]
#[must_use]
pub fn first(text: &[u8], mut places: Range<usize>, wanted: &[u8; LEN]) -> Option<usize> {
    while places.len() >= WIDE
        && let Some(chunk) = text.get(places.start..).and_then(|text| text.first_chunk())
    {
        if any(chunk, wanted) {
            break;
        }
        places.start += WIDE;
    }
    places.find(|&at| begins(text, at, wanted))
}

/// The last of `places` where `wanted` begins.
#[inline]
#[must_use]
pub fn last(text: &[u8], mut places: Range<usize>, wanted: &[u8; LEN]) -> Option<usize> {
    while places.len() >= WIDE
        && let Some(chunk) = text.get(..places.end + LEN - 1).and_then(|text| text.last_chunk())
    {
        if any(chunk, wanted) {
            break;
        }
        places.end -= WIDE;
    }
    places.rev().find(|&at| begins(text, at, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_all_places_is_found() {
        let text: Vec<u8> = (0..300u32).map(|i| b"ab"[(i * i / 7 % 2) as usize]).collect();
        for at in 0..290 {
            let Some(wanted) = text[at..].first_chunk() else { break };
            for len in [0, 1, 15, 16, 17, 40, 200] {
                for from in [0, 3, 100, 280] {
                    let places = from..(from + len).min(text.len());
                    let naive = |place: &usize| text[*place..].starts_with(wanted);
                    assert_eq!(first(&text, places.clone(), wanted), places.clone().find(naive));
                    assert_eq!(last(&text, places.clone(), wanted), places.rev().find(naive));
                }
            }
        }
    }
}
