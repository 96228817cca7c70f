//! Progress of long work: a bar on a terminal, nothing in a pipe.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Whether and where progress is shown.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// On standard error, when that is a terminal.
    pub fn on_terminal() -> Self {
        Self {
            shown: std::io::stderr().is_terminal(),
        }
    }

    /// Never.
    pub fn hidden() -> Self {
        Self { shown: false }
    }

    /// A bar for `total` steps.
    pub fn bar(&self, what: &str, total: u64) -> Bar {
        self.start(
            ProgressBar::new(total),
            "{msg} {wide_bar} {pos}/{len}",
            what,
        )
    }

    /// A sign that something of unknown length goes on.
    pub fn spinner(&self, what: &str) -> Bar {
        self.start(
            ProgressBar::new_spinner(),
            "{msg} {spinner} {elapsed}",
            what,
        )
    }

    fn start(&self, bar: ProgressBar, template: &str, what: &str) -> Bar {
        if self.shown {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Bar(bar)
    }
}

/// One piece of work in progress; it vanishes when it is done.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// One step further.
    pub fn advance(&self) {
        self.0.inc(1);
    }

    /// Done.
    pub fn finish(self) {
        self.0.finish_and_clear();
    }
}

impl crate::image::Progress for Bar {
    fn step(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }
}
