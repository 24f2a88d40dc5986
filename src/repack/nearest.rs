//! Where the bytes at hand stood last: nearly every encoder copies from the nearest place there is, so that the
//! distance need not be carried.

/// Places that are looked at before a copy counts as not found; what bounds the time.
const DEPTH: usize = 256;
const HEAD_BITS: u32 = 15;

/// Finds the nearest earlier place that agrees, by chains of places whose first bytes hash alike, newest first.
pub(super) struct Nearest {
    /// Bytes that are hashed, at most 8: the shortest copy that is found.
    grain: usize,
    /// One more than the newest place of each hash.
    heads: Vec<u32>,
    /// One more than the place before each place, by the place's low bits.
    before: Vec<u32>,
    /// The first place that is not yet entered.
    next: usize,
}

impl Nearest {
    /// Finds copies of at least `grain` bytes, at most `1 << window_bits` back.
    pub(super) fn new(window_bits: u32, grain: usize) -> Self {
        Self { grain, heads: vec![0; 1 << HEAD_BITS], before: vec![0; 1 << window_bits], next: 0 }
    }

    /// The hash of the first bytes of `text`, which has at least `grain`.
    fn hash(&self, text: &[u8]) -> usize {
        let mut bytes = [0; 8];
        bytes[..self.grain].copy_from_slice(&text[..self.grain]);
        self.hash_word(bytes)
    }

    #[inline]
    fn hash_word(&self, bytes: [u8; 8]) -> usize {
        let word = u64::from_le_bytes(bytes) << (64 - 8 * self.grain);
        (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - HEAD_BITS)) as usize
    }

    /// Enters all places before `end`. `text` begins at place `base`, at or before the first place that is new, and goes
    /// on for `grain` bytes from each.
    fn enter(&mut self, text: &[u8], base: usize, end: usize) {
        if end <= self.next {
            return;
        }
        let (first, text) = (self.next, &text[self.next - base..]);
        self.next = end;
        let mut entered = 0;
        for bytes in text.windows(8).take(end - first) {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            self.push(self.hash_word(word), first + entered);
            entered += 1;
        }
        for place in first + entered..end {
            self.push(self.hash(&text[place - first..]), place);
        }
    }

    #[inline]
    fn push(&mut self, head: usize, place: usize) {
        let slot = place & (self.before.len() - 1);
        self.before[slot] = self.heads[head];
        self.heads[head] = place as u32 + 1;
    }

    /// How far back the `length` bytes at place `at` stood last. `text` begins at place `base`, holds all that is in reach,
    /// and ends with these bytes. The places asked for must ascend.
    pub(super) fn find(&mut self, text: &[u8], base: usize, at: usize, length: usize) -> Option<usize> {
        if length < self.grain {
            return None;
        }
        self.enter(text, base, at);
        let (mask, reach) = (self.before.len() - 1, self.before.len().min(at - base));
        let wanted = &text[at - base..][..length];
        let (mut place, mut distance) = (self.heads[self.hash(&text[at - base..])], 0);
        for _ in 0..DEPTH {
            // Places are kept modulo 2^32 and slots are used again, so each step must lead further back, in reach.
            let back = (at as u32).wrapping_sub(place.wrapping_sub(1)) as usize;
            if place == 0 || back <= distance || back > reach {
                return None;
            }
            distance = back;
            let candidate = &text[at - base - distance..][..length];
            if candidate[length - 1] == wanted[length - 1] && candidate == wanted {
                return Some(distance);
            }
            place = self.before[(at - distance) & mask];
        }
        None
    }
}

/// The content that went by, as far back as copies are looked for.
pub(super) struct History {
    nearest: Nearest,
    text: Vec<u8>,
    /// Where `text` begins.
    base: usize,
}

impl History {
    pub(super) fn new(nearest: Nearest) -> Self {
        Self { nearest, text: Vec::new(), base: 0 }
    }

    /// Takes in what comes next. Old text is given up in between, but not while `keeps`: then the next [`History::last`] is
    /// about bytes that are in already.
    pub(super) fn push(&mut self, bytes: &[u8], keeps: bool) {
        let window_bytes = self.nearest.before.len();
        if !keeps && self.text.len() > 2 * window_bytes {
            let grain = self.nearest.grain;
            self.nearest.enter(&self.text, self.base, self.base + self.text.len() - grain);
            let given_up = self.text.len() - window_bytes - grain;
            self.text.drain(..given_up);
            self.base += given_up;
        }
        self.text.extend_from_slice(bytes);
    }

    /// How far back the last `length` bytes stood before.
    pub(super) fn last(&mut self, length: usize) -> Option<usize> {
        let at = (self.base + self.text.len()).checked_sub(length).filter(|at| *at >= self.base)?;
        self.nearest.find(&self.text, self.base, at, length)
    }
}
