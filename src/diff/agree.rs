//! How far two strings agree, eight bytes at a time, and diagonals: the difference of a place in old and one in new.

/// Bytes that `a` and `b` have in common at their starts.
#[must_use]
pub fn forward(a: &[u8], b: &[u8]) -> usize {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    let (a_words, _) = a.as_chunks::<8>();
    let (b_words, _) = b.as_chunks::<8>();
    let mut at = 0;
    for (x, y) in a_words.iter().zip(b_words) {
        let differs = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differs != 0 {
            return at + (differs.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < len && a[at] == b[at] {
        at += 1;
    }
    at
}

/// Bytes that `a` and `b` have in common at their ends.
#[must_use]
pub fn backward(a: &[u8], b: &[u8]) -> usize {
    let (_, a_words) = a.as_rchunks::<8>();
    let (_, b_words) = b.as_rchunks::<8>();
    let mut at = 0;
    for (x, y) in a_words.iter().rev().zip(b_words.iter().rev()) {
        let differs = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differs != 0 {
            return at + (differs.leading_zeros() / 8) as usize;
        }
        at += 8;
    }
    let len = a.len().min(b.len());
    while at < len && a[a.len() - 1 - at] == b[b.len() - 1 - at] {
        at += 1;
    }
    at
}

/// The two ends, and questions about diagonals between them.
#[derive(Clone, Copy)]
pub struct Ends<'a> {
    /// Old content.
    pub old: &'a [u8],
    /// New content.
    pub new: &'a [u8],
}

impl<'a> Ends<'a> {
    /// Where in old the diagonal stands at `new`, if that is inside old or at its end.
    #[inline]
    #[must_use]
    pub fn place(&self, new: usize, diagonal: i64) -> Option<usize> {
        let place = usize::try_from(new as i64 + diagonal).ok()?;
        (place <= self.old.len()).then_some(place)
    }

    /// Bytes that agree from `new` on along the diagonal, counted up to `most`.
    #[inline]
    #[must_use]
    pub fn agreement(&self, new: usize, diagonal: i64, most: usize) -> usize {
        let Some(place) = self.place(new, diagonal) else { return 0 };
        let new = self.new.get(new..).unwrap_or(&[]);
        forward(&self.old[place..], &new[..most.min(new.len())])
    }

    /// Whether the byte at `new` agrees along the diagonal; `None` where either end has no byte there.
    #[inline]
    #[must_use]
    pub fn agrees(&self, new: usize, diagonal: i64) -> Option<bool> {
        let place = usize::try_from(new as i64 + diagonal).ok()?;
        Some(self.old.get(place)? == self.new.get(new)?)
    }

    /// The end of the stretch from `new` on that the diagonal explains: all differences in it are few, and followed
    /// by [`Stretch::calm`] bytes that agree. The stretch ends where agreement does.
    #[must_use]
    pub fn follow(&self, new: usize, diagonal: i64, stretch: &Stretch) -> usize {
        let mut end = new + self.agreement(new, diagonal, usize::MAX);
        'calm: loop {
            let (mut differing, mut at) = (0, end);
            loop {
                // One difference, then what agrees behind it.
                if self.agrees(at, diagonal).is_none() {
                    return end;
                }
                differing += 1;
                if differing > stretch.differing {
                    return end;
                }
                at += 1;
                if at >= self.new.len() {
                    return end;
                }
                let agreed = self.agreement(at, diagonal, stretch.calm);
                at += agreed;
                if agreed == stretch.calm {
                    end = at + self.agreement(at, diagonal, usize::MAX);
                    continue 'calm;
                }
                if at >= self.new.len() {
                    return end;
                }
            }
        }
    }
}

/// Which differences are so few that nothing but a substitution can be cheaper.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Differing bytes at one place.
    pub differing: u32,
    /// Bytes that agree behind them.
    pub calm: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_counted_to_the_byte() {
        for len in 0..40 {
            for at in 0..=len {
                let a = vec![7u8; len];
                let mut b = a.clone();
                if let Some(byte) = b.get_mut(at) {
                    *byte = 8;
                }
                assert_eq!(forward(&a, &b), at);
                assert_eq!(backward(&a, &b), if at < len { len - 1 - at } else { len });
                assert_eq!(forward(&a, &b[..at]), at);
            }
        }
    }

    #[test]
    fn a_stretch_reaches_over_few_differences_and_stops_at_many() {
        let old = vec![b'x'; 200];
        let mut new = old.clone();
        new[50] = b'y';
        new[100..110].fill(b'y');
        let ends = Ends { old: &old, new: &new };
        let stretch = Stretch { differing: 2, calm: 16 };
        assert_eq!(ends.follow(0, 0, &stretch), 100);
        assert_eq!(ends.follow(110, 0, &stretch), 200);
    }
}
