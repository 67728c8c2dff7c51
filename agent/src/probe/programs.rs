//! The programs of the probe: where each hooks into the kernel, which evidence it serves, and what is lost without it.
//!
//! What attaches them, `picket check`, `picket_probe_attached` and docs/PROBE.md all go by this table.

use std::fmt;

use self::Hook::{Egress, Ingress, Socket, Tracepoint};
use self::Part::{Essential, Network, System};

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// A tracepoint whose arguments the verifier knows the types of.
    Tracepoint(&'static str),
    /// An operation on sockets, at the root of the cgroup v2 hierarchy.
    Socket(&'static str),
    /// Packets that sockets of a cgroup receive, at the root of the cgroup v2 hierarchy.
    Ingress,
    /// Packets that sockets of a cgroup send, at the root of the cgroup v2 hierarchy.
    Egress,
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tracepoint(name) => write!(f, "tp_btf/{name}"),
            Self::Socket(name) => write!(f, "cgroup/{name}"),
            Self::Ingress => f.write_str("cgroup_skb/ingress"),
            Self::Egress => f.write_str("cgroup_skb/egress"),
        }
    }
}

/// What a program is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Without it nothing can be attributed or judged: the agent is not ready.
    Essential,
    /// Evidence of processes, files and system calls.
    System,
    /// Evidence of the network.
    Network,
}

/// One program.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name in the object, also the label `probe` of metrics.
    pub name: &'static str,
    /// Where it runs.
    pub hook: Hook,
    /// What it is a part of.
    pub part: Part,
    /// The evidence that depends on it.
    pub serves: &'static str,
    /// What the agent does where the kernel lacks the hook.
    pub without: &'static str,
}

const fn row(
    name: &'static str,
    hook: Hook,
    part: Part,
    serves: &'static str,
    without: &'static str,
) -> Program {
    Program {
        name,
        hook,
        part,
        serves,
        without,
    }
}

/// Every program of the object, in the order in which they are attached.
#[rustfmt::skip]
pub const PROGRAMS: &[Program] = &[
    row("cgroup_mkdir", Tracepoint("cgroup_mkdir"), Essential, "containers from their first instruction", "only containers older than the agent are seen"),
    row("cgroup_rmdir", Tracepoint("cgroup_rmdir"), System, "the end of containers", "rows of ended containers are not given back until the agent restarts"),
    row("sched_process_fork", Tracepoint("sched_process_fork"), Essential, "new processes and threads", "processes have no parents, and the runtime's commands pass for the server's"),
    row("sched_process_exec", Tracepoint("sched_process_exec"), Essential, "programs started: path, arguments, user, parent", "no evidence of processes"),
    row("sched_process_exit", Tracepoint("sched_process_exit"), System, "the end of processes", "ended processes are forgotten only when the table of processes is full"),
    row("signal_generate", Tracepoint("signal_generate"), System, "when a container is asked to end", "a graceful shutdown counts as serving until the first process has ended"),
    row("sys_exit", Tracepoint("sys_exit"), Essential, "system calls and their errors, opened files, privileged calls, sockets on standard streams", "no evidence of system calls and files"),
    row("io_uring_submit_req", Tracepoint("io_uring_submit_req"), System, "operations submitted to io_uring", "no evidence of what goes through io_uring but packets and connections (kernels before 6.3)"),
    row("inet_sock_set_state", Tracepoint("inet_sock_set_state"), Network, "listening ports, accepted connections, how connects end, the last bytes of a connection", "requests are not counted, and learning that waits for them does not end"),
    row("connect4", Socket("connect4"), Network, "IPv4 peers contacted", "no evidence of IPv4 connections"),
    row("connect6", Socket("connect6"), Network, "IPv6 peers contacted", "no evidence of IPv6 connections"),
    row("bind4", Socket("bind4"), Network, "IPv4 addresses bound", "of IPv4 servers only TCP listeners are seen"),
    row("bind6", Socket("bind6"), Network, "IPv6 addresses bound", "of IPv6 servers only TCP listeners are seen"),
    row("sendmsg4", Socket("sendmsg4"), Network, "IPv4 peers of unconnected datagrams", "only connected IPv4 sockets are seen"),
    row("sendmsg6", Socket("sendmsg6"), Network, "IPv6 peers of unconnected datagrams", "only connected IPv6 sockets are seen"),
    row("skb_ingress", Ingress, Network, "bytes and packets received, also by peer; DNS answers", "nothing received is counted"),
    row("skb_egress", Egress, Network, "bytes and packets sent, also by peer; requests; DNS questions, TLS server names", "nothing sent is counted, and learning that waits for requests does not end"),
];

/// The table's row of a program.
#[must_use]
pub fn named(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.name == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeSet;

    use super::*;

    const PAGE: &str = include_str!("../../../docs/PROBE.md");

    #[test]
    fn each_program_is_there_once_and_says_what_for() {
        let names: BTreeSet<&str> = PROGRAMS.iter().map(|program| program.name).collect();
        assert_eq!(names.len(), PROGRAMS.len());
        for program in PROGRAMS {
            assert!(
                !program.serves.is_empty() && !program.without.is_empty(),
                "{program:?}"
            );
            assert_eq!(named(program.name).unwrap().hook, program.hook);
        }
        assert!(named("no such program").is_none());
    }

    #[test]
    fn the_page_has_the_same_table() {
        let (_, rest) = PAGE.split_once("| program | hook |").unwrap();
        let (table, _) = rest.split_once("\n\n").unwrap();
        let shown: Vec<&str> = table.lines().skip(2).collect();
        let rows: Vec<String> = PROGRAMS
            .iter()
            .map(|it| {
                format!(
                    "| {} | {} | {} | {} |",
                    it.name, it.hook, it.serves, it.without
                )
            })
            .collect();
        assert_eq!(
            shown,
            rows,
            "docs/PROBE.md should have:\n{}\n",
            rows.join("\n")
        );
    }
}
