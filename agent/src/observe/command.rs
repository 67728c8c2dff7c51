//! A program start in comparable form: which program, and for an interpreter what it was told to run.
//!
//! A Python server that runs `python -c …` starts an executable it knows, so an interpreter's arguments are part of the
//! value, but only their shape: `-c`, `-m name`, or the script's path. The rest would differ from run to run. Questions about
//! the machine are told by their very words.

use serde::{Deserialize, Serialize};

use super::event::{Access, Exec};
use super::{path, question, redact};

/// Longest name of a module in a shape, in bytes.
const MAX_MODULE: usize = 64;

/// Interpreters of a shell language.
const SHELLS: &[&str] = &[
    "ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "rbash", "sh", "tcsh", "zsh",
];

/// An interpreter's options.
struct Interpreter {
    name: &'static str,
    /// Letters of options that take code.
    code: &'static str,
    /// Letters of options that take the name of a module to run; only Python's have any.
    module: &'static str,
    /// Letters of options that take some other value.
    valued: &'static str,
}

const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        name: "python",
        code: "c",
        module: "m",
        valued: "WX",
    },
    Interpreter {
        name: "pypy",
        code: "c",
        module: "m",
        valued: "WX",
    },
    Interpreter {
        name: "perl",
        code: "eE",
        module: "",
        valued: "I",
    },
    Interpreter {
        name: "ruby",
        code: "e",
        module: "",
        valued: "I",
    },
    Interpreter {
        name: "node",
        code: "ep",
        module: "",
        valued: "r",
    },
    Interpreter {
        name: "php",
        code: "r",
        module: "",
        valued: "dc",
    },
];

const SHELL: Interpreter = Interpreter {
    name: "sh",
    code: "c",
    module: "",
    valued: "oO",
};

/// A program as a process runs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Path of the executable as the kernel had it; for a script, of its interpreter. Empty when unknown.
    pub exe: String,
    /// The executable in comparable form.
    pub label: String,
    /// Shape of an interpreter's arguments, with a leading space, or a question about the machine in full; empty for other
    /// programs.
    pub shape: String,
    /// Arguments, redacted and bounded.
    pub argv: Vec<String>,
    /// It is a command interpreter.
    pub shell: bool,
    /// Its executable lies in anonymous memory or was deleted.
    pub fileless: bool,
    /// Its executable came into being after the container. For a script that is said of the interpreter alone.
    pub not_from_image: bool,
    /// The script that it interprets; empty for other programs.
    pub script: String,
    /// The working directory it was started in; empty when unknown.
    pub cwd: String,
}

impl Program {
    /// The program that an exec started.
    #[must_use]
    pub fn started(exec: &Exec) -> Self {
        let exe = if exec.interpreter.is_empty() {
            &exec.filename
        } else {
            &exec.interpreter
        };
        let mut program = Self::running(exe, &exec.argv);
        program.fileless = exec.place.memfd || exec.place.unlinked;
        if exec.place.memfd {
            "memfd".clone_into(&mut program.label);
        } else if exec.place.unlinked {
            program.label.push_str(" (deleted)");
        } else if exec.place.upper_layer {
            // A program put in the place of one that the image has is another program.
            program.label.push_str(" (not in image)");
        }
        program.not_from_image =
            exec.place.upper_layer || exec.place.tmpfs || exec.place.memfd || exec.place.unlinked;
        if exec.script {
            program.script.clone_from(&exec.filename);
        }
        program.cwd.clone_from(&exec.cwd);
        program
    }

    /// A program found running.
    #[must_use]
    pub fn running(exe: &str, argv: &[String]) -> Self {
        let (mut shape, shell) = shape(exe, argv);
        // In full it stays apart from all else that the same program may be told.
        if let Some(asked) = question::asked(exe, argv, shell) {
            shape = format!(" {asked}");
        }
        Self {
            exe: exe.to_owned(),
            label: path::generalise(exe, Access::Write),
            shape,
            argv: redact::argv(argv),
            shell,
            ..Self::default()
        }
    }
}

/// The last component of a path.
fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The shape of an interpreter's arguments, and whether it is a shell.
fn shape(exe: &str, argv: &[String]) -> (String, bool) {
    let name = file_name(exe);
    if ["busybox", "toybox"].contains(&name) {
        // `busybox sh …` and a link `sh` to busybox are the same.
        let mut rest = argv.iter();
        let mut applet = rest.next().map_or("", |first| file_name(first));
        if applet == name {
            applet = rest.next().map_or("", String::as_str);
        }
        let applet = path::generalise(applet, Access::Write);
        let shell = SHELLS.contains(&applet.as_str());
        let arguments = if shell {
            SHELL.shape(rest.as_slice())
        } else {
            String::new()
        };
        return (format!(" {applet}{arguments}"), shell);
    }
    let arguments = argv.get(1..).unwrap_or_default();
    if SHELLS.contains(&name) {
        return (SHELL.shape(arguments), true);
    }
    let language = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let shape = INTERPRETERS
        .iter()
        .find(|interpreter| interpreter.name == language)
        .map(|interpreter| interpreter.shape(arguments))
        .unwrap_or_default();
    (shape, false)
}

impl Interpreter {
    fn shape(&self, arguments: &[String]) -> String {
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let Some(option) = argument.strip_prefix('-') else {
                return format!(" {}", path::generalise(argument, Access::Write));
            };
            if option.is_empty() {
                return " -".to_owned();
            }
            if option.starts_with('-') {
                continue;
            }
            // Options may be joined (`-lc`), and so may an option and its value (`-Xdev`, `-mname`).
            for (position, letter) in option.char_indices() {
                let joined = option
                    .get(position + letter.len_utf8()..)
                    .unwrap_or_default();
                let mut value = || {
                    if joined.is_empty() {
                        arguments.next().map_or("", String::as_str)
                    } else {
                        joined
                    }
                };
                if self.code.contains(letter) {
                    let worker = if self.module.is_empty() {
                        String::new()
                    } else {
                        bootstrap(value())
                    };
                    return format!(" -{letter}{worker}");
                }
                if self.module.contains(letter) {
                    return format!(" -{letter} {}", module(value()));
                }
                if self.valued.contains(letter) {
                    value();
                    break;
                }
            }
        }
        String::new()
    }
}

fn module(name: &str) -> String {
    name.chars()
        .take(MAX_MODULE)
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
                c
            } else {
                '?'
            }
        })
        .collect()
}

/// Python's multiprocessing and its kin start their workers by code of one form, `from <module> import <function>;
/// <function>(<values>)`. Named in full it stays apart from all other code that comes by `-c`. The values cannot call
/// anything, as no further parenthesis may open, so nothing else can be run under this name.
fn bootstrap(code: &str) -> String {
    let parse = || {
        let (module, call) = code.strip_prefix("from ")?.split_once(" import ")?;
        let (function, call) = call.split_once(';')?;
        let values = call
            .trim_start()
            .strip_prefix(function)?
            .strip_prefix('(')?;
        let values = values.trim_end().strip_suffix(')')?;
        let is_name = |name: &str| {
            !name.is_empty()
                && name.len() <= MAX_MODULE
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))
        };
        (is_name(module) && is_name(function) && !values.contains(['(', ';', '\n', '\r']))
            .then(|| format!(" from {module} import {function}"))
    };
    parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observe::event::Place;

    fn of(exe: &str, arguments: &[&str]) -> Program {
        let argv: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        Program::running(exe, &argv)
    }

    #[test]
    fn shapes() {
        for (exe, argv, expected, shell) in [
            (
                "/usr/bin/python3.11",
                &["python3", "-m", "uvicorn", "app:app"][..],
                " -m uvicorn",
                false,
            ),
            (
                "/usr/bin/python3.11",
                &["python3", "-u", "-X", "dev", "-c", "import os"],
                " -c",
                false,
            ),
            (
                "/usr/bin/python3.11",
                &["python3", "-uc", "x"],
                " -c",
                false,
            ),
            (
                "/usr/bin/python3.11",
                &["python3", "-Xdev", "/app/run.py", "-c", "x"],
                " /app/run.py",
                false,
            ),
            (
                "/usr/bin/python3.11",
                &["python3", "/tmp/tmpabcdefgh.py"],
                " /tmp/tmp*.py",
                false,
            ),
            ("/usr/bin/python3.11", &["python3", "-"], " -", false),
            ("/usr/bin/python3.11", &["python3"], "", false),
            ("/usr/bin/dash", &["sh", "-c", "id"], " -c", true),
            ("/bin/bash", &["bash", "--norc", "-lc", "id"], " -c", true),
            (
                "/bin/bash",
                &["bash", "-o", "pipefail", "/run.sh"],
                " /run.sh",
                true,
            ),
            ("/bin/bash", &["bash", "-i"], "", true),
            ("/bin/busybox", &["sh", "-c", "id"], " sh -c", true),
            ("/bin/busybox", &["busybox", "ash", "/x"], " ash /x", true),
            ("/bin/busybox", &["wget", "http://x"], " wget", false),
            ("/usr/bin/perl", &["perl", "-e", "1"], " -e", false),
            ("/usr/bin/node", &["node", "/srv/a.js"], " /srv/a.js", false),
            ("/usr/bin/curl", &["curl", "-c", "x"], "", false),
            ("", &[], "", false),
        ] {
            let program = of(exe, argv);
            assert_eq!(
                (program.shape.as_str(), program.shell),
                (expected, shell),
                "{argv:?}"
            );
        }
    }

    #[test]
    fn worker_bootstraps_are_told_from_other_code() {
        for (code, expected) in [
            (
                "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=8, pipe_handle=18)",
                " -c from multiprocessing.spawn import spawn_main",
            ),
            (
                "from multiprocessing.resource_tracker import main;main(7)",
                " -c from multiprocessing.resource_tracker import main",
            ),
            ("from a import b; b(1); import os", " -c"),
            ("from a import b; b(__import__('os'))", " -c"),
            ("from a import b; b(1)\nimport os", " -c"),
            ("from a import b; c(1)", " -c"),
            ("from a import b; b(1", " -c"),
        ] {
            assert_eq!(
                of("/usr/bin/python3", &["python3", "-c", code]).shape,
                expected
            );
        }
    }

    #[test]
    fn programs_without_a_file_are_named_so() {
        let memfd = Program::started(&Exec {
            filename: "/proc/self/fd/3".to_owned(),
            place: Place {
                memfd: true,
                ..Place::default()
            },
            ..Exec::default()
        });
        assert_eq!((memfd.label.as_str(), memfd.fileless), ("memfd", true));
        let deleted = Program::started(&Exec {
            filename: "/tmp/x".to_owned(),
            place: Place {
                unlinked: true,
                ..Place::default()
            },
            ..Exec::default()
        });
        assert_eq!(
            (deleted.label.as_str(), deleted.fileless),
            ("/tmp/x (deleted)", true)
        );
    }

    #[test]
    fn programs_made_after_the_container_are_other_programs() {
        let place = |place: Place| {
            Program::started(&Exec {
                filename: "/usr/bin/git".to_owned(),
                place,
                ..Exec::default()
            })
        };
        let image = place(Place::default());
        assert_eq!(
            (image.label.as_str(), image.not_from_image),
            ("/usr/bin/git", false)
        );
        let changed = place(Place {
            upper_layer: true,
            ..Place::default()
        });
        assert_eq!(changed.label, "/usr/bin/git (not in image)");
        let in_memory = place(Place {
            tmpfs: true,
            ..Place::default()
        });
        assert_eq!(in_memory.label, "/usr/bin/git");
        assert!(changed.not_from_image && in_memory.not_from_image);
    }

    #[test]
    fn a_script_is_its_interpreter() {
        let program = Program::started(&Exec {
            filename: "/usr/local/bin/uvicorn".to_owned(),
            interpreter: "/usr/bin/python3.11".to_owned(),
            script: true,
            cwd: "/srv".to_owned(),
            argv: ["/usr/bin/python3.11", "/usr/local/bin/uvicorn", "app:app"]
                .map(str::to_owned)
                .to_vec(),
            ..Exec::default()
        });
        assert_eq!(program.label, "/usr/bin/python3.11");
        assert_eq!(program.shape, " /usr/local/bin/uvicorn");
        assert_eq!(program.script, "/usr/local/bin/uvicorn");
        assert_eq!(program.cwd, "/srv");
    }

    proptest! {
        #[test]
        fn shapes_are_bounded(exe in "/(bin/)?(sh|python3|busybox|perl|x)", argv in prop::collection::vec("\\PC{0,400}", 0..6)) {
            let program = Program::running(&exe, &argv);
            prop_assert!(program.shape.len() <= 2 * path::MAX_LENGTH);
        }
    }
}
