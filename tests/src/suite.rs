//! A test program whose tests share what is dear to set up, and skip themselves where they cannot run.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::agent;
use crate::docker::engine_answers;

/// What the tests of a program share. It is made for the first test that runs, and dropped after the last.
pub trait Fixture: Sized + Send + 'static {
    /// Makes it.
    ///
    /// # Errors
    /// When that fails; so does every test then.
    fn create() -> Result<Self>;

    /// What helps to understand a failed test: logs, above all.
    fn evidence(&self) -> String;
}

/// The tests of one program, in the order they run in.
pub struct Suite<F> {
    fixture: Arc<Mutex<Option<F>>>,
    trials: Vec<Trial>,
}

impl<F: Fixture> Default for Suite<F> {
    fn default() -> Self {
        Self {
            fixture: Arc::default(),
            trials: Vec::new(),
        }
    }
}

impl<F: Fixture> Suite<F> {
    /// Adds a test.
    #[must_use]
    pub fn test(mut self, name: &str, test: fn(&mut F) -> Result<()>) -> Self {
        let fixture = Arc::clone(&self.fixture);
        self.trials.push(Trial::ignorable_test(name, move || {
            if let Some(reason) = obstacle() {
                return Ok(Completion::ignored_with(reason));
            }
            let mut slot = fixture.lock().unwrap_or_else(PoisonError::into_inner);
            let fixture = match slot.take() {
                Some(made) => made,
                None => F::create().map_err(|error| Failed::from(format!("{error:#}")))?,
            };
            let fixture = slot.insert(fixture);
            match test(fixture) {
                Ok(()) => Ok(Completion::Completed),
                Err(error) => Err(format!("{error:#}\n{}", fixture.evidence()).into()),
            }
        }));
        self
    }

    /// Runs the tests one after the other: they share one machine's kernel, and each watches all of it.
    pub fn run(self) -> ExitCode {
        let mut arguments = Arguments::from_args();
        arguments.test_threads = Some(1);
        let Self { fixture, trials } = self;
        let conclusion = libtest_mimic::run(&arguments, trials);
        drop(fixture);
        conclusion.exit_code()
    }
}

/// Why end-to-end tests cannot run here.
fn obstacle() -> Option<String> {
    // SAFETY: geteuid has no preconditions and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return Some("needs root, to load eBPF programs".to_owned());
    }
    if !agent::program().is_file() {
        return Some(format!(
            "needs the agent at {}: run `cargo xtask build`",
            agent::program().display()
        ));
    }
    if !engine_answers() {
        return Some("needs a Docker engine: `cargo xtask test` starts one".to_owned());
    }
    None
}
