//! `smidge store` as a person uses it: a bucket beside a folder, and what is said in 80 columns.

#![cfg(feature = "cli")]

mod common;
#[path = "store/servers.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod servers;

use std::process::Command;

use common::{Place, script, smidge};
use smidge::hash::Hash;

/// Runs the program with the credentials of `server`; the exit code, and what it printed.
async fn with(server: &servers::S3, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smidge"));
    command.args(arguments).envs(server.environment());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_mends_a_folder_and_is_collected() {
    let server = servers::S3::start().await;
    let place = Place::new();
    let file = place.file("app.js", script(900, None));
    let garbage = place.file("garbage", "nobody needs this");
    let hash = Hash::of(&script(900, None)).to_string();
    let [file, garbage, root, list, output] =
        [file, garbage, place.join("store"), place.file("list", format!("{hash}  app.js\n")), place.join("output")]
            .map(|path| path.to_str().unwrap().to_owned());
    let bucket = "s3://updates/app";

    let (code, text) = with(&server, &["store", "stats", bucket]).await;
    assert!(code == 1 && text.contains("smidge-store"), "{text}");
    let (code, text) = with(&server, &["store", "put", bucket, &file, &garbage]).await;
    assert!(code == 0 && text.starts_with(&hash), "{text}");
    smidge(&["store", "put", &root, &file]).exits(0);

    let object = place.join(&format!("store/objects/{}/{hash}.zst", &hash[..2]));
    std::fs::write(&object, "rot").unwrap();
    let (code, text) = with(&server, &["store", "scrub", &root, "--from", bucket]).await;
    assert!(code == 0 && text.contains("1 mended"), "{text}");
    smidge(&["store", "get", &root, &hash, "-o", &output]).exits(0);

    for _ in 0..2 {
        // The server tells when an object was written to the second.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let (code, text) = with(&server, &["store", "collect", bucket, "--keep", &list, "--grace", "0s"]).await;
        assert_eq!(code, 0, "{text}");
    }
    let (code, text) = with(&server, &["store", "stats", bucket, "--json"]).await;
    assert!(code == 0 && text.contains("\"objects\":1,"), "{text}");
    let (code, text) = with(&server, &["store", "get", bucket, &hash, "-o", &output]).await;
    assert!(code == 0 && std::fs::read(&output).unwrap() == script(900, None), "{text}");
}

#[test]
fn what_is_said_fits_and_tells_what_to_do() {
    let place = Place::new();
    let root = place.join("store");
    let root = root.to_str().unwrap();
    smidge(&["store", "stats", root]).exits(1).says(&["does not exist"]);
    smidge(&["store", "stats", "ftp://x"]).exits(2).says(&["s3://"]);
    smidge(&["store", "collect", root]).exits(2).says(&["--keep"]);
    smidge(&["store", "get", root, "abc", "-o", "x"]).exits(2).says(&["64 hexadecimal digits"]);
    smidge(&["store", "put", root, "/nowhere"]).exits(1).says(&["/nowhere"]);
    let file = place.file("file", "content");
    smidge(&["store", "put", root, file.to_str().unwrap()]).exits(0);
    let list = place.file("list", "not a hash\n");
    let list = list.to_str().unwrap();
    smidge(&["store", "collect", root, "--keep", list]).exits(1).says(&["line 1", "nothing was collected"]);
    let missing = Hash::of(b"missing").to_string();
    std::fs::write(list, &missing).unwrap();
    let run = smidge(&["store", "collect", root, "--keep", list]).exits(3).says(&["missing", "scrub"]);
    assert!(run.text().contains(&missing));
    for command in [&["store", "stats", root][..], &["store", "scrub", root], &["store", "--help"]] {
        let run = smidge(command).exits(0);
        let long: Vec<_> = run.text().lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{long:?}");
    }
}
