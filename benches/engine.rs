//! The engine's parts by input size, and how time grows on inputs that make matchers quadratic.
//!
//!     cargo bench --bench engine               # criterion: hash, find, diff and apply by size and effort
//!     cargo bench --bench engine -- growth     # seconds and ratio for each doubling, up to 8 MiB
//!     cargo bench --bench engine -- growth period zeros    # of inputs with such names
//!
//! Real input is `corpus/js-echarts`, cut to size; see corpus/README.md.

use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use smidge::apply::{self, apply};
use smidge::diff::covers::{Costs, covers};
use smidge::diff::{self, Effort, diff};
use smidge::hash::Hash;
use tempfile::TempDir;

const EFFORTS: [(&str, Effort); 3] = [("fast", Effort::Fast), ("default", Effort::Default), ("max", Effort::Max)];

fn main() {
    // Cargo adds options of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let Some(at) = args.iter().position(|arg| arg == "growth") {
        growth(&args[at + 1..]);
        return;
    }
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(3))
        .warm_up_time(Duration::from_secs(1))
        .sample_size(10)
        .without_plots()
        .configure_from_args();
    hashing(&mut criterion);
    finding(&mut criterion);
    diffing(&mut criterion);
    applying(&mut criterion);
    criterion.final_summary();
}

fn hashing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash");
    for kib in [4, 64, 1024, 8192] {
        let content = noise(1, kib << 10);
        group.throughput(Throughput::Bytes(content.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(format!("{kib} KiB")), &content, |b, content| {
            b.iter(|| Hash::of(black_box(content)));
        });
    }
}

fn finding(criterion: &mut Criterion) {
    let (old, new) = echarts();
    let mut group = criterion.benchmark_group("find");
    for (name, effort) in EFFORTS {
        for kib in SIZES_KIB {
            let (old, new) = (&old[..kib << 10], &new[..kib << 10]);
            group.throughput(Throughput::Bytes(new.len() as u64));
            group.bench_function(BenchmarkId::new(name, format!("{kib} KiB")), |b| {
                b.iter(|| covers(black_box(old), black_box(new), &[], effort, &Costs::TEXT));
            });
        }
    }
}

fn diffing(criterion: &mut Criterion) {
    let (old, new) = echarts();
    let mut group = criterion.benchmark_group("diff");
    for (name, effort) in EFFORTS {
        for kib in SIZES_KIB {
            let job = Job::new(&old[..kib << 10], &new[..kib << 10]);
            group.throughput(Throughput::Bytes((kib as u64) << 10));
            group.bench_function(BenchmarkId::new(name, format!("{kib} KiB")), |b| b.iter(|| job.diff(effort)));
        }
    }
}

fn applying(criterion: &mut Criterion) {
    let (old, new) = echarts();
    let mut group = criterion.benchmark_group("apply");
    for (name, effort) in EFFORTS {
        for kib in SIZES_KIB {
            let job = Job::new(&old[..kib << 10], &new[..kib << 10]);
            let patch = job.diff(effort);
            group.throughput(Throughput::Bytes((kib as u64) << 10));
            group.bench_function(BenchmarkId::new(name, format!("{kib} KiB")), |b| b.iter(|| job.apply(&patch)));
        }
    }
}

/// Both sides as files, since that is what the library takes.
struct Job {
    folder: TempDir,
    old: PathBuf,
    new: PathBuf,
}

impl Job {
    fn new(old: &[u8], new: &[u8]) -> Self {
        let folder = TempDir::new().expect("a folder for temporaries");
        let job = Self { old: folder.path().join("old"), new: folder.path().join("new"), folder };
        std::fs::write(&job.old, old).expect("room for old");
        std::fs::write(&job.new, new).expect("room for new");
        job
    }

    fn diff(&self, effort: Effort) -> Vec<u8> {
        let mut patch = Vec::new();
        let options = diff::Options { effort, ..Default::default() };
        diff(&self.old, &self.new, &mut patch, &options).expect("a patch");
        patch
    }

    fn apply(&self, patch: &[u8]) {
        let out = self.folder.path().join("out");
        apply(&self.old, &mut &patch[..], &out, &apply::Options::default()).expect("new");
    }
}

/// Both sides of the small JavaScript pair.
fn echarts() -> (Vec<u8>, Vec<u8>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/js-echarts");
    let read = |name| std::fs::read(folder.join(name)).expect("the corpus is in git");
    let old = zstd::decode_all(read("old.zst").as_slice()).expect("a zstd frame");
    let frame = read("new.zst");
    let mut new = Vec::new();
    zstd::Decoder::with_ref_prefix(frame.as_slice(), &old)
        .and_then(|mut decoder| decoder.read_to_end(&mut new))
        .expect("a zstd frame that refers to old");
    (old, new)
}

const SIZES_KIB: [usize; 3] = [64, 256, 1004];

type Make = fn(usize) -> (Vec<u8>, Vec<u8>);

/// Inputs on which a careless matcher takes quadratic time: old and new of about `n` bytes.
const HARD: [(&str, Make); 16] = [
    ("zeros", |n| (vec![0; n], changed(vec![0; n - n / 7]))),
    ("period 7", |n| (periodic(7, n), changed(periodic(7, n - n / 7)))),
    ("period 1000", |n| (periodic(1000, n), changed(periodic(1000, n - n / 7)))),
    ("period 13 from 11", |n| (periodic(11, n), periodic(13, n))),
    ("Fibonacci word", |n| (fibonacci(n), changed(fibonacci(n + 1000)[1000..].to_vec()))),
    ("one byte shift", |n| {
        let old = noise(2, n);
        let new = [&[7], &old[..]].concat();
        (old, new)
    }),
    ("period 997 from 1000", |n| (periodic(1000, n), periodic(997, n))),
    ("a Fibonacci word reversed", |n| (fibonacci(n), fibonacci(n).into_iter().rev().collect())),
    ("unrelated", |n| (noise(3, n), noise(4, n))),
    ("two letters", |n| (letters(3, b"ab", n), letters(4, b"ab", n))),
    ("base64", |n| (letters(3, BASE64, n), letters(4, BASE64, n))),
    ("runs broken at random", |n| (broken(3, n), broken(4, n))),
    ("equal records", |n| (records(3, n), records(4, n))),
    ("runs of three in eight", |n| (b"abcdefgh".repeat(n / 8), interrupted(n))),
    ("blocks permuted", |n| {
        let block = |i: usize| changed(noise(i as u64 % 4, 1 << 16));
        let blocks = n >> 16;
        let old = (0..blocks).flat_map(block).collect();
        let new = (0..blocks).flat_map(|i| changed(block(i * 7 + 3))).collect();
        (old, new)
    }),
    ("halves swapped", |n| {
        let old = noise(5, n);
        let new = [&old[n / 2..], &old[..n / 2]].concat();
        (old, new)
    }),
];

/// Runs those of the hard inputs whose names contain one of `wanted`, or all.
fn growth(wanted: &[String]) {
    println!(
        "processor seconds for 1, 2, 4, 8 MiB, and the ratio of each doubling; 2.3 is the most that is meant to be"
    );
    let mut worst = (0.0, String::new());
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str()));
    for (name, make) in HARD.into_iter().filter(|(name, _)| is_wanted(name)) {
        for (effort_name, effort) in EFFORTS {
            let secs: Vec<f64> = (0..4).map(|power| seconds(make(1 << (20 + power)), effort)).collect();
            // Below some milliseconds, the caches decide.
            let ratios: Vec<f64> = secs.windows(2).map(|pair| pair[1] / pair[0].max(0.005)).collect();
            let figures = |list: &[f64]| list.iter().map(|figure| format!("{figure:7.3}")).collect::<String>();
            println!("{name:<25} {effort_name:<8} {}   ratios {}", figures(&secs), figures(&ratios));
            for ratio in ratios {
                if ratio > worst.0 {
                    worst = (ratio, format!("{name}, {effort_name}"));
                }
            }
        }
    }
    println!("worst ratio {:.2}: {}", worst.0, worst.1);
}

/// The least of two where that takes no long time, since what else the machine does only ever adds.
fn seconds((old, new): (Vec<u8>, Vec<u8>), effort: Effort) -> f64 {
    let job = Job::new(&old, &new);
    let once = || {
        let start = cpu_secs();
        black_box(job.diff(effort));
        cpu_secs() - start
    };
    let first = once();
    if first > 1.0 { first } else { first.min(once()) }
}

/// Time that all threads of this process have had a processor for: what a busy machine does not change.
#[cfg(unix)]
fn cpu_secs() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a live timespec, which is all that the call writes to.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(not(unix))]
fn cpu_secs() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed().as_secs_f64()
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn periodic(period: usize, len: usize) -> Vec<u8> {
    noise(period as u64, period).into_iter().cycle().take(len).collect()
}

fn fibonacci(len: usize) -> Vec<u8> {
    let (mut word, mut before) = (b"ab".to_vec(), b"a".to_vec());
    while word.len() < len {
        let next = [&word[..], &before[..]].concat();
        before = std::mem::replace(&mut word, next);
    }
    word.truncate(len);
    word
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Noise of few letters, of which there are a power of two.
fn letters(seed: u64, letters: &[u8], len: usize) -> Vec<u8> {
    noise(seed, len).into_iter().map(|byte| letters[usize::from(byte) % letters.len()]).collect()
}

/// Zeros, and after up to 255 of them a byte that is none.
fn broken(seed: u64, len: usize) -> Vec<u8> {
    let mut content = vec![0; len];
    let mut at = 0;
    for step in noise(seed, len) {
        at += usize::from(step) + 1;
        match content.get_mut(at) {
            Some(byte) => *byte = 1 + step % 3,
            None => break,
        }
    }
    content
}

/// Minified JSON of records that differ in a few values.
fn records(seed: u64, len: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(len + 64);
    for (i, value) in noise(seed, len / 32).into_iter().enumerate() {
        let (price, flag, tag) = (value % 100, value & 1 == 0, ["a", "bb", "ccc"][usize::from(value) % 3]);
        let record = format!(r#"{{"id":{i},"type":"item","price":{price},"flags":[{flag},false],"tag":"{tag}"}},"#);
        content.extend_from_slice(record.as_bytes());
        if content.len() >= len {
            break;
        }
    }
    content.truncate(len);
    content
}

/// Eight letters three times over, then one that is none of them.
fn interrupted(len: usize) -> Vec<u8> {
    (0..len / 25).flat_map(|i| [&b"abcdefgh".repeat(3)[..], &[b'A' + (i % 26) as u8]].concat()).collect()
}

/// One byte in the middle that is not what it was.
fn changed(mut content: Vec<u8>) -> Vec<u8> {
    let middle = content.len() / 2;
    content[middle] ^= 0x55;
    content
}
