//! What commands print: results, progress, and what the process itself took.

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::{Failure, Say};
use crate::apply::Progress;

impl Say {
    /// Prints a result: the lines for people, or the object. To standard error where standard output carries data.
    pub(super) fn result(self, value: &Value, lines: &str, stdout_is_taken: bool) -> Result<(), Failure> {
        if self.quiet {
            return Ok(());
        }
        let text = if self.json { value.to_string() } else { lines.trim_end().to_owned() };
        let written = if stdout_is_taken { writeln!(io::stderr(), "{text}") } else { writeln!(io::stdout(), "{text}") };
        // Whoever closed the pipe has read enough.
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::unusable(format_args!("cannot print the result: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Says on standard error what the caller should know though the job is done. With `--json` the object tells it.
    pub(super) fn warn(self, message: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "warning: {message}");
        }
    }

    /// A progress bar on standard error, where a person looks at it.
    pub(super) fn bar(self, job: &'static str) -> Bar {
        let shown = !self.quiet && !self.json && io::stderr().is_terminal();
        let bar = if shown {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        let template = "{prefix:9} {bar:40} {bytes:>10} of {total_bytes:10} {eta:>4}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(job);
        Bar { bar, shown }
    }
}

/// A progress bar that disappears when it is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    shown: bool,
}

impl Bar {
    /// What the job is to report to; nothing where nobody looks.
    pub(super) fn progress(&self) -> Progress {
        let bar = self.bar.clone();
        self.shown.then(|| -> Arc<dyn Fn(u64, u64) + Send + Sync> {
            Arc::new(move |done, total| {
                bar.set_length(total);
                bar.set_position(done);
            })
        })
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What the process took so far.
pub(super) struct Taken {
    started: Instant,
}

impl Taken {
    pub(super) fn start() -> Self {
        Self { started: Instant::now() }
    }

    pub(super) fn time(&self) -> Duration {
        self.started.elapsed()
    }

    /// Time and memory where sizes stand in a column of 8: `  0.12 s  38.4 MB of memory`.
    pub(super) fn columns(&self) -> String {
        let time = show_time(self.time());
        match peak_memory_bytes() {
            Some(bytes) => format!("{time:>8}  {} of memory", super::size::show(bytes)),
            None => format!("{time:>8}"),
        }
    }
}

/// `0.12 s`, `3.4 s`, `125 s`.
pub(super) fn show_time(time: Duration) -> String {
    let secs = time.as_secs_f64();
    let decimals = if secs < 1.0 {
        2
    } else if secs < 20.0 {
        1
    } else {
        0
    };
    format!("{secs:.decimals$} s")
}

/// The largest resident memory of this process so far, in bytes, where the system tells.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
