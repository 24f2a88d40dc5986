//! Store builds as archives: which bundle they embed, and which version and build they are.
//!
//! | archive | what is read |
//! |---|---|
//! | APK | `AndroidManifest.xml` (binary XML), `assets/index.android.bundle` |
//! | AAB | `base/manifest/AndroidManifest.xml` (protocol buffers), `base/assets/index.android.bundle` |
//! | IPA | `Payload/NAME.app/Info.plist`, and beside it `main.jsbundle` and `assets/` |
//!
//! The embedded tree is what a device finds as files: on iOS the bundle with its assets, on Android the bundle alone,
//! since the build turns its pictures into resources of the platform, under other names.
//!
//! Archives come from elsewhere: everything read of them is bounded by [`MAX_FILES`], [`MAX_MANIFEST_BYTES`] and
//! [`MAX_BUNDLE_BYTES`], and no path leaves the folder that it is unpacked into.

pub mod axml;
pub mod proto;

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use thiserror::Error;
use zip::ZipArchive;

use super::ReleaseError;
use crate::tree::path;

/// Files of an archive, at most: a large app has 20,000.
pub const MAX_FILES: usize = 500_000;
/// Bytes of a manifest, at most: those of large apps have some 100 KB.
pub const MAX_MANIFEST_BYTES: u64 = 16 << 20;
/// Bytes of all files of the bundle together, at most 2 GiB: stores refuse larger apps.
pub const MAX_BUNDLE_BYTES: u64 = 2 << 30;

/// Why a store build cannot be read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// It is no archive, or a damaged one.
    #[error("{path} is no archive that can be read: {source}; build it again", path = path.display())]
    Zip {
        /// The archive.
        path: PathBuf,
        /// The cause.
        source: zip::result::ZipError,
    },
    /// It is another kind of archive.
    #[error("{path} is neither an APK nor an AAB nor an IPA; give one of these, or the embedded bundle", path = path.display())]
    Kind {
        /// The archive.
        path: PathBuf,
    },
    /// It is for another platform.
    #[error("{path} is an {found}, which is for {platform}, not for {expected}", path = path.display())]
    Platform {
        /// The archive.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What that is for.
        platform: &'static str,
        /// What was asked for.
        expected: String,
    },
    /// It embeds no bundle.
    #[error(
        "{path} embeds no {expected}: a debug build loads its bundle from the packager; add the release build, or \
         unpack the bundle and give its folder", path = path.display()
    )]
    NoBundle {
        /// The archive.
        path: PathBuf,
        /// The file that it should hold.
        expected: String,
    },
    /// Its manifest cannot be read.
    #[error("{manifest} of {path} cannot be read: {problem}", path = path.display())]
    Manifest {
        /// The archive.
        path: PathBuf,
        /// Its manifest.
        manifest: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Above a bound.
    #[error("{path} has more than {limit} {what}, the most that is read", path = path.display())]
    TooLarge {
        /// The archive.
        path: PathBuf,
        /// The bound.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// A path that leaves its folder, or cannot be everywhere.
    #[error("{archive} holds a file that cannot be unpacked: {source}", archive = archive.display())]
    Path {
        /// The archive.
        archive: PathBuf,
        /// The cause.
        source: crate::tree::PathError,
    },
}

/// A store build, opened.
#[derive(Debug)]
pub struct Archive {
    /// The bundle that it embeds.
    pub bundle: Bundle,
    /// Its version, where it says it.
    pub version: Option<String>,
    /// Its build number, where it says it.
    pub build: Option<String>,
}

/// An embedded bundle as a file or folder.
#[derive(Debug)]
pub enum Bundle {
    /// It lies there by itself.
    Plain(PathBuf),
    /// It was taken out of an archive, and goes with this.
    Unpacked(TempDir),
}

impl Bundle {
    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Plain(path) => path,
            Self::Unpacked(folder) => folder.path(),
        }
    }
}

/// What the manifest of an Android app says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AndroidVersion {
    /// `versionName`.
    pub name: Option<String>,
    /// `versionCode`, with `versionCodeMajor` above it.
    pub code: Option<u64>,
}

const APK_MANIFEST: &str = "AndroidManifest.xml";
const AAB_MANIFEST: &str = "base/manifest/AndroidManifest.xml";
const ANDROID_BUNDLE: &str = "index.android.bundle";
const IOS_BUNDLE: &str = "main.jsbundle";

type Zip = ZipArchive<BufReader<File>>;

/// Opens the store build at `path`, which is for `platform`: an APK, AAB or IPA, or the folder or file of the bundle
/// itself.
///
/// # Errors
/// [`ReleaseError::Archive`], [`ReleaseError::Io`].
pub fn open(path: &Path, platform: &str) -> Result<Archive, ReleaseError> {
    let plain = || Archive { bundle: Bundle::Plain(path.to_owned()), version: None, build: None };
    let metadata = fs::metadata(path).map_err(|source| ReleaseError::io("read", path, source))?;
    let named = path
        .extension()
        .is_some_and(|ending| ["apk", "aab", "ipa"].iter().any(|known| ending.eq_ignore_ascii_case(known)));
    if metadata.is_dir() {
        return Ok(plain());
    }
    let io = |source| ReleaseError::io("read", path, source);
    let mut file = File::open(path).map_err(io)?;
    let mut first = [0; 4];
    let is_zip = file.read_exact(&mut first).is_ok() && &first == b"PK\x03\x04";
    if !is_zip && !named {
        return Ok(plain());
    }
    file.rewind().map_err(io)?;
    let zip = ZipArchive::new(BufReader::new(file));
    let mut zip = zip.map_err(|source| ArchiveError::Zip { path: path.to_owned(), source })?;
    if zip.len() > MAX_FILES {
        return Err(too_large(path, MAX_FILES as u64, "files"));
    }
    let (found, of) = if zip.index_for_name(APK_MANIFEST).is_some() {
        ("APK", "android")
    } else if zip.index_for_name(AAB_MANIFEST).is_some() {
        ("AAB", "android")
    } else if names(&zip).iter().any(|(_, name)| ios_app(name).is_some()) {
        ("IPA", "ios")
    } else {
        return Err(ArchiveError::Kind { path: path.to_owned() }.into());
    };
    if of != platform {
        let (path, expected) = (path.to_owned(), platform.to_owned());
        return Err(ArchiveError::Platform { path, found, platform: of, expected }.into());
    }
    match found {
        "APK" => android(path, &mut zip, APK_MANIFEST, "assets", axml::version),
        "AAB" => android(path, &mut zip, AAB_MANIFEST, "base/assets", proto::version),
        _ => ios(path, &mut zip),
    }
}

fn android(
    path: &Path,
    zip: &mut Zip,
    manifest: &str,
    assets: &str,
    read: fn(&[u8]) -> Result<AndroidVersion, String>,
) -> Result<Archive, ReleaseError> {
    let bytes = manifest_bytes(path, zip, manifest)?;
    let version = read(&bytes).map_err(|problem| ArchiveError::Manifest {
        path: path.to_owned(),
        manifest: manifest.to_owned(),
        problem,
    })?;
    let bundle = format!("{assets}/{ANDROID_BUNDLE}");
    let found = zip.index_for_name(&bundle).map(|at| (at, ANDROID_BUNDLE.to_owned()));
    let files: Vec<(usize, String)> = found.into_iter().collect();
    let bundle = unpack(path, zip, &files, &bundle)?;
    Ok(Archive { bundle, version: version.name, build: version.code.map(|code| code.to_string()) })
}

fn ios(path: &Path, zip: &mut Zip) -> Result<Archive, ReleaseError> {
    let names = names(zip);
    // There is one, or it would not be taken for an IPA.
    let app = names.iter().find_map(|(_, name)| ios_app(name)).unwrap_or_default();
    let manifest = format!("{app}Info.plist");
    let bytes = manifest_bytes(path, zip, &manifest)?;
    let wrong = |problem: String| ArchiveError::Manifest { path: path.to_owned(), manifest: manifest.clone(), problem };
    let value = plist::Value::from_reader(io::Cursor::new(&bytes)).map_err(|error| wrong(error.to_string()))?;
    let word = |key: &str| {
        let value = value.as_dictionary()?.get(key)?;
        value.as_string().map(str::to_owned)
    };
    let mut files = Vec::new();
    for (at, name) in &names {
        let Some(name) = name.strip_prefix(app) else { continue };
        if name == IOS_BUNDLE || name.starts_with("assets/") && !name.ends_with('/') {
            files.push((*at, name.to_owned()));
        }
    }
    if !files.iter().any(|(_, name)| name == IOS_BUNDLE) {
        files.clear();
    }
    let bundle = unpack(path, zip, &files, IOS_BUNDLE)?;
    Ok(Archive { bundle, version: word("CFBundleShortVersionString"), build: word("CFBundleVersion") })
}

/// The names in the archive that are UTF-8, each with its place.
fn names(zip: &Zip) -> Vec<(usize, String)> {
    let name = |at: usize| Some((at, zip.name_for_index(at)?.ok()?.into_owned()));
    (0..zip.len()).filter_map(name).collect()
}

/// `Payload/NAME.app/` where `name` is of the app's own `Info.plist`, and not of one of its parts.
fn ios_app(name: &str) -> Option<&str> {
    let app = name.strip_suffix("Info.plist")?;
    let folder = app.strip_prefix("Payload/")?.strip_suffix(".app/")?;
    (!folder.is_empty() && !folder.contains('/')).then_some(app)
}

fn manifest_bytes(path: &Path, zip: &mut Zip, name: &str) -> Result<Vec<u8>, ReleaseError> {
    let file = zip.by_name(name).map_err(|source| ArchiveError::Zip { path: path.to_owned(), source })?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|source| ReleaseError::io("read", path, source))?;
    if bytes.len() as u64 > MAX_MANIFEST_BYTES {
        return Err(too_large(path, MAX_MANIFEST_BYTES, "bytes in its manifest"));
    }
    Ok(bytes)
}

/// Unpacks `files`, each by its place in the archive and the path that it gets.
fn unpack(path: &Path, zip: &mut Zip, files: &[(usize, String)], expected: &str) -> Result<Bundle, ReleaseError> {
    if files.is_empty() {
        return Err(ArchiveError::NoBundle { path: path.to_owned(), expected: expected.to_owned() }.into());
    }
    let folder = tempfile::Builder::new().prefix("smidge-binary-").tempdir();
    let folder = folder.map_err(|source| ReleaseError::io("unpack", path, source))?;
    let mut left = MAX_BUNDLE_BYTES;
    for (at, name) in files {
        path::check(name).map_err(|source| ArchiveError::Path { archive: path.to_owned(), source })?;
        let target = folder.path().join(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|source| ReleaseError::io("make", parent, source))?;
        }
        let file = zip.by_index(*at).map_err(|source| ArchiveError::Zip { path: path.to_owned(), source })?;
        // A name that comes twice, or that another one needs as a folder, is refused by the file system.
        let mut out = File::create_new(&target).map_err(|source| ReleaseError::io("unpack", &target, source))?;
        let written = io::copy(&mut file.take(left + 1), &mut out);
        let written = written.map_err(|source| ReleaseError::io("unpack", &target, source))?;
        left = left.checked_sub(written).ok_or_else(|| too_large(path, MAX_BUNDLE_BYTES, "bytes in its bundle"))?;
    }
    Ok(Bundle::Unpacked(folder))
}

fn too_large(path: &Path, limit: u64, what: &'static str) -> ReleaseError {
    ArchiveError::TooLarge { path: path.to_owned(), limit, what }.into()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    const INFO: &str = r#"<?xml version="1.0"?><plist version="1.0"><dict>
        <key>CFBundleShortVersionString</key><string>1.2.3</string>
        <key>CFBundleVersion</key><string>42</string></dict></plist>"#;

    fn archive(folder: &TempDir, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        let path = folder.path().join(name);
        fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
        path
    }

    fn names(archive: &Archive) -> Vec<String> {
        crate::tree::scan(archive.bundle.path()).unwrap().entries.into_iter().map(|entry| entry.path).collect()
    }

    #[test]
    fn each_kind_of_archive_tells_its_version_and_its_bundle() {
        let folder = tempfile::tempdir().unwrap();
        let (axml, proto) = (axml::tests::manifest("1.2.3", 42, false), proto::tests::manifest("1.2.3", 42));
        let mut info = Vec::new();
        plist::Value::from_reader(Cursor::new(INFO)).unwrap().to_writer_binary(&mut info).unwrap();
        let noise: &[u8] = &[b'x'; 5000];
        let apk = [(APK_MANIFEST, &axml[..]), ("assets/index.android.bundle", noise), ("res/a.png", b"1")];
        let aab = [(AAB_MANIFEST, &proto[..]), ("base/assets/index.android.bundle", noise)];
        let ipa = [
            ("Payload/Shop.app/Frameworks/Info.plist", &b"not this one"[..]),
            ("Payload/Shop.app/Info.plist", &info[..]),
            ("Payload/Shop.app/main.jsbundle", noise),
            ("Payload/Shop.app/assets/img/a.png", b"1"),
            ("Payload/Shop.app/Shop", b"code"),
        ];
        let android = vec!["index.android.bundle"];
        for (name, files, platform, expected) in [
            ("a.apk", &apk[..], "android", android.clone()),
            ("a.aab", &aab[..], "android", android),
            ("a.ipa", &ipa[..], "ios", vec!["assets/img/a.png", "main.jsbundle"]),
        ] {
            let path = archive(&folder, name, files);
            let opened = open(&path, platform).unwrap();
            assert_eq!((opened.version.as_deref(), opened.build.as_deref()), (Some("1.2.3"), Some("42")), "{name}");
            assert_eq!(names(&opened), expected);
            let other = if platform == "ios" { "android" } else { "ios" };
            let error = open(&path, other).unwrap_err().to_string();
            assert!(error.contains(&format!("for {platform}, not for {other}")), "{error}");
        }
    }

    #[test]
    fn what_is_no_store_build_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let axml = axml::tests::manifest("1", 1, true);
        let refused = |name: &str, files: &[(&str, &[u8])], platform: &str| {
            open(&archive(&folder, name, files), platform).unwrap_err().to_string()
        };
        assert!(refused("debug.apk", &[(APK_MANIFEST, &axml)], "android").contains("debug build"));
        assert!(refused("bad.apk", &[(APK_MANIFEST, b"<manifest/>")], "android").contains("binary XML"));
        assert!(refused("other.zip", &[("a", b"1")], "ios").contains("neither an APK"));
        let escapes = [("Payload/S.app/Info.plist", INFO.as_bytes()), ("Payload/S.app/assets/../../../x", b"1")];
        let both = [&escapes[..], &[("Payload/S.app/main.jsbundle", b"1")]].concat();
        assert!(refused("escapes.ipa", &both, "ios").contains("cannot be unpacked"));
        let path = folder.path().join("not.apk");
        fs::write(&path, "PK").unwrap();
        assert!(open(&path, "android").unwrap_err().to_string().contains("no archive"));
        fs::write(&path, "a bundle of its own").unwrap();
        assert!(open(&folder.path().join("no.bundle"), "ios").is_err());
        let bundle = folder.path().join("main.jsbundle");
        fs::write(&bundle, "a bundle of its own").unwrap();
        assert_eq!(open(&bundle, "ios").unwrap().bundle.path(), bundle);
    }
}
