//! `smidge key show`: what keys and signed documents say, and whose signatures hold.

use std::{fmt::Write, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{
    super::{Failure, Say, size},
    files, sign,
};
use crate::trust::{
    Document, Head, KeyId, Role, Root, Signed, Statement, Time,
    sign::{SecretKey, read_public, unverified_root},
};

/// Tells what FILE says: a key, a root, a release statement, or a channel's head.
///
/// With --root it also checks the signatures of a statement or a head, with --previous that a root may follow another.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The file; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The root whose keys should have signed a statement or a head
    #[arg(long, value_name = "ROOT")]
    root: Option<PathBuf>,
    /// The root that should come before this one
    #[arg(long, value_name = "ROOT")]
    previous: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let bytes = files::read(&arguments.file)?;
    match Document::of(&bytes) {
        Some(Document::Root) => root(&bytes, sign::previous(arguments.previous.as_ref())?.as_ref(), say),
        Some(document) => {
            let root = sign::previous(arguments.root.as_ref())?;
            signed_by(&bytes, document, root.as_ref(), say)
        }
        None => key(arguments, &bytes, say),
    }
}

fn key(arguments: &Arguments, bytes: &[u8], say: Say) -> Result<(), Failure> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let (public, secret) = match (SecretKey::from_text(text), read_public(text)) {
        (Ok(secret), _) => (secret.public(), true),
        (_, Ok(public)) => (public, false),
        (Err(error), _) if text.contains("smidge-secret-key") => return Err(error.into()),
        (_, Err(error)) if text.contains("smidge-public-key") => return Err(error.into()),
        _ => {
            return Err(Failure::unusable(format_args!(
                "{} is neither a key nor a signed document of smidge",
                arguments.file.display()
            )));
        }
    };
    if secret {
        files::warn_if_open(&arguments.file, say);
    }
    let kind = if secret { "secret" } else { "public" };
    let value = json!({ "id": public.id().to_string(), "public": public.to_string(), "kind": kind });
    say.result(&value, &format!("{kind} key {}\npublic  {public}", public.id()), false)
}

/// Shows a root, finished or not, and what is still missing.
pub(super) fn root(document: &[u8], previous: Option<&Root>, say: Say) -> Result<(), Failure> {
    let root = unverified_root(document)?;
    let signed = Signed::read(document, Document::Root)?;
    let mut missing = still_missing(&root.root, &signed, "root");
    if let Some(previous) = previous {
        previous.check_successor(&root)?;
        missing.extend(still_missing(&previous.root, &signed, "previous root's"));
    }
    let has_signed = |id: KeyId| signed.signatures().iter().any(|(by, _)| *by == id);
    let role = |role: &Role| {
        let keys: Vec<Value> = role
            .keys
            .iter()
            .map(|key| {
                let window = key.window.map(|window| json!([window.from.to_string(), window.until.to_string()]));
                json!({ "id": key.key.id().to_string(), "public": key.key.to_string(), "valid": window })
            })
            .collect();
        json!({ "threshold": role.threshold, "keys": keys })
    };
    let value = json!({
        "document": "root",
        "name": root.name,
        "number": root.number,
        "epoch": root.epoch,
        "created": root.created.to_string(),
        "expires": root.expires.to_string(),
        "root": role(&root.root),
        "release": role(&root.release),
        "head": role(&root.head),
        "signed_by": signers(&signed),
        "missing": missing,
    });
    let mut lines = format!("root {}, epoch {}", root.number, root.epoch);
    if let Some(name) = &root.name {
        lines += &format!(", of {name}");
    }
    lines += &format!("\nmade     {}\nexpires  {}\n", root.created, root.expires);
    let now = Time::now();
    for (role, name) in [(&root.root, "root"), (&root.release, "release"), (&root.head, "head")] {
        let _ = writeln!(lines, "{name} keys, {} of {} must sign a {name}", role.threshold, role.keys.len());
        for key in &role.keys {
            let state = match key.window {
                None if has_signed(key.key.id()) => "signed".to_owned(),
                None => "has not signed".to_owned(),
                Some(window) if now >= window.until => format!("EXPIRED {}", window.until),
                Some(window) if now < window.from => format!("valid from {}", window.from),
                Some(window) => format!("valid until {}", window.until),
            };
            let _ = writeln!(lines, "  {}  {state}", key.key.id());
        }
    }
    match &missing[..] {
        [] if previous.is_none() && root.number > 1 => {
            lines +=
                "signed by enough of its own root keys; check with --previous that it may\nfollow the root before it\n";
        }
        [] => lines += "complete: devices believe it\n",
        missing => missing.iter().for_each(|missing| lines += &format!("NOT complete: {missing}\n")),
    }
    say.result(&value, &lines, false)
}

/// What keeps a root from being signed by `role`; nothing where it is.
fn still_missing(role: &Role, signed: &Signed<'_>, name: &'static str) -> Vec<String> {
    role.check(signed, name, Time::default()).err().map(|error| error.to_string()).into_iter().collect()
}

fn signers(signed: &Signed<'_>) -> Vec<String> {
    signed.signatures().iter().map(|(id, _)| id.to_string()).collect()
}

fn signed_by(bytes: &[u8], document: Document, root: Option<&Root>, say: Say) -> Result<(), Failure> {
    let signed = Signed::read(bytes, document)?;
    if let Some(root) = root {
        let (role, name) = if document == Document::Head { (&root.head, "head") } else { (&root.release, "release") };
        role.check(&signed, name, Time::now())?;
    }
    let (mut value, mut lines) = match document {
        Document::Head => head(&Head::read(signed.payload())?),
        _ => statement(&Statement::read(signed.payload())?),
    };
    value["signed_by"] = json!(signers(&signed));
    value["verified"] = json!(root.is_some());
    let by = signers(&signed).join(", ");
    let _ = match root {
        Some(_) => writeln!(lines, "signed   by {by}: verified"),
        None => writeln!(lines, "signed   by {by}, NOT verified: name the root with --root"),
    };
    say.result(&value, &lines, false)
}

fn statement(statement: &Statement) -> (Value, String) {
    let targets: Vec<String> = statement.targets.iter().map(ToString::to_string).collect();
    let value = json!({
        "document": "release statement",
        "channel": statement.channel.to_string(),
        "label": format!("v{}", statement.label),
        "created": statement.created.to_string(),
        "tree": statement.tree.to_string(),
        "tree_bytes": statement.tree_bytes,
        "targets": statement.targets.iter().map(|t| json!({ "version": t.version(), "build": t.build() })).collect::<Value>(),
        "bundle": statement.bundle,
        "fingerprint": statement.fingerprint,
        "model": statement.model,
        "destructive": statement.destructive.as_ref().map(|d| json!({ "reason": d.reason, "survives": d.survives })),
        "description": statement.description,
        "foreign": statement.foreign.iter().map(|f| json!({ "name": f.name, "object": f.object.to_string() })).collect::<Value>(),
    });
    let mut lines = format!(
        "release v{} of {}\nmade     {}\ntree     {}, {}\nfor      {}\n",
        statement.label,
        statement.channel,
        statement.created,
        statement.tree,
        size::show(statement.tree_bytes),
        targets.join("\n         "),
    );
    for (name, text) in [
        ("bundle", &statement.bundle),
        ("native", &statement.fingerprint),
        ("model", &statement.model),
        ("says", &statement.description),
    ] {
        if let Some(text) = text {
            let _ = writeln!(lines, "{name:7}  {}", text.replace('\n', "\n         "));
        }
    }
    if let Some(destructive) = &statement.destructive {
        let _ = writeln!(lines, "DESTRUCTIVE for offline data: {}", destructive.reason);
    }
    (value, lines)
}

fn head(head: &Head) -> (Value, String) {
    let offers = |offered: &crate::trust::Offered| -> Vec<Value> {
        let offer = |offer: &crate::trust::Offer| {
            let label = head.releases.get(offer.release).map(|release| format!("v{}", release.label));
            json!({ "label": label, "mandatory_below": offer.mandatory_below })
        };
        offered.offers.iter().map(offer).collect()
    };
    let release = |release: &crate::trust::Listed| {
        json!({
            "label": format!("v{}", release.label),
            "rollout": release.rollout,
            "disabled": release.disabled,
            "statement": release.statement.hash().to_string(),
            "routes": release.routes.hash().to_string(),
        })
    };
    let binary = |offered: &crate::trust::Offered| {
        json!({
            "version": offered.binary.version(),
            "build": offered.binary.build(),
            "embedded": offered.embedded.map(|tree| tree.to_string()),
            "offers": offers(offered),
        })
    };
    let value = json!({
        "document": "head",
        "channel": head.channel.to_string(),
        "epoch": head.epoch,
        "number": head.number,
        "created": head.created.to_string(),
        "expires": head.expires.to_string(),
        "root": head.root,
        "releases": head.releases.iter().map(release).collect::<Value>(),
        "binaries": head.binaries.iter().map(binary).collect::<Value>(),
    });
    let mut lines = format!(
        "head {} of {}, epoch {}, root {}\nmade     {}\nexpires  {}{}\n",
        head.number,
        head.channel,
        head.epoch,
        head.root,
        head.created,
        head.expires,
        if Time::now() >= head.expires { " EXPIRED" } else { "" },
    );
    for release in &head.releases {
        let state = if release.disabled { "disabled".to_owned() } else { format!("to {} %", release.rollout) };
        let _ = writeln!(lines, "v{:<7} {state}", release.label);
    }
    for offered in &head.binaries {
        let offers = offered.offers.iter().filter_map(|offer| {
            let label = head.releases.get(offer.release)?.label;
            let below = offer.mandatory_below;
            Some(if below > 0 { format!("v{label} (must below v{below})") } else { format!("v{label}") })
        });
        let offers = offers.collect::<Vec<_>>().join(", ");
        let offers = if offers.is_empty() { "nothing" } else { &offers };
        let _ = writeln!(lines, "for      {}: {offers}", offered.binary);
    }
    (value, lines)
}
