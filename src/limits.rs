//! Every cap on sizes that come from outside. Nothing is allocated before its cap was checked.

/// Caps on what a patch may ask for. [`Limits::default`] suits a phone; a caller may lower or raise each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Memory that applying may take, in bytes. Default 64 MiB: the largest patch that `smidge diff` makes asks for less.
    pub apply_memory_bytes: u64,
    /// Bytes of new content. Default 1 TiB: more than a device's disk, so that free space decides.
    pub new_bytes: u64,
    /// Entries of a tree. Default 1,000,000: a tree of that many names takes about 100 MB of manifest in memory.
    pub tree_entries: u64,
    /// Bytes of one path. Default 1,024: what iOS and Android accept.
    pub path_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { apply_memory_bytes: 64 << 20, new_bytes: 1 << 40, tree_entries: 1_000_000, path_bytes: 1024 }
    }
}
