//! What the tests of the real binary ask of a command that has run.

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:#?}");
        self
    }

    /// Fails unless standard error holds this.
    #[track_caller]
    pub fn tells(self, expected: &str) -> Self {
        assert!(
            self.stderr.contains(expected),
            "no `{expected}` in {self:#?}"
        );
        self
    }
}
