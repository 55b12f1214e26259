//! How far along we are: a bar on standard error, for people only.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a watched counter is read.
const READING: Duration = Duration::from_millis(100);

/// A progress bar, or nothing at all: silent unless enabled and standard error is a terminal.
///
/// Workers count bytes in an [`AtomicU64`] of their own; [`Progress::watch`] reads it ten times a
/// second from a thread of the bar's, so that counting costs one relaxed addition.
#[derive(Debug, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
    watch: Option<(Arc<Watch>, JoinHandle<()>)>,
}

/// What tells the watching thread to end.
#[derive(Debug, Default)]
struct Watch(AtomicBool);

impl Progress {
    /// A bar of `total_bytes`, or of unknown length; nothing where not `enabled`.
    pub fn new(total_bytes: Option<u64>, enabled: bool) -> Self {
        if !enabled || !std::io::stderr().is_terminal() {
            return Self::default();
        }
        let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr());
        let template = if total_bytes.is_some() {
            "{bar:30} {percent:>3}%  {decimal_bytes} of {decimal_total_bytes}  \
             {decimal_bytes_per_sec}  {eta} left"
        } else {
            "{spinner} {decimal_bytes}  {decimal_bytes_per_sec}  {elapsed}"
        };
        // A template that does not parse leaves the default style: a plainer bar, no failure.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self {
            bar: Some(bar),
            watch: None,
        }
    }

    /// Tells how many bytes are done. May be called from any thread; draws at most 20 times a second.
    pub fn set(&self, bytes_done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes_done);
        }
    }

    /// Follows a counter until [`Progress::finish`]. Does nothing where there is no bar.
    pub fn watch(&mut self, counter: Arc<AtomicU64>) {
        let Some(bar) = self.bar.clone() else {
            return;
        };
        self.stop_watching();
        let watch = Arc::new(Watch::default());
        let told = Arc::clone(&watch);
        let thread = std::thread::spawn(move || {
            while !told.0.load(Ordering::Acquire) {
                bar.set_position(counter.load(Ordering::Relaxed));
                bar.tick();
                std::thread::park_timeout(READING);
            }
        });
        self.watch = Some((watch, thread));
    }

    /// Takes the bar off the screen.
    pub fn finish(mut self) {
        self.clear();
    }

    fn clear(&mut self) {
        self.stop_watching();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn stop_watching(&mut self) {
        if let Some((watch, thread)) = self.watch.take() {
            watch.0.store(true, Ordering::Release);
            thread.thread().unpark();
            // It draws and reads a number; had it panicked, there is nothing to save.
            _ = thread.join();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disabled_bar_starts_nothing() {
        let counter = Arc::new(AtomicU64::new(0));
        let mut progress = Progress::new(Some(10), false);
        progress.watch(Arc::clone(&counter));
        progress.set(5);
        assert!(progress.bar.is_none() && progress.watch.is_none());
        assert_eq!(Arc::strong_count(&counter), 1);
        progress.finish();
    }

    #[test]
    fn a_watched_counter_is_let_go_at_the_end() {
        let counter = Arc::new(AtomicU64::new(7));
        let mut progress = Progress {
            bar: Some(ProgressBar::hidden()),
            watch: None,
        };
        progress.watch(Arc::clone(&counter));
        progress.watch(Arc::clone(&counter));
        assert_eq!(Arc::strong_count(&counter), 2);
        progress.finish();
        assert_eq!(Arc::strong_count(&counter), 1);
    }
}
