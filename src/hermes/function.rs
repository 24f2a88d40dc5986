//! The header of a function, in its small form and in the large one that is used where a field does not fit.

use super::form::{Form, MAX_FIELDS};

/// The function has exception handlers.
pub const HAS_HANDLERS: u8 = 1 << 3;
/// The function has debug info.
pub const HAS_DEBUG: u8 = 1 << 4;
/// The small header only says where the large one is.
pub const OVERFLOWED: u8 = 1 << 5;

/// A function's header, whichever form it has in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Function {
    /// The fields in the order of [`Form::fields`].
    pub fields: [u32; MAX_FIELDS],
    /// The flags, without [`OVERFLOWED`].
    pub flags: u8,
    /// Where the function's info begins in the file, or 0 where that is not known.
    pub info: u32,
    /// Whether the large form is used.
    pub large: bool,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    for (to, from) in word.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    u32::from_le_bytes(word)
}

impl Function {
    /// Where the body begins in the file.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.fields[0]
    }

    /// Bytes of the body's instructions.
    #[must_use]
    pub fn size(&self, form: &Form) -> u32 {
        self.fields[form.size_field]
    }

    /// The id of the function's name.
    #[must_use]
    pub fn name(&self, form: &Form) -> u32 {
        self.fields[form.name_field]
    }

    /// Reads a small header. Where it has overflowed, only `info` and `large` are set, to where the large one is.
    #[must_use]
    pub fn from_small(form: &Form, bytes: &[u8]) -> Self {
        let mut function = Self::default();
        let flags = bytes.get(form.small_bytes - 1).copied().unwrap_or_default();
        for (value, field) in function.fields.iter_mut().zip(form.fields) {
            let word = word(bytes, usize::from(field.word)) >> field.shift;
            *value = word & (u32::MAX >> (32 - u32::from(field.bits)));
        }
        function.flags = flags & !OVERFLOWED;
        if flags & OVERFLOWED != 0 {
            let fields = function.fields;
            function = Self { large: true, ..Self::default() };
            let above = fields[form.info_field.unwrap_or(form.name_field)];
            function.info = above << form.place_bits | fields[0] & ((1 << form.place_bits) - 1);
        } else if let Some(info) = form.info_field {
            function.info = function.fields[info];
        }
        function
    }

    /// Takes the fields from a large header of [`Form::large_bytes`] bytes.
    pub fn read_large(&mut self, form: &Form, bytes: &[u8]) {
        let mut at = 0;
        for (value, field) in self.fields.iter_mut().zip(form.fields) {
            let mask = if field.bytes == 4 { u32::MAX } else { 0xff };
            *value = word(bytes, at) & mask;
            at += usize::from(field.bytes);
        }
        self.flags = bytes.get(at).copied().unwrap_or_default() & !OVERFLOWED;
    }

    /// Whether all fields fit into a small header.
    #[must_use]
    pub fn fits_small(&self, form: &Form) -> bool {
        self.first_overflow(form) == form.fields.len()
    }

    fn first_overflow(&self, form: &Form) -> usize {
        let fits = |(value, bits): (&u32, u8)| bits >= 32 || value >> bits == 0;
        let overflows = self.fields.iter().zip(form.fields.iter().map(|field| field.bits)).position(|pair| !fits(pair));
        overflows.unwrap_or(form.fields.len())
    }

    /// Writes the small header: whole, or where it overflows the place of the large one, `info`.
    pub fn write_small(&self, form: &Form, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + form.small_bytes, 0);
        let Some(bytes) = out.get_mut(start..) else { return };
        let mut fields = self.fields;
        let mut kept = form.fields.len();
        let mut flags = self.flags;
        if self.large {
            flags |= OVERFLOWED;
            match form.info_field {
                Some(info) => {
                    // The compiler fills fields in until one does not fit, and leaves those behind it zero.
                    kept = self.first_overflow(form);
                    fields.iter_mut().skip(kept).for_each(|value| *value = 0);
                    fields[0] = self.info & ((1 << form.place_bits) - 1);
                    fields[info] = self.info >> form.place_bits;
                    kept = kept.max(info + 1);
                }
                None => {
                    fields = [0; MAX_FIELDS];
                    fields[0] = self.info & ((1 << form.place_bits) - 1);
                    fields[form.name_field] = self.info >> form.place_bits;
                    flags = OVERFLOWED;
                }
            }
        }
        for (value, field) in fields.iter().zip(form.fields).take(kept) {
            let bits = u64::from(value & (u32::MAX >> (32 - u32::from(field.bits)))) << field.shift;
            for (i, byte) in bits.to_le_bytes().into_iter().enumerate() {
                if let Some(place) = bytes.get_mut(usize::from(field.word) + i) {
                    *place |= byte;
                }
            }
        }
        if let Some(last) = bytes.last_mut() {
            *last = flags;
        }
    }

    /// Writes the large header.
    pub fn write_large(&self, form: &Form, out: &mut Vec<u8>) {
        for (value, field) in self.fields.iter().zip(form.fields) {
            out.extend_from_slice(&value.to_le_bytes()[..usize::from(field.bytes)]);
        }
        // In the file the large header's own flags never say that it overflowed.
        out.push(self.flags);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_in_either_form() {
        for form in [84, 96, 97, 98, 99].into_iter().flat_map(Form::candidates) {
            let mut function = Function { flags: HAS_HANDLERS, ..Function::default() };
            for (i, (value, field)) in function.fields.iter_mut().zip(form.fields).enumerate() {
                *value = (i as u32 * 37 + 5) & (u32::MAX >> (32 - u32::from(field.bits)));
            }
            function.info = form.info_field.map_or(0, |info| function.fields[info]);
            assert!(function.fits_small(&form));
            let mut small = Vec::new();
            function.write_small(&form, &mut small);
            assert_eq!(small.len(), form.small_bytes);
            assert_eq!(Function::from_small(&form, &small), function);

            function.fields[form.name_field] = 1 << 20;
            (function.large, function.info) = (true, 0x0123_4568);
            if let Some(info) = form.info_field {
                function.fields[info] = function.info;
            }
            assert!(!function.fits_small(&form));
            let (mut small, mut large) = (Vec::new(), Vec::new());
            function.write_small(&form, &mut small);
            function.write_large(&form, &mut large);
            assert_eq!(large.len(), form.large_bytes());
            let mut read = Function::from_small(&form, &small);
            assert_eq!((read.large, read.info), (true, function.info));
            read.read_large(&form, &large);
            assert_eq!(read, function);
        }
    }
}
