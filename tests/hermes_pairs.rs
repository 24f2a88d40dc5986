//! Bytecode of consecutive versions of large public bundles, compiled with the released compilers from npm: the patches
//! are at most a third of bsdiff's, as a geometric mean.

#![cfg(feature = "cli")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SDK: &str = "sdks/hermesc/linux64-bin/hermesc";
const ALONE: &str = "hermesc/linux64-bin/hermesc";

/// Bytecode version, npm package and path of its compiler.
const COMPILERS: [(u32, &str, &str); 3] = [
    (96, "react-native@0.81.4", SDK),
    (98, "hermes-compiler@250829098.0.19", ALONE),
    (99, "hermes-compiler@260318099.0.6", ALONE),
];

/// Package, path of the bundle, old and new version; then for bytecode versions the bytes of bsdiff 4.3's patch.
type Bundle = (&'static str, &'static str, [&'static str; 2], &'static [(u32, u64)]);

const BUNDLES: [Bundle; 3] = [
    ("echarts", "dist/echarts.min.js", ["5.5.0", "5.5.1"], &[(96, 144_183), (98, 151_241), (99, 150_734)]),
    ("antd", "dist/antd.min.js", ["5.27.4", "5.27.5"], &[(98, 204_290), (99, 204_282)]),
    ("@babel/standalone", "babel.min.js", ["7.28.4", "7.28.5"], &[(96, 345_544)]),
];

/// Unpacks `path` of an npm package, or says why not.
fn fetch(work: &Path, package: &str, path: &str) -> Result<PathBuf, String> {
    let folder = work.join(package.replace(['/', '@'], "_"));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let packed = Command::new("npm").args(["pack", "--silent", package]).current_dir(&folder).output();
    let packed = packed.map_err(|error| format!("npm: {error}"))?;
    let archive = String::from_utf8_lossy(&packed.stdout).trim().to_owned();
    let inside = format!("package/{path}");
    let unpacked = Command::new("tar").args(["-xzf", &archive, &inside]).current_dir(&folder).status();
    match unpacked {
        Ok(status) if status.success() => Ok(folder.join(inside)),
        _ => Err(format!("cannot fetch {package} from npm")),
    }
}

fn compile(compiler: &Path, source: &Path, output: &Path) {
    let flags = ["-emit-binary", "-O", "-w", "-output-source-map", "-out"];
    let status = Command::new(compiler).args(flags).arg(output).arg(source).stderr(Stdio::null()).status();
    assert!(status.unwrap().success(), "{} does not compile", source.display());
}

fn smidge(arguments: &[&Path]) {
    let status = Command::new(env!("CARGO_BIN_EXE_smidge")).args(arguments).stdout(Stdio::null()).status();
    assert!(status.unwrap().success(), "smidge {arguments:?}");
}

#[test]
#[ignore = "fetches compilers and bundles from npm, and takes minutes"]
fn patches_of_public_bundles_are_a_third_of_bsdiffs() {
    let work = tempfile::tempdir().unwrap();
    let work = work.path();
    let mut compilers = HashMap::new();
    for (version, package, path) in COMPILERS {
        match fetch(work, package, path) {
            Ok(compiler) => compilers.insert(version, compiler),
            Err(why) => return eprintln!("skipped: {why}"),
        };
    }
    let mut ratios: Vec<f64> = Vec::new();
    for (package, path, versions, baselines) in BUNDLES {
        let sources = versions.map(|version| fetch(work, &format!("{package}@{version}"), path).unwrap());
        for &(version, baseline) in baselines {
            let [old, new, patch, back] = ["old", "new", "patch", "back"].map(|name| work.join(name));
            compile(&compilers[&version], &sources[0], &old);
            compile(&compilers[&version], &sources[1], &new);
            let (output, effort, max) = (Path::new("--output"), Path::new("--effort"), Path::new("max"));
            smidge(&[Path::new("diff"), &old, &new, output, &patch, effort, max]);
            smidge(&[Path::new("apply"), &old, &patch, output, &back]);
            assert!(std::fs::read(&back).unwrap() == std::fs::read(&new).unwrap());
            let bytes = std::fs::metadata(&patch).unwrap().len();
            std::fs::remove_file(&back).unwrap();
            std::fs::remove_file(&patch).unwrap();
            println!("{package} {} to {}, version {version}: {bytes}, bsdiff {baseline}", versions[0], versions[1]);
            ratios.push(bytes as f64 / baseline as f64);
        }
    }
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    println!("geometric mean: {:.1} % of bsdiff's", mean * 100.0);
    assert!(mean <= 1.0 / 3.0);
}
