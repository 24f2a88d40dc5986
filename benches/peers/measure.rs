//! One command as its own process: wall time, processor time and peak resident memory.
//!
//! The kernel counts what a process held before `exec` towards its peak, so a child that shares its parent's memory
//! until `exec` (posix_spawn) reports at least the parent's peak. A `pre_exec` hook makes the standard library fork
//! instead, and a forked child starts with the few pages that the parent has written. [`floor`] says how many that are.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// A command that takes longer than this is stopped by the kernel and counts as failed.
const CPU_LIMIT_SECS: u64 = 1800;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    pub wall_secs: f64,
    /// User and system time of all threads; tells a busy machine from a slow program.
    pub cpu_secs: f64,
    pub peak_bytes: u64,
}

impl Cost {
    /// The median run by wall time, with the largest peak of all runs. `runs` is not empty.
    pub fn median(mut runs: Vec<Cost>) -> Cost {
        let peak_bytes = runs.iter().map(|run| run.peak_bytes).max().unwrap_or(0);
        runs.sort_by(|a, b| a.wall_secs.total_cmp(&b.wall_secs));
        Cost { peak_bytes, ..runs[runs.len() / 2] }
    }
}

/// Runs `argv` to its end. What it says on stderr goes to `log`, whose end is the error's text.
pub fn run(argv: &[OsString], log: &Path) -> Result<Cost, String> {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(File::create(log).map_err(|e| format!("{}: {e}", log.display()))?);
    // SAFETY: the hook runs between fork and exec and calls only setrlimit, which is async-signal-safe.
    unsafe { command.pre_exec(limit_cpu) };

    let start = Instant::now();
    let child = command.spawn().map_err(|e| format!("{}: {e}", argv[0].display()))?;
    let (status, usage) = wait(child.id() as libc::pid_t).map_err(|e| format!("wait4: {e}"))?;
    let wall_secs = start.elapsed().as_secs_f64();

    if !(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0) {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        let said = said.trim().lines().last().unwrap_or("").to_owned();
        let how = match libc::WIFEXITED(status) {
            true => format!("exit code {}", libc::WEXITSTATUS(status)),
            false => format!("signal {}", libc::WTERMSIG(status)),
        };
        return Err(format!("{how}: {said}"));
    }
    let secs = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Ok(Cost {
        wall_secs,
        cpu_secs: secs(usage.ru_utime) + secs(usage.ru_stime),
        peak_bytes: usage.ru_maxrss as u64 * unit,
    })
}

/// What a process that does nothing costs: below this, nothing is told apart.
pub fn floor(log: &Path) -> Cost {
    run(&["true".into()], log).unwrap_or_default()
}

fn limit_cpu() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: CPU_LIMIT_SECS, rlim_max: CPU_LIMIT_SECS + 5 };
    // SAFETY: `limit` is a valid rlimit that outlives the call.
    match unsafe { libc::setrlimit(libc::RLIMIT_CPU, &limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn wait(pid: libc::pid_t) -> io::Result<(libc::c_int, libc::rusage)> {
    loop {
        let mut status = 0;
        // SAFETY: rusage is plain numbers, for which all zeros is a value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live locals of the right type.
        if unsafe { libc::wait4(pid, &mut status, 0, &mut usage) } == pid {
            return Ok((status, usage));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
