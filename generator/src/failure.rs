//! Why a command stops, and with which exit code.

use crate::report::{Diagnostic, Told};

/// Whose fault a stop is: it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The site is at fault: exit code 1.
    Site,
    /// The call, the machine or its permissions are: exit code 2.
    Environment,
    /// The user stopped it: exit code 130, as a shell reports `SIGINT`.
    Interrupted,
}

/// A command that could not finish.
#[derive(Debug)]
pub struct Failure {
    /// Whose fault it is.
    pub fault: Fault,
    /// What to tell; `None` when everything has been told already.
    pub diagnostic: Option<Box<Diagnostic>>,
}

impl Failure {
    /// The site is at fault.
    pub fn site(diagnostic: Diagnostic) -> Self {
        Self {
            fault: Fault::Site,
            diagnostic: Some(Box::new(diagnostic)),
        }
    }

    /// The call or the machine is at fault.
    pub fn environment(diagnostic: Diagnostic) -> Self {
        Self {
            fault: Fault::Environment,
            diagnostic: Some(Box::new(diagnostic)),
        }
    }

    /// The site is at fault, and the diagnostics said why.
    pub fn told() -> Self {
        Self {
            fault: Fault::Site,
            diagnostic: None,
        }
    }

    /// The exit code that says whose fault it is.
    pub fn exit_code(&self) -> u8 {
        match self.fault {
            Fault::Site => 1,
            Fault::Environment => 2,
            Fault::Interrupted => 130,
        }
    }
}

impl From<Told> for Failure {
    fn from(_: Told) -> Self {
        Self::told()
    }
}
