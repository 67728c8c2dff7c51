//! What a started program is, by how it was started: the container's own command, a worker, a library's question.

use super::Category;
use crate::observe::fact::{Origin, Phase, Sighting};
use crate::observe::question::{self, system_program};

/// Whether it is the container's first program, which came with the image. Inside the container nobody can bring that
/// about: what runs there has ancestors.
pub(super) fn is_entrypoint(sighting: &Sighting) -> bool {
    let marks = &sighting.marks;
    sighting.fact.value.ends_with(" <- entrypoint")
        && sighting.ancestry.is_empty()
        && !(marks.scratch || marks.not_from_image)
}

/// How Python's multiprocessing starts the processes of a program (Lib/multiprocessing `spawn.py` and `forkserver.py`): as a
/// fork does, the new process goes on with what the old one hands over.
const WORKER_SHAPES: [&str; 2] = [
    " -c from multiprocessing.spawn import spawn_main",
    " -c from multiprocessing.forkserver import main",
];

/// How it starts, with the first shared memory or semaphore, the process that removes what of them is left (Lib/multiprocessing
/// `resource_tracker.py`). That is told their names and nothing else.
const TRACKER_SHAPE: &str = " -c from multiprocessing.resource_tracker import main";

/// Whether it is a worker of the program that started it: the same executable, which goes on with that one's work. A fork
/// does the same and is no fact at all.
pub(super) fn is_worker(sighting: &Sighting) -> bool {
    shape_of_self(sighting).is_some_and(|shape| WORKER_SHAPES.contains(&shape))
}

/// Whether it is the resource tracker of the program that started it.
pub(super) fn is_resource_tracker(sighting: &Sighting) -> bool {
    shape_of_self(sighting) == Some(TRACKER_SHAPE)
}

/// Whether it is a job of the image's that the program has its own interpreter run, as schedulers do, and that nobody
/// brought since the container began.
pub(super) fn is_own_script(sighting: &Sighting) -> bool {
    let marks = &sighting.marks;
    marks.script_alone
        && !marks.socket_on_stdio
        && sighting.fact.origin == Origin::Server
        && shape_of_self(sighting).is_some()
}

/// How a program started its own executable; `None` where it started another.
fn shape_of_self(sighting: &Sighting) -> Option<&str> {
    let (program, parent) = sighting.fact.value.rsplit_once(" <- ")?;
    let shape = program.strip_prefix(parent)?;
    (!sighting.marks.fileless).then_some(shape)
}

/// Programs that the same libraries look for.
const ASKED_FOR: [&str; 7] = ["uname", "ldconfig", "lscpu", "ld", "gcc", "cc", "objdump"];

/// Programs with which people and probes look at what is there, or wait. What they can do beyond that (`awk` and `find` run
/// programs, `sed` and `sort` write files) is seen and judged by itself. Not among them: what prints the environment, in which
/// secrets are.
const LOOKS: [&str; 47] = [
    "[",
    "awk",
    "basename",
    "cat",
    "cmp",
    "cut",
    "date",
    "df",
    "diff",
    "dirname",
    "du",
    "echo",
    "egrep",
    "false",
    "fgrep",
    "file",
    "find",
    "free",
    "gawk",
    "grep",
    "head",
    "hostname",
    "id",
    "less",
    "ls",
    "mawk",
    "md5sum",
    "more",
    "nproc",
    "pgrep",
    "pidof",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "sed",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "tail",
    "test",
    "top",
    "tr",
    "true",
    "uniq",
    "wc",
];

/// Programs that are many by the name under which they are called.
const MANY_IN_ONE: [&str; 3] = ["busybox", "coreutils", "toybox"];

/// Interpreters, by the beginning of their names, and the option by which each is given a line; where an image has no
/// `curl`, probes are such lines.
const INTERPRETERS: [(&str, char); 4] =
    [("python", 'c'), ("perl", 'e'), ("node", 'e'), ("ruby", 'e')];

/// Whether the container runtime, told to by who may do that, has a program of the image look at what is there, or a shell
/// or another interpreter run one line: of that, what it runs and does is judged, as hooks and probes are such lines. A shell
/// that is given no line waits for somebody's.
pub(super) fn is_look(sighting: &Sighting) -> bool {
    let (marks, process) = (&sighting.marks, &sighting.process);
    if sighting.fact.origin != Origin::Runtime
        || marks.scratch
        || marks.not_from_image
        || marks.fileless
    {
        return false;
    }
    let mut arguments = process.argv.iter().map(String::as_str);
    let called = arguments.next().unwrap_or_default();
    let interpreter = INTERPRETERS
        .iter()
        .find(|(name, _)| system_program(&process.exe).is_some_and(|it| it.starts_with(name)))
        .map(|(_, option)| *option);
    if let Some(option) = marks.shell.then_some('c').or(interpreter) {
        let mut options = arguments.take_while(|it| it.starts_with('-') && !it.starts_with("--"));
        return options.any(|it| it.contains(option));
    }
    let name = system_program(&process.exe).map(|name| match MANY_IN_ONE.contains(&name) {
        true => called.rsplit('/').next().unwrap_or_default(),
        false => name,
    });
    name.is_some_and(|name| LOOKS.contains(&name))
}

/// Whether it is a question of a library about the machine, put to a program that came with the image, or to a shell that
/// only hands it on.
pub(super) fn is_question(sighting: &Sighting) -> bool {
    let (marks, process) = (&sighting.marks, &sighting.process);
    // Whoever is given a connection to answer on is asked from outside.
    !(marks.scratch || marks.not_from_image || marks.fileless || marks.socket_on_stdio)
        && question::asked(&process.exe, &process.argv, marks.shell).is_some()
}

/// Whether one of the programs that libraries put such questions to was looked for, where programs are, and is not there.
pub(super) fn is_looked_for(sighting: &Sighting) -> bool {
    let asked = sighting.fact.value.strip_prefix("exec ");
    let name = asked.and_then(|asked| asked.strip_suffix(" ENOENT"));
    let path = sighting.raw.split(": ").next().unwrap_or_default();
    name.is_some_and(|name| ASKED_FOR.contains(&name) && system_program(path) == Some(name))
}

/// The category with what is known of other phases: a worker of the program that starts it, of the same module or script as
/// at the start, is a worker when it is started again, as a supervisor does when one has died.
#[must_use]
pub fn started_again(category: Category, known_in: Option<Phase>, sighting: &Sighting) -> Category {
    let by_start = matches!(known_in, Some(Phase::Start | Phase::Load));
    let started = sighting.fact.value.rsplit_once(" <- ");
    let shape = started.and_then(|(program, parent)| program.strip_prefix(parent));
    let is_own = shape.is_some_and(|shape| shape.starts_with(" -m ") || shape.starts_with(" /"));
    match category {
        Category::Executable if by_start && is_own => Category::Worker,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::danger::categorise;
    use crate::detect::danger::tests::sighting;
    use crate::observe::fact::{Family, Marks};

    #[test]
    fn another_command_of_the_container_is_no_program_that_its_server_starts() {
        let started = |value: &str| sighting(Family::Executable, Origin::Server, value);
        let category = |sighting: &Sighting| categorise(sighting, |_| false);
        let entrypoint = started("/usr/bin/dash start.sh <- entrypoint");
        assert_eq!(category(&entrypoint), Some(Category::Entrypoint));
        let child = started("/usr/bin/git <- /usr/bin/dash");
        assert_eq!(category(&child), Some(Category::Executable));
        let mut named_so = started("/usr/bin/git <- /srv/x <- entrypoint");
        named_so.ancestry = vec![named_so.process.clone()];
        assert_eq!(category(&named_so), Some(Category::Executable));
        let mut dropped = entrypoint;
        dropped.marks.scratch = true;
        assert_eq!(category(&dropped), Some(Category::Dropped));
    }

    #[test]
    fn what_the_runtime_is_told_to_look_at_is_no_news_and_what_it_may_change_is() {
        let started = |exe: &str, line: &[&str]| {
            let mut started = sighting(Family::Executable, Origin::Runtime, exe);
            started.process.exe = exe.to_owned();
            started.process.argv = line.iter().map(|&it| it.to_owned()).collect();
            started.marks.shell = exe.ends_with("sh");
            started
        };
        let is_told = |sighting: &Sighting| categorise(sighting, |_| false).is_some();
        for (exe, line) in [
            ("/usr/bin/df", &["df", "-h", "/models"][..]),
            ("/bin/busybox", &["tail", "-n", "40", "/var/log/app.log"]),
            ("/usr/bin/dash", &["sh", "-c", "cut -f 4 a.log | sort"]),
            ("/usr/bin/bash", &["bash", "-e", "-lc", "sleep 5"]),
            ("/usr/bin/python3.11", &["python3", "-c", "import app"]),
            ("/usr/bin/perl", &["perl", "-ne", "print"]),
        ] {
            let look = started(exe, line);
            assert!(!is_told(&look), "{line:?}");
            let mut by_server = look.clone();
            by_server.fact.origin = Origin::Server;
            assert!(is_told(&by_server), "{line:?}");
            for mark in [
                |m: &mut Marks| m.not_from_image = true,
                |m: &mut Marks| m.scratch = true,
                |m: &mut Marks| m.fileless = true,
            ] {
                let mut marked = look.clone();
                mark(&mut marked.marks);
                assert!(is_told(&marked), "{line:?}");
            }
        }
        for (exe, line) in [
            ("/usr/bin/dash", &["sh"][..]),
            ("/usr/bin/bash", &["bash", "--rcfile", "/x"]),
            ("/usr/bin/dash", &["sh", "/opt/probe.sh", "-c"]),
            ("/usr/bin/python3.11", &["python3", "/srv/x.py", "-c"]),
            ("/usr/bin/env", &["env"]),
            ("/bin/busybox", &["busybox", "nc"]),
            ("/srv/tools/df", &["df"]),
            ("/usr/bin/curl", &["curl", "http://10.0.0.9/"]),
        ] {
            assert!(is_told(&started(exe, line)), "{line:?}");
        }
    }

    #[test]
    fn a_process_that_goes_on_with_its_parents_work_is_a_worker_and_any_other_code_is_not() {
        let started = |value: &str| sighting(Family::Executable, Origin::Server, value);
        let category = |sighting: &Sighting| categorise(sighting, |_| false);
        let spawn = "/usr/bin/python3.11 -c from multiprocessing.spawn import spawn_main";
        let worker = started(&format!("{spawn} <- /usr/bin/python3.11"));
        assert_eq!(category(&worker), Some(Category::Worker));
        for other in [
            "/usr/bin/python3.11 -c <- /usr/bin/python3.11",
            "/usr/bin/python3.11 -c from os import system <- /usr/bin/python3.11",
            &format!("{spawn} <- /usr/bin/dash"),
            &format!("{spawn} <- /usr/bin/python3.1"),
            "/usr/bin/python3.11 <- /usr/bin/python3.11",
        ] {
            assert_eq!(
                category(&started(other)),
                Some(Category::Executable),
                "{other}"
            );
        }
        let marked = |mark: fn(&mut Marks)| {
            let mut worker = worker.clone();
            mark(&mut worker.marks);
            category(&worker)
        };
        assert_eq!(marked(|m| m.not_from_image = true), Some(Category::Dropped));
        assert_eq!(marked(|m| m.fileless = true), Some(Category::Executable));
        let tracker = "/usr/bin/python3.11 -c from multiprocessing.resource_tracker import main";
        let by = |parent: &str| category(&started(&format!("{tracker} <- {parent}")));
        assert_eq!(by("/usr/bin/python3.11"), None);
        assert_eq!(by("/usr/bin/dash"), Some(Category::Executable));
    }

    #[test]
    fn a_worker_that_the_start_has_too_is_a_worker_when_it_is_started_again() {
        let again = |value: &str, known_in| {
            let sighting = sighting(Family::Executable, Origin::Server, value);
            started_again(Category::Executable, known_in, &sighting)
        };
        let python = "/usr/bin/python3.11";
        let worker = format!("{python} -m service.worker <- {python}");
        assert_eq!(again(&worker, Some(Phase::Start)), Category::Worker);
        assert_eq!(again(&worker, None), Category::Executable);
        assert_eq!(again(&worker, Some(Phase::Stop)), Category::Executable);
        for other in [
            format!("{python} -c <- {python}"),
            format!("{python} -m service.worker <- /usr/bin/dash"),
            format!("/usr/bin/curl <- {python}"),
        ] {
            assert_eq!(
                again(&other, Some(Phase::Start)),
                Category::Executable,
                "{other}"
            );
        }
    }

    #[test]
    fn a_script_that_nobody_brought_is_the_images_where_the_server_has_its_own_interpreter_run_it()
    {
        let started = |value: &str, change: fn(&mut Sighting)| {
            let mut script = sighting(Family::Executable, Origin::Server, value);
            script.marks.script_alone = true;
            change(&mut script);
            categorise(&script, |_| false)
        };
        let own = "/usr/bin/python3.11 /jobs/report.py <- /usr/bin/python3.11";
        assert_eq!(started(own, |_| ()), Some(Category::OwnScript));
        let by_shell = "/usr/bin/python3.11 /jobs/report.py <- /usr/bin/dash";
        assert_eq!(started(by_shell, |_| ()), Some(Category::Executable));
        for (change, other) in [
            (
                (|it| it.marks.script_alone = false) as fn(&mut Sighting),
                Category::Executable,
            ),
            (|it| it.marks.socket_on_stdio = true, Category::Executable),
            (|it| it.marks.fileless = true, Category::Executable),
            (|it| it.marks.not_from_image = true, Category::Dropped),
            (|it| it.marks.scratch = true, Category::Dropped),
            (|it| it.marks.shell = true, Category::Shell),
            (|it| it.fact.origin = Origin::Runtime, Category::Executable),
        ] {
            assert_eq!(started(own, change), Some(other));
        }
    }

    #[test]
    fn a_shell_that_is_asked_a_question_is_none_where_it_is_told_more_or_was_brought() {
        let shell = |line: &str, change: fn(&mut Sighting)| {
            let mut shell = sighting(Family::Executable, Origin::Server, "/usr/bin/dash -c <- x");
            shell.process.exe = "/usr/bin/dash".to_owned();
            shell.process.argv = ["sh", "-c", line].map(str::to_owned).to_vec();
            shell.marks.shell = true;
            change(&mut shell);
            categorise(&shell, |_| false)
        };
        assert_eq!(shell("gcc --version", |_| ()), Some(Category::Question));
        assert_eq!(shell("gcc --version; id", |_| ()), Some(Category::Shell));
        for (change, other) in [
            (
                (|it| it.marks.socket_on_stdio = true) as fn(&mut Sighting),
                Category::Shell,
            ),
            (|it| it.marks.fileless = true, Category::Shell),
            (|it| it.marks.not_from_image = true, Category::Shell),
            (|it| it.marks.scratch = true, Category::Shell),
        ] {
            assert_eq!(shell("gcc --version", change), Some(other));
        }
    }

    #[test]
    fn a_librarys_question_is_none_with_other_arguments_or_from_elsewhere() {
        let asked = |exe: &str, arguments: &[&str]| {
            let mut sighting = sighting(
                Family::Executable,
                Origin::Server,
                "x <- /usr/bin/python3.11",
            );
            sighting.process.exe = exe.to_owned();
            sighting.process.argv = std::iter::once(exe)
                .chain(arguments.iter().copied())
                .map(str::to_owned)
                .collect();
            categorise(&sighting, |_| false)
        };
        assert_eq!(asked("/usr/bin/uname", &["-p"]), Some(Category::Question));
        assert_eq!(asked("/sbin/ldconfig", &["-p"]), Some(Category::Question));
        for (exe, arguments) in [
            ("/usr/bin/uname", &["-a"][..]),
            ("/usr/bin/uname", &["-p", "-a"]),
            ("/sbin/ldconfig", &[]),
            ("/opt/x/uname", &["-p"]),
            ("/usr/bin/id", &["-p"]),
        ] {
            assert_eq!(
                asked(exe, arguments),
                Some(Category::Executable),
                "{exe} {arguments:?}"
            );
        }
        let attempt = |value: &str, raw: &str| {
            let mut attempt = sighting(Family::FileAttempt, Origin::Server, value);
            attempt.raw = raw.to_owned();
            categorise(&attempt, |_| false)
        };
        let ld = "exec ld ENOENT";
        assert_eq!(attempt(ld, "/bin/ld: ENOENT"), Some(Category::Question));
        for (value, raw) in [
            (ld, "/tmp/ld: ENOENT"),
            ("exec /usr/bin/ld EACCES", "/usr/bin/ld: EACCES"),
            ("exec nvidia-smi ENOENT", "/bin/nvidia-smi: ENOENT"),
        ] {
            assert_eq!(attempt(value, raw), Some(Category::FailedExec), "{raw}");
        }
    }
}
