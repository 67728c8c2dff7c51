//! A test program whose tests share what is dear to set up, and skip themselves where they cannot run.

use std::env;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::agent;
use crate::docker::engine_answers;

/// Set where all that the tests need was set up: one that cannot run fails then, instead of skipping itself.
pub const REQUIRED_VARIABLE: &str = "E2E_MUST_RUN";

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
    stock: Arc<Mutex<Stock<F>>>,
    trials: Vec<Trial>,
}

/// The fixture, made at most once: what cannot be made for one test takes as long to fail for the next.
enum Stock<F> {
    Unmade,
    Made(F),
    Failed(String),
}

impl<F: Fixture> Stock<F> {
    fn get(&mut self) -> Result<&mut F, Failed> {
        if matches!(self, Self::Unmade) {
            *self = match F::create() {
                Ok(fixture) => Self::Made(fixture),
                Err(error) => Self::Failed(format!("{error:#}")),
            };
        }
        match self {
            Self::Made(fixture) => Ok(fixture),
            Self::Failed(reason) => Err(Failed::from(reason.as_str())),
            Self::Unmade => Err(Failed::without_message()),
        }
    }
}

impl<F: Fixture> Default for Suite<F> {
    fn default() -> Self {
        Self {
            stock: Arc::new(Mutex::new(Stock::Unmade)),
            trials: Vec::new(),
        }
    }
}

impl<F: Fixture> Suite<F> {
    /// Adds a test.
    #[must_use]
    pub fn test(
        self,
        name: &str,
        test: impl FnOnce(&mut F) -> Result<()> + Send + 'static,
    ) -> Self {
        self.test_unless(name, None, test)
    }

    /// Adds a test that skips itself where there is a reason to.
    #[must_use]
    pub fn test_unless(
        mut self,
        name: &str,
        reason: Option<String>,
        test: impl FnOnce(&mut F) -> Result<()> + Send + 'static,
    ) -> Self {
        let stock = Arc::clone(&self.stock);
        self.trials.push(Trial::ignorable_test(name, move || {
            if let Some(reason) = obstacle() {
                if env::var_os(REQUIRED_VARIABLE).is_some() {
                    return Err(
                        format!("everything was set up for this test, but it {reason}").into(),
                    );
                }
                return Ok(Completion::ignored_with(reason));
            }
            if let Some(reason) = reason {
                return Ok(Completion::ignored_with(reason));
            }
            let mut stock = stock.lock().unwrap_or_else(PoisonError::into_inner);
            let fixture = stock.get()?;
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
        let Self { stock, trials } = self;
        let conclusion = libtest_mimic::run(&arguments, trials);
        drop(stock);
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
