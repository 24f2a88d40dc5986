//! The pairs to measure: finding them, tars of trees for the peers that know only files, and comparing by content.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

pub struct Pair {
    pub name: String,
    pub is_tree: bool,
    /// The files or folders themselves.
    pub old: PathBuf,
    pub new: PathBuf,
    pub old_bytes: u64,
    pub new_bytes: u64,
    /// The same for those that take only files: the file itself, or a tar of the folder.
    pub old_file: PathBuf,
    pub new_file: PathBuf,
}

/// Every `data/NAME/{old,new}` whose name holds one of `wanted` (all, if that is empty), in the order of `order`, then
/// by name. Sides may be `old.zst` and `new.zst` as the small corpus keeps them. Tars and unpacked files go to `work`.
pub fn find(data: &Path, wanted: &[String], order: &[String], work: &Path) -> io::Result<Vec<Pair>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let has = |side: &str| entry.path().join(side).exists() || entry.path().join(format!("{side}.zst")).exists();
        let is_wanted = wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
        if is_wanted && !name.starts_with('.') && has("old") && has("new") {
            names.push(name);
        }
    }
    let rank = |name: &String| order.iter().position(|known| known == name).unwrap_or(order.len());
    names.sort_by(|a, b| rank(a).cmp(&rank(b)).then(a.cmp(b)));
    names.into_iter().map(|name| prepare(&data.join(&name), name, work)).collect()
}

fn prepare(folder: &Path, name: String, work: &Path) -> io::Result<Pair> {
    let work = work.join(&name);
    fs::create_dir_all(&work)?;
    let (mut old, mut new) = (folder.join("old"), folder.join("new"));
    if !old.exists() {
        let old_bytes = zstd::decode_all(File::open(folder.join("old.zst"))?)?;
        let mut new_bytes = Vec::new();
        let frame = BufReader::new(File::open(folder.join("new.zst"))?);
        zstd::Decoder::with_ref_prefix(frame, &old_bytes)?.read_to_end(&mut new_bytes)?;
        (old, new) = (work.join("old"), work.join("new"));
        fs::write(&old, old_bytes)?;
        fs::write(&new, new_bytes)?;
    }
    let is_tree = old.is_dir();
    let (mut old_file, mut new_file) = (old.clone(), new.clone());
    if is_tree {
        (old_file, new_file) = (work.join("old.tar"), work.join("new.tar"));
        write_tar(&old, &old_file)?;
        write_tar(&new, &new_file)?;
    }
    let size = |side: &Path| -> io::Result<u64> {
        files(side)?.iter().try_fold(0, |sum, path| Ok(sum + fs::metadata(at(side, path))?.len()))
    };
    let (old_bytes, new_bytes) = (size(&old)?, size(&new)?);
    Ok(Pair { name, is_tree, old, new, old_bytes, new_bytes, old_file, new_file })
}

/// Relative paths of all files below `root`, sorted by bytes; of a file, one empty path.
fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    if !root.is_dir() {
        return Ok(vec![PathBuf::new()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(found)
}

/// `root` itself for the empty path, since joining that would add a slash.
fn at(root: &Path, path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { root.to_owned() } else { root.join(path) }
}

/// A tar that holds nothing but sorted paths and contents. Kept from an earlier run, since pairs do not change.
fn write_tar(root: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return Ok(());
    }
    let part = to.with_extension("part");
    let mut tar = tar::Builder::new(BufWriter::new(File::create(&part)?));
    for path in files(root)? {
        let file = File::open(root.join(&path))?;
        let mut header = tar::Header::new_ustar();
        header.set_size(file.metadata()?.len());
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, &path, file)?;
    }
    tar.into_inner()?.into_inner().map_err(|e| e.into_error())?.sync_all()?;
    fs::rename(part, to)
}

/// Whether two files, or two folders, hold the same paths and bytes.
pub fn same(a: &Path, b: &Path) -> io::Result<bool> {
    let (in_a, in_b) = (files(a)?, files(b)?);
    if in_a != in_b || a.is_dir() != b.is_dir() {
        return Ok(false);
    }
    for path in in_a {
        if !same_file(&at(a, &path), &at(b, &path))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_file(a: &Path, b: &Path) -> io::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    // Small buffers: the driver stays small, because its children inherit its pages.
    let (mut x, mut y) = ([0; 1 << 14], [0; 1 << 14]);
    loop {
        let n = a.read(&mut x)?;
        if n == 0 {
            return Ok(true);
        }
        b.read_exact(&mut y[..n])?;
        if x[..n] != y[..n] {
            return Ok(false);
        }
    }
}

/// Reads every byte of a pair once, so that the first coder does not pay for a cold disk.
pub fn warm(pair: &Pair) -> io::Result<()> {
    for side in [&pair.old, &pair.new, &pair.old_file, &pair.new_file] {
        for path in files(side)? {
            let mut file = File::open(at(side, &path))?;
            let mut buffer = [0; 1 << 14];
            while file.read(&mut buffer)? > 0 {}
        }
    }
    Ok(())
}

pub fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}
