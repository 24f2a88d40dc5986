//! What happens to a store when bits rot, strangers plant files, disks fill up, and processes are killed.

#![cfg(all(feature = "cli", target_os = "linux"))]

mod common;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use common::{Place, names, read_tree, script, smidge};
use smidge::hash::Hash;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A store of three objects, two plain and one compressed, and where each lies.
fn store(place: &Place) -> (PathBuf, Vec<(Hash, PathBuf)>) {
    let root = place.join("store");
    let noise: Vec<u8> =
        (0..3_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(9).to_le_bytes()).collect();
    let contents = [("noise", noise), ("script", script(900, None)), ("small", b"smidge".to_vec())];
    let mut arguments = vec!["store".to_owned(), "put".into(), text(&root).into()];
    arguments.extend(contents.iter().map(|(name, content)| text(&place.file(name, content)).to_owned()));
    smidge(&arguments).exits(0);
    let found = contents.iter().map(|(_, content)| {
        let hash = Hash::of(content);
        let plain = root.join(format!("objects/{:02x}/{hash}", hash.as_bytes()[0]));
        let packed = plain.with_extension("zst");
        (hash, if plain.exists() { plain } else { packed })
    });
    let found: Vec<_> = found.collect();
    assert!(found.iter().all(|(_, path)| path.exists()));
    (root, found)
}

/// Does something to the file of an object.
type Deed = fn(&Path, &Path);

#[test]
fn whatever_happens_to_an_object_is_found_named_and_mended() {
    let place = Place::new();
    let (root, objects) = store(&place);
    let copy = place.join("copy");
    let copied = Command::new("cp").args(["-r", text(&root), text(&copy)]).status().unwrap();
    assert!(copied.success());
    let deeds: [(&str, Deed); 8] = [
        ("cut off", |path, _| fs::write(path, &fs::read(path).unwrap()[..3]).unwrap()),
        ("emptied", |path, _| fs::write(path, "").unwrap()),
        ("a bit flipped", |path, _| {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("something behind it", |path, _| {
            fs::write(path, [&fs::read(path).unwrap()[..], b"x"].concat()).unwrap();
        }),
        ("swapped for another", |path, other| assert!(fs::copy(other, path).unwrap() > 0)),
        ("a link to itself elsewhere", |path, _| {
            let aside = path.parent().unwrap().parent().unwrap().parent().unwrap().join("aside");
            fs::rename(path, &aside).unwrap();
            symlink(aside, path).unwrap();
        }),
        ("a link to nowhere", |path, _| {
            fs::remove_file(path).unwrap();
            symlink("/nowhere/at/all", path).unwrap();
        }),
        ("a pipe", |path, _| {
            fs::remove_file(path).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
    ];
    let whole = read_tree(&root.join("objects"));
    for (what, deed) in deeds {
        for (number, (hash, path)) in objects.iter().enumerate() {
            deed(path, &objects[(number + 1) % objects.len()].1);
            let output = place.join("output");
            let digits = hash.to_string();
            let get = ["store", "get", text(&root), &digits, "-o", text(&output)];
            let is_link = path.symlink_metadata().unwrap().file_type();
            smidge(&get).exits(3).says(&[&digits, "damaged", "scrub --from"]);
            assert!(!output.exists(), "{what}");
            if !is_link.is_file() {
                // No object's name stands for what is no file: a put writes the object anew.
                let found = smidge(&["store", "scrub", text(&root), "--json"]).exits(0).json();
                assert_eq!(found["strangers"], 1, "{what}");
                let source = place.join(["noise", "script", "small"][number]);
                smidge(&["store", "put", text(&root), text(&source)]).exits(0);
                let _ = fs::remove_file(root.join("aside"));
            } else {
                let found = smidge(&["store", "scrub", text(&root), "--json"]).exits(3).json();
                assert_eq!((&found["damaged"], &found["objects"]), (&1.into(), &3.into()), "{what}");
                assert_eq!(found["damages"][0]["hash"], hash.to_string());
                let found = smidge(&["store", "scrub", text(&root), "--from", text(&copy), "--json"]).exits(0).json();
                assert_eq!((&found["damaged"], &found["mended"]), (&1.into(), &1.into()), "{what}");
            }
            assert_eq!(read_tree(&root.join("objects")), whole, "{what}");
            smidge(&["store", "scrub", text(&root)]).exits(0);
            smidge(&get).exits(0);
            fs::remove_file(&output).unwrap();
        }
    }
}

#[test]
fn what_is_damaged_in_both_copies_is_not_called_whole() {
    let place = Place::new();
    let (root, objects) = store(&place);
    let copy = place.join("copy");
    assert!(Command::new("cp").args(["-r", text(&root), text(&copy)]).status().unwrap().success());
    let (hash, path) = &objects[1];
    for root in [&root, &copy] {
        let path = root.join(path.strip_prefix(place.join("store")).unwrap());
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 8;
        fs::write(&path, bytes).unwrap();
    }
    let scrub = smidge(&["store", "scrub", text(&root), "--from", text(&copy)]).exits(3);
    assert!(scrub.text().contains("not mended") && scrub.text().contains(&hash.to_string()), "{}", scrub.text());
    // Removed on demand, it is stored anew by the next put.
    smidge(&["store", "scrub", text(&root), "--remove"]).exits(3);
    smidge(&["store", "put", text(&root), text(&place.join("script"))]).exits(0);
    smidge(&["store", "scrub", text(&root)]).exits(0);
    // And what is needed and missing is fetched.
    fs::remove_file(path).unwrap();
    let list = place.file("list", format!("{hash}  script\n"));
    let keep = ["store", "scrub", text(&root), "--keep", text(&list)];
    smidge(&keep).exits(3);
    smidge(&["store", "put", text(&copy), text(&place.join("script"))]).exits(0);
    smidge(&["store", "scrub", text(&copy), "--remove"]).exits(3);
    smidge(&["store", "put", text(&copy), text(&place.join("script"))]).exits(0);
    smidge(&[&keep[..], &["--from", text(&copy)]].concat()).exits(0);
    smidge(&keep).exits(0);
}

#[test]
fn planted_links_lead_nowhere() {
    let place = Place::new();
    let (root, objects) = store(&place);
    let outside = place.join("outside");
    fs::create_dir(&outside).unwrap();
    // The folder of an object, and the folder of all objects, moved outside with a link in its place.
    for inner in [objects[0].1.parent().unwrap().to_owned(), root.join("objects"), root.join("tmp")] {
        let moved = outside.join("moved");
        fs::rename(&inner, &moved).unwrap();
        symlink(&moved, &inner).unwrap();
        let before = read_tree(&outside);
        let put = place.file("noise2", [&fs::read(place.join("noise")).unwrap()[..], b"2"].concat());
        let (hash, output) = (objects[0].0.to_string(), place.join("output"));
        let get = ["store", "get", text(&root), &hash, "-o", text(&output)];
        if !inner.ends_with("tmp") {
            smidge(&get).exits(3);
            let found = smidge(&["store", "stats", text(&root), "--json"]).exits(0).json();
            assert!(found["objects"].as_u64() < Some(3) && found["strangers"].as_u64() > Some(0));
            fs::remove_file(place.join("noise2")).unwrap();
        } else {
            smidge(&["store", "put", text(&root), text(&put)]).exits(1);
        }
        assert_eq!(read_tree(&outside), before);
        fs::remove_file(&inner).unwrap();
        fs::rename(&moved, &inner).unwrap();
    }
}

#[test]
fn strangers_are_named_and_left() {
    let place = Place::new();
    let (root, objects) = store(&place);
    let name = objects[0].1.file_name().unwrap().to_str().unwrap().to_uppercase();
    let shard = objects[0].1.parent().unwrap();
    fs::write(shard.join(&name), "x").unwrap();
    fs::write(shard.join("notes.txt"), "x").unwrap();
    fs::copy(&objects[0].1, root.join("objects/").join(shard.file_name().unwrap()).join("ab")).unwrap();
    let run = smidge(&["store", "scrub", text(&root)]).exits(0);
    assert!(run.text().contains("notes.txt") && run.text().contains(&name), "{}", run.text());
    let list = place.file("list", "");
    for _ in 0..2 {
        smidge(&["store", "collect", text(&root), "--keep", text(&list), "--grace", "0s"]).exits(0);
    }
    assert_eq!(names(shard), [&*name, "ab", "notes.txt"]);
}

/// A file system in memory with little room; gone when dropped.
struct SmallDisk(Place);

impl SmallDisk {
    /// `None`, with a message, where this may not be mounted.
    fn mount(options: &str) -> Option<Self> {
        let place = Place::new();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs", text(place.path())]).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(place));
        }
        eprintln!("skipped: mounting a small disk takes root");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l", text(self.0.path())]).status();
    }
}

#[test]
fn a_full_disk_is_told_and_the_store_stays_whole() {
    let place = Place::new();
    let small = place.file("small", "smidge");
    let noise: Vec<u8> =
        (0..600_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(9).to_le_bytes()).collect();
    let files = [place.file("noise", &noise), place.file("little noise", &noise[..500_000])];
    for options in ["size=256k", "size=8m,nr_inodes=16"] {
        let Some(disk) = SmallDisk::mount(options) else { return };
        let root = disk.0.join("store");
        smidge(&["store", "put", text(&root), text(&small)]).exits(0);
        let before = read_tree(&root.join("objects"));
        for file in &files {
            // One more with each try, until no inode is left.
            for n in 0..16 {
                let content = [&fs::read(file).unwrap()[..], &[n]].concat();
                let file = place.file("next", content);
                let run = smidge(&["store", "put", text(&root), text(&file)]);
                if run.code != 0 {
                    run.exits(1).says(&["space"]);
                    break;
                }
                assert!(options.contains("inodes") && n < 15);
            }
            assert!(!root.join("tmp").exists() || names(&root.join("tmp")).is_empty());
            smidge(&["store", "scrub", text(&root)]).exits(0);
        }
        assert!(before.keys().all(|name| read_tree(&root.join("objects")).contains_key(name)));
    }
}

/// Runs the program under strace with a fault injected; the exit code, or `None`, with a message, without strace.
fn with_fault(inject: &str, arguments: &[&str]) -> Option<i32> {
    let result = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={inject}"), env!("CARGO_BIN_EXE_smidge")])
        .args(arguments)
        .output();
    if let Ok(output) = result
        && !String::from_utf8_lossy(&output.stderr).contains("strace:")
    {
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
        return Some(output.status.code().unwrap_or(-1));
    }
    eprintln!("skipped: this takes strace");
    None
}

/// Everything that a kill can fall between. Reads are many and change nothing.
const CALLS: [&str; 9] = ["openat", "write", "fsync", "rename", "mkdir", "flock", "unlink", "ftruncate", "getdents64"];

/// Runs `arguments` on fresh copies of `root`, each time killed at another call, and lets `check` look at what is left
/// of each.
fn killed_everywhere(root: &Path, arguments: &[&str], check: impl Fn(&Path, &str)) {
    let mut kills = 0;
    for call in CALLS {
        // Calls of the loader and of the runtime come first and are many; lists are 256.
        let step = match call {
            "openat" | "getdents64" => 41,
            "write" => 3,
            _ => 1,
        };
        for when in (1..).step_by(step) {
            let place = Place::new();
            let copy = place.join("store");
            assert!(Command::new("cp").args(["-r", text(root), text(&copy)]).status().unwrap().success());
            let arguments: Vec<&str> =
                arguments.iter().map(|word| if *word == "STORE" { text(&copy) } else { word }).collect();
            let Some(code) = with_fault(&format!("{call}:signal=KILL:when={when}"), &arguments) else { return };
            if code != -1 && code != 137 {
                assert_eq!(code, 0, "{call} {when}");
                break;
            }
            kills += 1;
            check(&copy, &format!("killed at {call} {when}"));
        }
    }
    assert!(kills > 12, "only {kills} places to be killed at");
}

#[test]
fn killed_at_any_call_of_a_put_the_store_is_whole_and_the_next_put_cleans_up() {
    let place = Place::new();
    let (root, _) = store(&place);
    let new = place.file("new", script(700, Some(1)));
    let hash = Hash::of(&script(700, Some(1))).to_string();
    let put = ["store", "put", "STORE", text(&new)];
    killed_everywhere(&root, &put, |root, at| {
        let found = smidge(&["store", "scrub", text(root), "--jobs", "1", "--json"]).exits(0).json();
        assert!(found["objects"] == 3 || found["objects"] == 4, "{at}");
        smidge(&["store", "put", text(root), text(&new)]).exits(0);
        assert!(names(&root.join("tmp")).is_empty(), "{at}: temporaries are left");
        smidge(&["store", "get", text(root), &hash, "-o", text(&root.with_file_name("output"))]).exits(0);
    });
}

#[test]
fn killed_at_any_call_of_a_collect_the_store_is_whole_and_the_next_collects() {
    let place = Place::new();
    let (root, objects) = store(&place);
    let list = place.file("list", format!("{}\n{}\n", objects[0].0, objects[2].0));
    let collect = ["store", "collect", "STORE", "--keep", text(&list), "--grace", "0s"];
    let in_place = |root: &Path| {
        let arguments: Vec<&str> =
            collect.iter().map(|word| if *word == "STORE" { root.to_str().unwrap() } else { word }).collect();
        smidge(&arguments).exits(0);
    };
    let check = |root: &Path, at: &str| {
        smidge(&["store", "scrub", text(root), "--keep", text(&list), "--jobs", "1"]).exits(0);
        // A put is not held up by what the killed one has left, and is spared.
        smidge(&["store", "put", text(root), text(&place.join("script"))]).exits(0);
        let kept = place.file("all", objects.iter().map(|(hash, _)| format!("{hash}\n")).collect::<String>());
        smidge(&["store", "scrub", text(root), "--keep", text(&kept), "--jobs", "1"]).exits(0);
        in_place(root);
        in_place(root);
        let stats = smidge(&["store", "stats", text(root), "--json"]).exits(0).json();
        assert_eq!((&stats["objects"], &stats["condemned"]), (&2.into(), &0.into()), "{at}");
        assert!(names(&root.join("tmp")).is_empty(), "{at}: temporaries are left");
    };
    // The first run condemns, the second one sweeps.
    killed_everywhere(&root, &collect, check);
    in_place(&root);
    killed_everywhere(&root, &collect, check);
}

#[test]
fn a_disk_that_does_not_keep_what_it_is_told_fails_the_put() {
    let place = Place::new();
    let (root, _) = store(&place);
    let new = place.file("new", script(700, Some(1)));
    let hash = Hash::of(&script(700, Some(1)));
    let mut failures = 0;
    for when in 1.. {
        let copy = place.join(&format!("copy{when}"));
        assert!(Command::new("cp").args(["-r", text(&root), text(&copy)]).status().unwrap().success());
        let put = ["store", "put", text(&copy), text(&new)];
        let Some(code) = with_fault(&format!("fsync:error=EIO:when={when}"), &put) else { return };
        if code == 0 {
            break;
        }
        failures += 1;
        assert_eq!(code, 1);
        // Not there, rather than there and perhaps lost; or there, when only the lease's end failed.
        let there = copy.join(format!("objects/{:02x}/{hash}.zst", hash.as_bytes()[0])).exists();
        smidge(&["store", "scrub", text(&copy)]).exits(0);
        let run = smidge(&["store", "put", text(&copy), text(&new), "--json"]).exits(0).json();
        assert_eq!(run["objects"][0]["existed"], there, "fsync {when}");
    }
    assert!(failures >= 3, "only {failures} were forced to disk");
}
