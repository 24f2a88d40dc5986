//! The files of a patch for people, in 80 columns.

use std::{cmp::Reverse, fmt::Write};

use super::super::size;
use crate::{
    diff::weigh::{File, GROUPS, Group, Weighed},
    patch::entries::{Content, Method},
};

/// What became of a file, in a word.
pub(super) fn status(weighed: &Weighed, at: usize) -> &'static str {
    let entry = &weighed.files[at].entry;
    let Some(was) = entry.from.and_then(|from| weighed.old.entries.get(from)) else {
        return match entry.content {
            Content::Coded { .. } => "added",
            Content::Old(_) | Content::New(_) => "copied",
        };
    };
    let folder = |path: &str| path.rfind('/').map_or(0, |slash| slash + 1);
    if was.path != entry.path {
        let same_folder = was.path[..folder(&was.path)] == entry.path[..folder(&entry.path)];
        return if same_folder { "renamed" } else { "moved" };
    }
    match entry.content {
        Content::Old(index) if Some(index) == entry.from && was.executable != entry.executable => "mode",
        Content::Old(index) if Some(index) == entry.from => "kept",
        _ => "changed",
    }
}

/// How the content of a file came about, in a word.
pub(super) fn coding(content: Content) -> &'static str {
    match content {
        Content::Old(_) => "kept",
        Content::New(_) => "same as another",
        Content::Coded { method: Method::Text, .. } => "text",
        Content::Coded { method: Method::Binary, .. } => "binary",
        Content::Coded { method: Method::Hermes, .. } => "hermes",
        Content::Coded { method: Method::Repacked, .. } => "repacked",
    }
}

/// The path of the other file that the content comes from, if it has another path.
pub(super) fn source(weighed: &Weighed, at: usize) -> Option<&str> {
    let entry = &weighed.files[at].entry;
    let old = |index: usize| weighed.old.entries.get(index).map(|entry| entry.path.as_str());
    let source = match entry.content {
        Content::Old(index) => old(index),
        Content::New(index) => weighed.files.get(index).map(|file| file.entry.path.as_str()),
        Content::Coded { base, .. } => base.and_then(old),
    };
    source.filter(|source| *source != entry.path)
}

/// One line of the list.
struct Row<'a> {
    status: &'static str,
    coding: &'static str,
    bytes: Option<u64>,
    path: &'a str,
    source: Option<&'a str>,
    file: Option<&'a File>,
}

/// The files, heaviest first, and at most `shown` of those that changed; all where that is none.
pub(super) fn lines(weighed: &Weighed, shown: Option<usize>) -> String {
    let mut rows = rows(weighed);
    let mut lines = "\n".to_owned();
    lines += &counts(&rows);
    if shown.is_some() {
        rows.retain(|row| row.status != "kept");
    }
    if rows.is_empty() {
        return lines;
    }
    lines += "\nwhat      coded     in the patch  path\n";
    let most = shown.unwrap_or(usize::MAX);
    for row in rows.iter().take(most) {
        let bytes = row.bytes.map_or_else(String::new, size::show);
        let path = if row.path.is_empty() { "the file" } else { row.path };
        let _ = writeln!(lines, "{:<9} {:<8} {bytes:>13}  {}", row.status, row.coding, end_of(path, 46));
        if let Some(source) = row.source {
            let _ = writeln!(lines, "{:>32}  {}", "from", end_of(source, 46));
        }
        if let Some(file) = row.file {
            lines += &bytecode_lines(file);
        }
    }
    if rows.len() > most {
        let _ = writeln!(lines, "and {} more; --all lists them, --json too", rows.len() - most);
    }
    lines
}

/// All files of new and those of old that are gone: what is coded by its weight, then what else changed, then the rest.
fn rows(weighed: &Weighed) -> Vec<Row<'_>> {
    let mut rows: Vec<Row> = Vec::with_capacity(weighed.files.len() + weighed.deleted.len());
    for (at, file) in weighed.files.iter().enumerate() {
        let is_coded = matches!(file.entry.content, Content::Coded { .. });
        rows.push(Row {
            status: status(weighed, at),
            coding: if is_coded { coding(file.entry.content) } else { "" },
            bytes: is_coded.then(|| file.costs.total_bytes()),
            path: &file.entry.path,
            source: source(weighed, at),
            file: is_coded.then_some(file),
        });
    }
    for entry in weighed.deleted.iter().filter_map(|&index| weighed.old.entries.get(index)) {
        rows.push(Row { status: "deleted", coding: "", bytes: None, path: &entry.path, source: None, file: None });
    }
    rows.sort_by_key(|row| (row.status == "kept", row.bytes.is_none(), Reverse(row.bytes), row.path));
    rows
}

/// `files  1661: 1500 kept, 41 changed, 120 renamed (7 of them changed); 3 deleted`.
fn counts(rows: &[Row]) -> String {
    let count = |status: &str| rows.iter().filter(|row| row.status == status).count();
    let deleted = count("deleted");
    let statuses = ["kept", "changed", "renamed", "moved", "added", "copied", "mode"];
    let mut told: Vec<String> = Vec::new();
    for status in statuses.into_iter().filter(|status| count(status) > 0) {
        let also = rows.iter().filter(|row| row.status == status && row.bytes.is_some()).count();
        told.push(match status {
            "mode" => format!("{} mode changed", count(status)),
            "renamed" | "moved" if also > 0 => format!("{} {status} ({also} of them changed)", count(status)),
            _ => format!("{} {status}", count(status)),
        });
    }
    let mut text =
        format!("{}: {}", rows.len() - deleted, if told.is_empty() { "none".into() } else { told.join(", ") });
    if deleted > 0 {
        let _ = write!(text, "; {deleted} deleted");
    }
    format!("files  {}\n", wrapped(&text, 73).join("\n       "))
}

/// What was predicted of bytecode and what was sent; or why nothing was predicted.
fn bytecode_lines(file: &File) -> String {
    let mut lines = String::new();
    if let Some(reason) = &file.plain_because {
        for (i, line) in wrapped(&format!("not predicted: {reason}"), 68).into_iter().enumerate() {
            let _ = writeln!(lines, "          {}{line}", if i == 0 { "" } else { "  " });
        }
    }
    let Some(groups) = &file.groups else { return lines };
    let _ =
        writeln!(lines, "          {:<10} {:>10} {:>10} {:>10} {:>10}", "", "predicted", "corrected", "hints", "edits");
    let mut total = Group::default();
    for (name, group) in GROUPS.iter().zip(groups) {
        total.predicted_bytes += group.predicted_bytes;
        total.corrected_bytes += group.corrected_bytes;
        total.hint_bits += group.hint_bits;
        total.edit_bits += group.edit_bits;
        if group.predicted_bytes > 0 || group.sent_bytes() != [0, 0] {
            lines += &group_line(name, group);
        }
    }
    lines + &group_line("all", &total)
}

fn group_line(name: &str, group: &Group) -> String {
    let [hints, edits] = group.sent_bytes();
    let [predicted, corrected, hints, edits] =
        [group.predicted_bytes, group.corrected_bytes, hints, edits].map(size::show);
    format!("          {name:<10} {predicted:>10} {corrected:>10} {hints:>10} {edits:>10}\n")
}

/// `text` in lines of at most `chars`, broken between words.
fn wrapped(text: &str, chars: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= chars => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The end of `path`, at most `chars` long: the name counts more than the folders.
fn end_of(path: &str, chars: usize) -> String {
    let count = path.chars().count();
    if count <= chars {
        return path.to_owned();
    }
    let end: String = path.chars().skip(count + 1 - chars).collect();
    format!("…{end}")
}
