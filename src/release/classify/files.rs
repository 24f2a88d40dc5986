//! What the files of two trees say about a change.
//!
//! The path says what a file is for, and the first bytes which engine it needs. A bundle is one file that holds
//! everything, so a changed bundle is a change of JavaScript: what in it changed, its source map knows, not this.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{ClassifyError, Kind, Reason, Safety};
use crate::{
    hermes::form::MAGIC,
    tree::{Entry, Tree},
};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Only new has it.
    Added,
    /// Only old has it.
    Removed,
    /// Both have it, with other content.
    Changed,
    /// Both have it, executable in one only.
    Mode,
}

impl Fate {
    /// Its name in output and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Mode => "mode changed",
        }
    }
}

/// What has to run a file of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Any engine: it is source.
    Any,
    /// Hermes that reads bytecode of this version.
    Hermes(u32),
}

/// A file that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Where it lies; empty where the tree is one file.
    pub path: String,
    /// What it is for.
    pub kind: Kind,
    /// What became of it.
    pub fate: Fate,
    /// For code on both sides: what had to run it, and what has to.
    pub engines: Option<(Engine, Engine)>,
}

impl FileChange {
    /// What it means beyond being a change of its kind.
    pub(super) fn reason(&self) -> Option<Reason> {
        let name = if self.path.is_empty() { "the bundle" } else { &self.path };
        if self.kind == Kind::Native && self.fate != Fate::Removed {
            let text = format!("{name} is native code or a native setting, which no store lets an update bring");
            return Some(Reason { safety: Safety::Store, kind: Kind::Native, text });
        }
        let text = match self.engines? {
            (Engine::Hermes(old), Engine::Hermes(new)) if old != new => format!(
                "{name} is Hermes bytecode of version {new} and was {old}: the engine in the store build reads one \
                 version only"
            ),
            (Engine::Any, Engine::Hermes(new)) => format!(
                "{name} was JavaScript and is Hermes bytecode of version {new}: the store build must bring the Hermes \
                 that reads it"
            ),
            (Engine::Hermes(_), Engine::Any) => {
                let text = format!("{name} was Hermes bytecode and is JavaScript: it runs, but starts slower");
                return Some(Reason { safety: Safety::Safe, kind: self.kind, text });
            }
            _ => return None,
        };
        Some(Reason { safety: Safety::Store, kind: Kind::Native, text })
    }
}

/// What differs between `old` and `new`, ascending by path. Of code that changed the first bytes are read, below
/// `old_root` and `new_root`, where the trees were scanned.
///
/// # Errors
/// [`ClassifyError::Io`].
pub fn compare(
    (old_root, old): (&Path, &Tree),
    (new_root, new): (&Path, &Tree),
) -> Result<Vec<FileChange>, ClassifyError> {
    let mut found = Vec::new();
    let change = |entry: &Entry, kind, fate| FileChange { path: entry.path.clone(), kind, fate, engines: None };
    let (mut before, mut after) = (old.entries.iter().peekable(), new.entries.iter().peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return Ok(found),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(new)) => old.path.as_bytes().cmp(new.path.as_bytes()),
        };
        let old = if order.is_le() { before.next() } else { None };
        let new = if order.is_ge() { after.next() } else { None };
        match (old, new) {
            (Some(old), Some(new)) if old.hash != new.hash => {
                let mut kind = kind_of(&new.path);
                let old_start = start(old_root, &old.path)?;
                let new_start = start(new_root, &new.path)?;
                let engines = (engine(&old_start), engine(&new_start));
                // A bundle may have any name.
                let code = matches!(kind, Kind::JavaScript | Kind::Logic | Kind::Widget);
                if matches!(engines, (Engine::Hermes(_), _) | (_, Engine::Hermes(_))) || new.path.is_empty() {
                    kind = Kind::JavaScript;
                }
                let engines = (code || kind == Kind::JavaScript).then_some(engines);
                found.push(FileChange { engines, ..change(new, kind, Fate::Changed) });
            }
            (Some(old), Some(new)) if old.executable != new.executable => {
                found.push(change(new, kind_of(&new.path), Fate::Mode));
            }
            (Some(old), None) => found.push(change(old, kind_of(&old.path), Fate::Removed)),
            (None, Some(new)) => found.push(change(new, kind_of(&new.path), Fate::Added)),
            _ => {}
        }
    }
}

/// The first bytes of a file.
fn start(root: &Path, path: &str) -> Result<Vec<u8>, ClassifyError> {
    let place = if path.is_empty() { root.to_owned() } else { root.join(path) };
    let mut bytes = Vec::with_capacity(MAGIC.len() + 4);
    let read = |bytes: &mut Vec<u8>| -> io::Result<usize> {
        File::open(&place)?.take(bytes.capacity() as u64).read_to_end(bytes)
    };
    read(&mut bytes).map_err(|source| ClassifyError::Io { path: place.clone(), source })?;
    Ok(bytes)
}

fn engine(start: &[u8]) -> Engine {
    match start.split_at_checked(MAGIC.len()) {
        Some((magic, &[a, b, c, d, ..])) if magic == MAGIC => Engine::Hermes(u32::from_le_bytes([a, b, c, d])),
        _ => Engine::Any,
    }
}

/// What a file is for, by its path. What nothing is known of is an asset: a static file that something reads.
#[must_use]
pub fn kind_of(path: &str) -> Kind {
    let lower = path.to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    // `app.css.gz` is for what `app.css` is for.
    let plain = [".gz", ".br", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let extension = plain.rsplit_once('.').map_or("", |(_, extension)| extension);
    let within = |names: &[&str]| folders.split('/').any(|folder| names.contains(&folder));
    let native = matches!(
        extension,
        "so" | "dylib"
            | "a"
            | "dex"
            | "aar"
            | "jar"
            | "apk"
            | "aab"
            | "ipa"
            | "gradle"
            | "pbxproj"
            | "storyboard"
            | "nib"
            | "swift"
            | "m"
            | "mm"
            | "java"
            | "kt"
            | "entitlements"
            | "mobileprovision"
    ) || matches!(plain, "androidmanifest.xml" | "info.plist" | "podfile" | "podfile.lock")
        || folders.split('/').any(|folder| {
            folder.ends_with(".framework") || folder.ends_with(".xcframework") || folder.ends_with(".xcassets")
        });
    if native {
        return Kind::Native;
    }
    match extension {
        "css" | "scss" | "sass" | "less" | "styl" => return Kind::Style,
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "avif" | "svg" | "ico" | "bmp" | "ttf" | "otf" | "woff" | "woff2"
        | "mp3" | "mp4" | "wav" | "ogg" | "webm" | "mov" | "pdf" | "txt" | "md" | "lottie" => return Kind::Asset,
        _ => {}
    }
    if within(&["widgets", "pluggablewidgets"]) || extension == "mpk" {
        return Kind::Widget;
    }
    if within(&["nanoflows", "microflows", "workflows"]) {
        return Kind::Logic;
    }
    if within(&["pages", "layouts", "snippets", "buildingblocks"]) || matches!(extension, "html" | "htm" | "xhtml") {
        return Kind::Layout;
    }
    if matches!(extension, "js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "jsbundle" | "bundle" | "hbc" | "map" | "wasm")
    {
        let style = within(&["theme", "themes", "styles", "styling", "themesource"]);
        return if style { Kind::Style } else { Kind::JavaScript };
    }
    if within(&["theme", "themes", "styles", "styling", "themesource"]) {
        return Kind::Style;
    }
    if within(&["model", "entities", "domainmodel", "navigation"])
        || matches!(plain, "model.json" | "metadata.json" | "navigation.json" | "domainmodel.json")
    {
        return Kind::Model;
    }
    Kind::Asset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_what_a_file_is_for() {
        for (path, kind) in [
            ("theme/main.css", Kind::Style),
            ("themesource/atlas/native/main.js", Kind::Style),
            ("App.CSS.gz", Kind::Style),
            ("drawable-xhdpi/logo.png", Kind::Asset),
            ("translations/nl.json", Kind::Asset),
            ("LICENSE", Kind::Asset),
            ("widgets/com/acme/Map.js", Kind::Widget),
            ("widgets/com/acme/pin.svg", Kind::Asset),
            ("nanoflows/Checkout.js", Kind::Logic),
            ("pages/Home.js", Kind::Layout),
            ("index.html", Kind::Layout),
            ("index.android.bundle", Kind::JavaScript),
            ("jsactions/Scan.js", Kind::JavaScript),
            ("model/metadata.json", Kind::Model),
            ("lib/arm64-v8a/libhermes.so", Kind::Native),
            ("Frameworks/App.framework/App", Kind::Native),
            ("Info.plist", Kind::Native),
        ] {
            assert_eq!(kind_of(path), kind, "{path}");
        }
    }

    #[test]
    fn bytecode_is_known_by_its_first_bytes_and_never_misread() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&96u32.to_le_bytes());
        assert_eq!(engine(&bytes), Engine::Hermes(96));
        for cut in 0..bytes.len() {
            assert_eq!(engine(&bytes[..cut]), Engine::Any);
        }
        assert_eq!(engine(b"var a = 1;\n"), Engine::Any);
    }
}
