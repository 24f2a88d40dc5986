//! JSON as people write it: where a comma is missing or too many, where a comment stands, where each value lies.
//!
//! A parser of JSON stops at the first mistake and tells where it noticed. This walks over the commonest mistakes, tells
//! where they were made and how they are mended, byte for byte, so that nothing else of a file changes. It believes
//! nothing about the rest: what it mends is parsed by a real parser afterwards.

use std::{collections::BTreeMap, ops::Range};

/// Mistakes that are told, at most: a file with more is something else.
pub const MAX_MENDS: usize = 100;
/// Objects and lists within each other, at most.
const MAX_DEPTH: usize = 64;

/// What is wrong at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A comma is missing after a value.
    MissingComma {
        /// The end of the value, as it stands there.
        after: String,
    },
    /// A comma after the last value.
    TrailingComma,
    /// A comment.
    Comment,
    /// A byte order mark at the beginning.
    Mark,
}

/// A mistake and how it is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// What is wrong.
    pub problem: Problem,
    /// Where, counted from 1.
    pub line: usize,
    /// Where in the line, in characters, counted from 1.
    pub column: usize,
    /// The bytes to take out; where it is empty a comma is put.
    pub bytes: Range<usize>,
}

/// What a walk over a text found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The mistakes, in order.
    pub mends: Vec<Mend>,
    /// The bytes of each value of an object, by the keys that lead there; of the keys that are alike the last. At most
    /// two levels deep.
    pub values: BTreeMap<Vec<String>, Range<usize>>,
}

/// What may come next in an object or a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Key,
    Colon,
    Value,
    CommaOrEnd,
}

struct Frame {
    object: bool,
    next: Next,
    key: Option<String>,
    began: usize,
    /// Where the last comma stands, while nothing came after it.
    comma: Option<usize>,
}

impl Frame {
    fn new(object: bool, began: usize) -> Self {
        Self { object, next: if object { Next::Key } else { Next::Value }, key: None, began, comma: None }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    line_began: usize,
    frames: Vec<Frame>,
    found: Scanned,
    /// The last value: its bytes and the line and its beginning where it ends.
    last: Option<(Range<usize>, usize, usize)>,
}

/// Walks over `text` until its end, or until something that is neither JSON nor one of the mistakes. Takes time and memory
/// in proportion to the text.
#[must_use]
pub fn scan(text: &str) -> Scanned {
    let mut scanner = Scanner {
        text,
        at: 0,
        line: 1,
        line_began: 0,
        frames: vec![Frame::new(false, 0)],
        found: Scanned::default(),
        last: None,
    };
    while scanner.step().is_some() {}
    // A comma is noticed only when something comes after it, perhaps behind a comment.
    scanner.found.mends.sort_by_key(|mend| (mend.bytes.start, mend.bytes.end));
    scanner.found
}

/// `text` with every mistake mended. Lines keep their numbers.
#[must_use]
pub fn mend(text: &str, mends: &[Mend]) -> String {
    let mut out = String::with_capacity(text.len() + mends.len());
    let mut at = 0;
    for mend in mends {
        out.push_str(text.get(at..mend.bytes.start).unwrap_or_default());
        if mend.bytes.is_empty() {
            out.push(',');
        }
        at = mend.bytes.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

impl Scanner<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    fn newline(&mut self, at: usize) {
        self.line += 1;
        self.line_began = at + 1;
    }

    /// Notes a mistake at `at` in the line `line`, which begins at `began`. `None` where there are too many.
    fn note(&mut self, problem: Problem, bytes: Range<usize>, line: usize, began: usize) -> Option<()> {
        if self.found.mends.len() == MAX_MENDS {
            return None;
        }
        let column = self.text.get(began..bytes.start).map_or(0, |before| before.chars().count()) + 1;
        self.found.mends.push(Mend { problem, line, column, bytes });
        Some(())
    }

    /// Takes one token. `None` at the end, and where it is of no use to go on.
    fn step(&mut self) -> Option<()> {
        let at = self.at;
        match self.peek()? {
            b'\n' => {
                self.newline(at);
                self.at += 1;
                Some(())
            }
            b' ' | b'\t' | b'\r' => {
                self.at += 1;
                Some(())
            }
            0xEF if at == 0 && self.text.starts_with('\u{feff}') => {
                self.at = '\u{feff}'.len_utf8();
                self.note(Problem::Mark, 0..self.at, 1, 0)
            }
            b'/' => self.comment(),
            b'"' => self.string(),
            b'{' | b'[' => {
                self.value_begins()?;
                if self.frames.len() > MAX_DEPTH {
                    return None;
                }
                self.at += 1;
                self.frames.push(Frame::new(self.bytes()[at] == b'{', at));
                Some(())
            }
            b'}' | b']' => self.end(),
            b':' => {
                let frame = self.frames.last_mut()?;
                if frame.next != Next::Colon {
                    return None;
                }
                frame.next = Next::Value;
                self.at += 1;
                Some(())
            }
            b',' => {
                let frame = self.frames.last()?;
                if frame.next != Next::CommaOrEnd || self.frames.len() == 1 {
                    return None;
                }
                let frame = self.frames.last_mut()?;
                frame.next = if frame.object { Next::Key } else { Next::Value };
                frame.comma = Some(at);
                self.at += 1;
                Some(())
            }
            b'-' | b'0'..=b'9' | b'a'..=b'z' => self.word(),
            _ => None,
        }
    }

    /// A line or block comment, without the line ends in it.
    fn comment(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let length = if rest.starts_with("//") {
            rest.find(['\n', '\r']).unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/")? + 2
        } else {
            return None;
        };
        let (began, end) = (self.at, self.at + length);
        // Each line of it is taken out by itself, so that lines keep their numbers.
        let mut from = began;
        while from < end {
            let newline = self.bytes()[from..end].iter().position(|byte| *byte == b'\n').map(|at| from + at);
            let to = newline.unwrap_or(end);
            if from < to {
                self.note(Problem::Comment, from..to, self.line, self.line_began)?;
            }
            if let Some(at) = newline {
                self.newline(at);
            }
            from = to + 1;
        }
        self.at = end;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        let began = self.at;
        let bytes = self.bytes();
        let mut at = began + 1;
        loop {
            match bytes.get(at)? {
                b'"' => break,
                // A text ends in its line.
                b'\n' => return None,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        let end = at + 1;
        self.key_or_value_begins()?;
        let is_key = self.frames.last()?.next == Next::Key;
        if is_key {
            let key = serde_json::from_str(self.text.get(began..end)?).ok()?;
            let frame = self.frames.last_mut()?;
            frame.key = Some(key);
            frame.next = Next::Colon;
            frame.comma = None;
        } else {
            self.value_ends(began..end)?;
        }
        self.at = end;
        Some(())
    }

    fn word(&mut self) -> Option<()> {
        let began = self.at;
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = self.bytes()[began..].iter().take_while(|byte| is_word(byte)).count();
        self.value_begins()?;
        self.value_ends(began..began + length)?;
        self.at = began + length;
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        if self.frames.len() == 1 {
            return None;
        }
        let frame = self.frames.pop()?;
        if frame.object != (self.bytes()[self.at] == b'}') || matches!(frame.next, Next::Colon) {
            return None;
        }
        if let Some(comma) = frame.comma {
            // The line of the comma may be above: count again from where the frame can tell.
            let line = self.line - self.text[comma..self.at].matches('\n').count();
            let began = self.text[..comma].rfind('\n').map_or(0, |at| at + 1);
            self.note(Problem::TrailingComma, comma..comma + 1, line, began)?;
        } else if frame.object && frame.next == Next::Value {
            return None;
        }
        self.value_ends(frame.began..self.at + 1)?;
        self.at += 1;
        Some(())
    }

    /// A text begins: where a key or value may not, perhaps a comma is missing.
    fn key_or_value_begins(&mut self) -> Option<()> {
        let frame = self.frames.last()?;
        match frame.next {
            Next::Key | Next::Value => Some(()),
            Next::Colon => None,
            Next::CommaOrEnd => self.missing_comma(),
        }
    }

    /// Something begins that can be no key.
    fn value_begins(&mut self) -> Option<()> {
        self.key_or_value_begins()?;
        (self.frames.last()?.next == Next::Value).then_some(())
    }

    fn missing_comma(&mut self) -> Option<()> {
        // After the whole text nothing may come, with a comma or without.
        if self.frames.len() == 1 {
            return None;
        }
        let (value, line, began) = self.last.clone()?;
        let after = self.text.get(value.clone())?;
        let after = if after.ends_with(['}', ']']) { &after[after.len() - 1..] } else { after };
        let after = after.chars().take(60).collect();
        self.note(Problem::MissingComma { after }, value.end..value.end, line, began)?;
        let frame = self.frames.last_mut()?;
        frame.next = if frame.object { Next::Key } else { Next::Value };
        Some(())
    }

    fn value_ends(&mut self, bytes: Range<usize>) -> Option<()> {
        let frame = self.frames.last_mut()?;
        frame.next = Next::CommaOrEnd;
        frame.comma = None;
        if self.frames.len() <= 3 {
            let keys: Option<Vec<String>> = self.frames.iter().skip(1).map(|frame| frame.key.clone()).collect();
            if let Some(keys) = keys.filter(|keys| !keys.is_empty()) {
                self.found.values.insert(keys, bytes.clone());
            }
        }
        self.last = Some((bytes, self.line, self.line_began));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str) -> String {
        mend(text, &scan(text).mends)
    }

    #[test]
    fn json_without_a_mistake_is_left_alone() {
        for text in ["", "{}", "[1, [2, {}], \"a,b\", -1.5e+3, true]", "{\"a\": {\"b\": [null]}, \"c\\\"\": \"//\"}\n"]
        {
            assert_eq!(scan(text).mends, [], "{text}");
        }
    }

    #[test]
    fn a_missing_comma_is_named_where_it_belongs() {
        let text = "{\n  \"a\": \"é1\"\n  \"b\": {\"c\": 1}\n  \"d\": [true false]\n}\n";
        let places: Vec<_> = scan(text).mends.iter().map(|mend| (mend.line, mend.column)).collect();
        assert_eq!(places, [(2, 12), (3, 16), (4, 13)]);
        let mended = mended(text);
        assert_eq!(mended, "{\n  \"a\": \"é1\",\n  \"b\": {\"c\": 1},\n  \"d\": [true, false]\n}\n");
        serde_json::from_str::<serde_json::Value>(&mended).unwrap();
    }

    #[test]
    fn commas_too_many_and_comments_are_taken_out_and_lines_stay() {
        let text = "\u{feff}{ // one\n \"a\": [1,2,], /* two\nlines */ \"b\": {\"c\":1,\n}\n}";
        let mended = mended(text);
        assert_eq!(mended, "{ \n \"a\": [1,2], \n \"b\": {\"c\":1\n}\n}");
        serde_json::from_str::<serde_json::Value>(&mended).unwrap();
        assert_eq!(scan(text).mends.last().map(|mend| (mend.line, mend.column)), Some((3, 21)));
    }

    #[test]
    fn a_comment_beside_a_comma_hides_neither() {
        for (text, expected) in [("[1, /* a */ ]", "[1  ]"), ("[1/* a */ 2]", "[1, 2]"), ("[1 // a\n 2]", "[1, \n 2]")]
        {
            assert_eq!(mended(text), expected);
        }
    }

    #[test]
    fn values_are_found_by_their_keys() {
        let text = "{\"a\": {\"b\": \"1\", \"c\": {\"d\": 2}}, \"e\": [{\"f\": 3}]}";
        let found = scan(text);
        let of = |keys: &[&str]| found.values.get(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["a", "b"]).map(|range| &text[range.clone()]), Some("\"1\""));
        assert_eq!(of(&["e"]).map(|range| &text[range.clone()]), Some("[{\"f\": 3}]"));
        assert_eq!(of(&["a", "c", "d"]), None);
    }

    #[test]
    fn what_is_no_json_ends_the_walk() {
        for text in ["}", "{]", "{\"a\" 1}", "\"open", "{a: 1}", "1 2", "[,]", "{\"a\": 1}}", "/", "/* open"] {
            assert_eq!(mended(text), text, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(scan(&deep), Scanned::default());
        assert_eq!(scan(&"[1 1]".replace(' ', &" 1".repeat(500))).mends.len(), MAX_MENDS);
    }
}
