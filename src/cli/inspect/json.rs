//! A patch as JSON.

use serde_json::{Map, Value, json};

use super::files::{coding, source, status};
use crate::{
    cli::hash::kind,
    diff::weigh::{Costs, GROUPS, Outline, Section, Weighed},
    hash::Hash,
    patch::VERSION,
    tree::Kind,
};

/// What can be told without old.
pub(super) fn outline(outline: &Outline) -> Value {
    let header = &outline.header;
    let end = |hash: Hash, of: Kind, bytes: u64| json!({ "hash": hash.to_string(), "kind": kind(of), "bytes": bytes });
    json!({
        "format": VERSION,
        "old": end(header.old, header.old_kind, header.old_bytes),
        "new": end(header.new, header.new_kind, header.new_bytes),
        "apply_memory_bytes": header.apply_memory_bytes,
        "coding": if header.lanes { "lanes" } else { "models" },
        "table_bytes": 1u64 << header.sizes.table_bits,
        "past_bytes": 1u64 << header.sizes.ring_bits,
        "patch_bytes": outline.patch_bytes,
        "frames": outline.frames,
        "frame_bytes": outline.frame_bytes(),
        "header_bytes": outline.header_bytes,
        "body_bytes": outline.body_bytes,
    })
}

/// All that can be told with old.
pub(super) fn weighed(weighed: &Weighed) -> Value {
    let mut value = outline(&weighed.outline);
    value["sections"] = sections(&weighed.costs);
    value["list_bytes"] = json!(weighed.costs.bytes(Section::List) + weighed.costs.bytes(Section::Paths));
    value["files"] = (0..weighed.files.len()).map(|at| file(weighed, at)).collect();
    value["deleted"] = weighed
        .deleted
        .iter()
        .filter_map(|&index| weighed.old.entries.get(index))
        .map(|entry| json!(entry.path))
        .collect();
    value
}

fn sections(costs: &Costs) -> Value {
    let spent = Section::ALL.into_iter().map(|section| (section.name().to_owned(), json!(costs.bytes(section))));
    Value::Object(spent.filter(|(_, bytes)| *bytes != 0).collect())
}

fn file(weighed: &Weighed, at: usize) -> Value {
    let (file, entry) = (&weighed.files[at], &weighed.new.entries[at]);
    let mut value = json!({
        "path": entry.path,
        "bytes": entry.size,
        "executable": entry.executable,
        "hash": entry.hash.to_string(),
        "status": status(weighed, at),
        "coding": coding(file.entry.content),
        "source": source(weighed, at),
        "patch_bytes": file.costs.total_bytes(),
    });
    if file.costs != Costs::default() {
        value["sections"] = sections(&file.costs);
    }
    if let Some(groups) = &file.groups {
        let group = |(name, group): (&&str, &crate::diff::weigh::Group)| {
            let [hint_bytes, edit_bytes] = group.sent_bytes();
            let value = json!({
                "predicted_bytes": group.predicted_bytes,
                "corrected_bytes": group.corrected_bytes,
                "hint_bytes": hint_bytes,
                "edit_bytes": edit_bytes,
            });
            ((*name).to_owned(), value)
        };
        value["bytecode"] = Value::Object(GROUPS.iter().zip(groups).map(group).collect::<Map<_, _>>());
    }
    if let Some(reason) = &file.plain_because {
        value["not_predicted"] = json!(reason);
    }
    value
}
