//! Scripts that an interpreter is told to run: whether they may have been written since the container began.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::observe::command::Program;
use crate::observe::event::{Access, Action, Mapping};
use crate::observe::path;

/// Names remembered of one container, in comparable form: at most 256 KiB. Who writes to more has written to any.
const MOST: usize = 1024;

/// Places of an interpreter's own tools, some of which run what they are told.
const TOOLS: [&str; 4] = ["/lib/", "/lib64/", "/bin/", "/sbin/"];

/// The names of all files that were written or changed since the container began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    names: BTreeSet<String>,
    /// Others may have been written, too.
    others: bool,
}

impl Default for Written {
    /// Of a container that was not watched from its birth.
    fn default() -> Self {
        Self {
            names: BTreeSet::new(),
            others: true,
        }
    }
}

impl Written {
    /// Of a container that begins now.
    pub(super) fn nothing() -> Self {
        Self {
            names: BTreeSet::new(),
            others: false,
        }
    }

    /// Says that not all is known that was written.
    pub(super) fn note_loss(&mut self) {
        *self = Self::default();
    }

    /// Takes note of what an event writes.
    pub(super) fn note(&mut self, action: &Action) {
        match action {
            Action::Open {
                path,
                access: Access::Write,
                ..
            }
            | Action::Map {
                path,
                mapping: Mapping::SharedWrite,
                ..
            } => self.add(path),
            Action::Change { path, other, .. } => {
                self.add(path);
                if let Some(other) = other {
                    self.add(other);
                }
            }
            _ => {}
        }
    }

    /// Changes are told by the name that the caller wrote, which may be relative; so only the last part is kept.
    fn add(&mut self, path: &str) {
        if self.others {
            return;
        }
        let path = path::generalise(path, Access::Write);
        let name = path.trim_end_matches('/').rsplit('/').next();
        self.names.extend(name.map(str::to_owned));
        if self.names.len() > MOST {
            self.note_loss();
        }
    }

    /// Whether a program only interprets a script, is told nothing else, and neither the script nor a folder on the way to
    /// it has a name that was written to.
    pub(super) fn leaves_alone(&self, program: &Program) -> bool {
        let Some(script) = program.argv.last() else {
            return false;
        };
        let named = path::generalise(script, Access::Write);
        let marks = path::marks(script, Access::Write);
        let is_tool = TOOLS.iter().any(|place| script.contains(place));
        let mut parts = named.split('/').filter(|part| !part.is_empty());
        !self.others
            && program.shape == format!(" {named}")
            && script.starts_with('/')
            && !is_tool
            && !(marks.scratch || marks.code_path || marks.model_file || marks.escape_path)
            && parts.all(|part| part != ".." && !self.names.contains(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::container::tests::open;

    fn leaves_alone(written: &Written, arguments: &[&str]) -> bool {
        let called = std::iter::once(&"/usr/bin/python3").chain(arguments);
        let argv: Vec<String> = called.map(|&it| it.to_owned()).collect();
        written.leaves_alone(&Program::running("/usr/bin/python3.11", &argv))
    }

    fn rename(path: &str, other: &str) -> Action {
        Action::Change {
            call: 82,
            result: 0,
            path: path.to_owned(),
            other: Some(other.to_owned()),
            detail: 0,
        }
    }

    #[test]
    fn a_script_alone_is_one_that_nobody_wrote_and_anything_else_is_not() {
        let written = Written::nothing();
        assert!(leaves_alone(&written, &["/jobs/report.py"]));
        assert!(leaves_alone(&written, &["-u", "/jobs/report.py"]));
        for other in [
            &[][..],
            &["report.py"],
            &["-c", "/jobs/report.py"],
            &["-m", "report"],
            &["/jobs/report.py", "x"],
            &["/jobs/report.py", "/jobs/report.py/"],
            &["/tmp/report.py"],
            &["/jobs/../tmp/report.py"],
            &["/usr/lib/python3.11/timeit.py"],
            &["/usr/local/lib/python3.11/site-packages/x/y.py"],
            &["/opt/venv/bin/pip"],
            &["/models/iris/1/run.py"],
            &["/home/app/.cache/x/run.py"],
            &["/proc/7/root/srv/run.py"],
        ] {
            assert!(!leaves_alone(&written, other), "{other:?}");
        }
    }

    #[test]
    fn what_was_written_or_renamed_is_not_left_alone() {
        let after = |action: Action| {
            let mut written = Written::nothing();
            written.note(&action);
            leaves_alone(&written, &["/jobs/report.py"])
        };
        assert!(after(open("/jobs/report.py", Access::Read)));
        assert!(after(open("/srv/out.txt", Access::Write)));
        assert!(!after(open("/jobs/report.py", Access::Write)));
        assert!(!after(rename("x", "report.py")));
        assert!(!after(rename("/srv/x", "/jobs")));
        assert!(!after(rename("../x", "jobs/")));
    }

    #[test]
    fn where_something_was_missed_nothing_is_known_to_be_left_alone() {
        assert!(!leaves_alone(&Written::default(), &["/jobs/report.py"]));
        let mut written = Written::nothing();
        written.note_loss();
        assert!(!leaves_alone(&written, &["/jobs/report.py"]));
        let mut many = Written::nothing();
        for number in 0..=MOST {
            assert!(leaves_alone(&many, &["/jobs/report.py"]));
            let letters: String = (0..4)
                .map(|place| {
                    char::from(b'a' + u8::try_from((number >> (4 * place)) & 15).unwrap_or(0))
                })
                .collect();
            many.note(&open(&format!("/srv/part_{letters}.txt"), Access::Write));
        }
        assert!(!leaves_alone(&many, &["/jobs/report.py"]));
        assert!(many.names.is_empty());
    }
}
